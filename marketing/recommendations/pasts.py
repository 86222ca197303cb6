"""What leads people to products: what they bought, looked at and put in carts; many at once."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db import connection

from crm.arrays import numbers

from .learning import HISTORY_DAYS
from .ranking import SEEDS, Past

# What was bought so lately is not recommended again.
NOT_AGAIN_DAYS = 365
# What a purchase, a product in the cart and one looked at count for at first, and the days in
# which that halves.
_BOUGHT, _IN_CART, _VIEWED = 1.0, 0.8, 0.4
_BOUGHT_HALF_LIFE, _VIEWED_HALF_LIFE = 90.0, 14.0
_VIEWED_DAYS = 30
# Views are looked for among so many of the latest things a person did, not in a whole history.
_LATEST = 60

_PASTS = """
    SELECT * FROM (
        SELECT o.customer_id, l.product_id,
            min(extract(epoch FROM %(now)s - o.placed_at)::float8)
                FILTER (WHERE l.quantity > 0) / 86400 AS age, 0 AS kind
        FROM crm_order o JOIN crm_orderline l ON l.order_id = o.id
        WHERE o.customer_id = ANY(%(ids)s::bigint[]) AND o.state = 'placed'
          AND o.placed_at >= %(since)s AND o.placed_at < %(now)s
        GROUP BY o.customer_id, l.product_id HAVING sum(l.quantity) > 0
        UNION ALL
        SELECT asked.id, p.id, min(extract(epoch FROM %(now)s - did.occurred_at)::float8) / 86400,
            min(CASE did.name WHEN 'cart.product_added' THEN 1 ELSE 2 END)
        FROM unnest(%(ids)s::bigint[]) AS asked (id) CROSS JOIN LATERAL (
            SELECT name, occurred_at, properties FROM crm_event e
            WHERE e.customer_id = asked.id AND e.occurred_at >= %(viewed_since)s
              AND e.occurred_at < %(now)s
            ORDER BY e.occurred_at DESC, e.id DESC LIMIT %(latest)s
        ) AS did JOIN crm_product p ON p.sku = did.properties ->> 'sku'
        WHERE did.name IN ('product.viewed', 'cart.product_added')
        GROUP BY asked.id, p.id
    ) AS past ORDER BY customer_id
"""
_LEARNT = """
    SELECT customer_id, product_id,
        extract(epoch FROM %s - bought_at)::float8 / 86400 AS age, 0
    FROM recommendation_bought WHERE customer_id = ANY(%s::bigint[])
    ORDER BY customer_id
"""
_customer = itemgetter(0)


def read(*, customer_ids: Collection[int], now: datetime, learnt_at: datetime) -> dict[int, Past]:
    """What these people did before now, by one statement; who did nothing is not in the answer.

    The past reaches as far back as it did when neighbours were learnt, in a shop at rest too.
    """
    values: dict[str, Any] = {
        "ids": numbers(of=customer_ids),
        "now": now,
        "since": min(now, learnt_at) - timedelta(days=HISTORY_DAYS),
        "viewed_since": now - timedelta(days=_VIEWED_DAYS),
        "latest": _LATEST,
    }
    with connection.cursor() as cursor:
        cursor.execute(_PASTS, values)
        return _pasts(cursor.fetchall(), NOT_AGAIN_DAYS)


def learnt(*, customer_ids: Collection[int], until: datetime) -> dict[int, Past]:
    """What these people had bought in what is being learnt from; all of it counts as owned."""
    with connection.cursor() as cursor:
        cursor.execute(_LEARNT, [until, numbers(of=customer_ids)])
        return _pasts(cursor.fetchall(), HISTORY_DAYS)


def _pasts(rows: Iterable[tuple[Any, ...]], not_again_days: float) -> dict[int, Past]:
    """Rows of (customer, product, age in days, kind) as a past for each."""
    found = {}
    for customer_id, own in groupby(rows, key=_customer):
        seeds: dict[int, float] = {}
        owned, bought = set(), set()
        for _, product_id, age, kind in own:
            if kind == 0:
                bought.add(product_id)
                weight = _BOUGHT * 0.5 ** (age / _BOUGHT_HALF_LIFE)
                if age < not_again_days:
                    owned.add(product_id)
            else:
                most = _IN_CART if kind == 1 else _VIEWED
                weight = most * 0.5 ** (age / _VIEWED_HALF_LIFE)
            seeds[product_id] = max(weight, seeds.get(product_id, 0.0))
        found[customer_id] = Past(_heaviest(seeds), owned, seeds.keys() - bought)
    return found


def _heaviest(seeds: dict[int, float]) -> list[tuple[int, float]]:
    """The weightiest seeds, of equal ones the lowest number; the first leads the ranking."""
    return sorted(seeds.items(), key=lambda seed: (-seed[1], seed[0]))[:SEEDS]
