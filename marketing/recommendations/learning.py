"""What goes with what: item-to-item collaborative filtering from co-purchase, by set-wise SQL.

Linden, Smith, York (2003), “Amazon.com recommendations: item-to-item collaborative filtering”, with
the cosine and the few best neighbours of Sarwar, Karypis, Konstan, Riedl (2001). With w(u, i) what
buyer u's last purchase of product i still counts, halved every HALF_LIFE_DAYS, and n(i, j) how many
bought both:

    weight(i, j) = Σ_u w(u, i) w(u, j) / √(Σ_u w(u, i)² · Σ_u w(u, j)²) · n / (n + SHRINKAGE)

Weights have no unit and lie from 0 to 1. A table of B buyers, of whose purchases only the latest
MOST_OF_A_BUYER products count, is joined with itself: at most B · MOST² / 2 rows, so a wholesaler
with thousands of products costs no more than anybody else. What fewer than LEAST_SUPPORT bought
can have no neighbour and is left out before the join.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from crm import planner
from crm.models import Order

HISTORY_DAYS = 730
HALF_LIFE_DAYS = 90
BESTSELLER_HALF_LIFE_DAYS = 30
LEAST_SUPPORT = 3
SHRINKAGE = 10
MOST_OF_A_BUYER = 40
NEIGHBOURS = 20
# Bestsellers that are kept: overall, and of each category.
BESTSELLERS = 500
BESTSELLERS_OF_A_CATEGORY = 40

# What was bought and not given back since; a return is a line, or an order, of less than nothing.
_BOUGHT = """
    CREATE TEMPORARY TABLE recommendation_bought ON COMMIT DROP AS
    SELECT o.customer_id, l.product_id,
        max(o.placed_at) FILTER (WHERE l.quantity > 0) AS bought_at
    FROM crm_order o JOIN crm_orderline l ON l.order_id = o.id
    WHERE o.customer_id IS NOT NULL AND o.state = 'placed'
      AND o.placed_at >= %(since)s AND o.placed_at < %(until)s
    GROUP BY o.customer_id, l.product_id HAVING sum(l.quantity) > 0
"""
_COUNTED = """
    CREATE TEMPORARY TABLE recommendation_counted ON COMMIT DROP AS
    WITH known AS (
        SELECT product_id FROM recommendation_bought
        GROUP BY product_id HAVING count(*) >= %(least)s
    ),
    latest AS (
        SELECT b.*, row_number() OVER (
            PARTITION BY b.customer_id ORDER BY b.bought_at DESC, b.product_id) AS nth
        FROM recommendation_bought b JOIN known USING (product_id)
    )
    SELECT customer_id, product_id,
        power(0.5, date_part('epoch', %(until)s - bought_at) / 86400 / %(half_life)s)
            AS weight
    FROM latest WHERE nth <= %(most)s
"""
_NEIGHBOURS = """
    CREATE TEMPORARY TABLE recommendation_neighbour ON COMMIT DROP AS
    WITH norms AS (
        SELECT product_id, sqrt(sum(weight * weight)) AS norm
        FROM recommendation_counted GROUP BY product_id
    ),
    together AS (
        SELECT a.product_id AS one, b.product_id AS other, count(*) AS support,
            sum(a.weight * b.weight) AS dot
        FROM recommendation_counted a JOIN recommendation_counted b
            ON b.customer_id = a.customer_id AND b.product_id > a.product_id
        GROUP BY 1, 2 HAVING count(*) >= %(least)s
    ),
    alike AS (
        SELECT t.one, t.other, t.support,
            t.dot / (n.norm * m.norm) * t.support / (t.support + %(shrinkage)s) AS weight
        FROM together t JOIN norms n ON n.product_id = t.one JOIN norms m ON m.product_id = t.other
    ),
    both_ways AS (
        SELECT one AS product_id, other AS other_id, support, weight FROM alike
        UNION ALL SELECT other, one, support, weight FROM alike
    ),
    ranked AS (
        SELECT b.*, row_number() OVER (
            PARTITION BY b.product_id ORDER BY b.weight DESC, b.other_id) AS rank
        FROM both_ways b JOIN crm_product p ON p.id = b.other_id AND p.is_active
    )
    SELECT product_id, other_id, rank, weight, support FROM ranked WHERE rank <= %(neighbours)s
"""
_BESTSELLERS = """
    CREATE TEMPORARY TABLE recommendation_bestseller ON COMMIT DROP AS
    WITH sold AS (
        SELECT b.product_id, count(*) AS buyers,
            sum(power(0.5, date_part('epoch', %(until)s - b.bought_at) / 86400
                / %(bestseller_half_life)s)) AS weight
        FROM recommendation_bought b GROUP BY b.product_id
    ),
    ranked AS (
        SELECT s.*, row_number() OVER (ORDER BY s.weight DESC, s.product_id) AS rank,
            row_number() OVER (
                PARTITION BY p.category ORDER BY s.weight DESC, s.product_id) AS category_rank
        FROM sold s JOIN crm_product p ON p.id = s.product_id AND p.is_active
    )
    SELECT product_id, row_number() OVER (ORDER BY rank) AS rank, buyers, weight FROM ranked
    WHERE rank <= %(bestsellers)s OR category_rank <= %(of_a_category)s
"""
_DROP = """
    DROP TABLE IF EXISTS recommendation_bought, recommendation_counted,
        recommendation_neighbour, recommendation_bestseller
"""
_COUNTS = """
    SELECT count(*), count(*) FILTER (WHERE own.products >= 2),
        (SELECT count(*) FROM (SELECT FROM recommendation_bought GROUP BY product_id) AS bought)
    FROM (
        SELECT count(*) AS products FROM recommendation_bought GROUP BY customer_id
    ) AS own
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many bought something, how many of them two products or more, and how many products."""

    buyers: int
    buyers_of_several: int
    products: int


def learn(*, until: datetime) -> Counts:
    """Learn from what was bought before a moment, into temporary tables of this transaction.

    `recommendation_bought`, `…_neighbour` and `…_bestseller` are there until it ends.
    """
    values = _values(until)
    with connection.cursor() as cursor:
        cursor.execute(_DROP)
        # Every side is a whole table: hash joins, whatever stale statistics make of it.
        with planner.hashed():
            cursor.execute("SET LOCAL work_mem = '128MB'")
            for statement in (_BOUGHT, _COUNTED, _NEIGHBOURS, _BESTSELLERS):
                cursor.execute(statement, values)
        cursor.execute(_COUNTS)
        return Counts(*cursor.fetchone())


def moment(*, now: datetime) -> datetime:
    """Until when to learn: now, or just after the last order of a shop at rest."""
    placed = Order.objects.filter(placed_at__lt=now)
    newest = placed.order_by("-placed_at").values_list("placed_at", flat=True).first()
    return now if newest is None else min(now, newest + timedelta(days=1))


def settings() -> dict[str, int]:
    """What a run was learnt with, as it is kept beside it."""
    return {
        "history_days": HISTORY_DAYS,
        "half_life_days": HALF_LIFE_DAYS,
        "bestseller_half_life_days": BESTSELLER_HALF_LIFE_DAYS,
        "least_support": LEAST_SUPPORT,
        "shrinkage": SHRINKAGE,
        "most_of_a_buyer": MOST_OF_A_BUYER,
        "neighbours": NEIGHBOURS,
    }


def _values(until: datetime) -> Mapping[str, Any]:
    return {
        "since": until - timedelta(days=HISTORY_DAYS),
        "until": until,
        "half_life": HALF_LIFE_DAYS,
        "bestseller_half_life": BESTSELLER_HALF_LIFE_DAYS,
        "least": LEAST_SUPPORT,
        "shrinkage": SHRINKAGE,
        "most": MOST_OF_A_BUYER,
        "neighbours": NEIGHBOURS,
        "bestsellers": BESTSELLERS,
        "of_a_category": BESTSELLERS_OF_A_CATEGORY,
    }
