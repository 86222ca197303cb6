"""The feature table: one row per customer who had ordered, as of the start of a day.

Only what happened before that moment counts; a later cancellation leaves an order in, because
nobody knew of it then. What customers did comes from the days of events: the moment is the start of
a day in UTC, so whole days before it are all that was done before it, and nothing that came after.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from crm import planner, rollups
from crm.models import Order
from marketing.choices import RunState
from marketing.models import Feature, TrainingRun

if TYPE_CHECKING:  # web processes name features and never hold arrays
    import numpy as np
    from numpy.typing import NDArray

# The columns in the order that estimators see them.
NAMES = (
    "tenure_days",
    "recency_days",
    "orders",
    "orders_90_days",
    "orders_365_days",
    "revenue",
    "revenue_365_days",
    "average_order",
    "gap_days",
    "categories",
    "views_30_days",
    "views_90_days",
    "engagements_90_days",
)
# How many days of feature rows are kept beside those that runs in use need.
KEEP_DAYS = 40

_LOCK_SPACE = 0xFEA7

_BUILD = f"""
    WITH known AS MATERIALIZED (
        SELECT o.id, o.customer_id, o.placed_at, o.total
        FROM crm_order o
        LEFT JOIN crm_event e ON e.key = 'order:' || o.number || ':cancelled'
        WHERE o.customer_id IS NOT NULL AND o.placed_at < %(moment)s
          AND (o.state = 'placed' OR e.occurred_at >= %(moment)s)
    ),
    bought AS (
        SELECT customer_id, count(*) AS orders, sum(total) AS revenue,
            min(placed_at) AS first_at, max(placed_at) AS last_at,
            count(*) FILTER (WHERE placed_at >= %(moment)s - interval '90 days') AS orders_90,
            count(*) FILTER (WHERE placed_at >= %(moment)s - interval '365 days') AS orders_365,
            coalesce(sum(total) FILTER (
                WHERE placed_at >= %(moment)s - interval '365 days'), 0) AS revenue_365
        FROM known GROUP BY customer_id
    ),
    wide AS (
        SELECT k.customer_id, count(DISTINCT p.category) AS categories
        FROM known k JOIN crm_orderline l ON l.order_id = k.id AND l.quantity > 0
        JOIN crm_product p ON p.id = l.product_id
        GROUP BY k.customer_id
    ),
    did AS (
        SELECT customer_id,
            sum(count) FILTER (WHERE name = 'product.viewed'
                AND date >= %(day)s::date - 30) AS views_30,
            sum(count) FILTER (WHERE name = 'product.viewed') AS views_90,
            sum(count) FILTER (WHERE name <> 'product.viewed') AS engagements
        FROM {rollups.DAYS} AS told
        WHERE name IN ('product.viewed', 'message.clicked', 'message.received')
          AND date >= %(day)s::date - 90 AND date < %(day)s
        GROUP BY customer_id
    )
    INSERT INTO marketing_feature (as_of_date, customer_id, tenure_days, recency_days, orders,
        orders_90_days, orders_365_days, revenue, revenue_365_days, average_order, gap_days,
        categories, views_30_days, views_90_days, engagements_90_days)
    SELECT %(day)s, b.customer_id,
        extract(epoch FROM %(moment)s - b.first_at) / 86400,
        extract(epoch FROM %(moment)s - b.last_at) / 86400,
        b.orders, b.orders_90, b.orders_365, b.revenue, b.revenue_365, b.revenue / b.orders,
        CASE WHEN b.orders > 1
            THEN extract(epoch FROM b.last_at - b.first_at) / 86400 / (b.orders - 1) END,
        coalesce(w.categories, 0), coalesce(d.views_30, 0), coalesce(d.views_90, 0),
        coalesce(d.engagements, 0)
    FROM bought b
    LEFT JOIN wide w ON w.customer_id = b.customer_id
    LEFT JOIN did d ON d.customer_id = b.customer_id
"""  # noqa: S608 - made of constants

_LABEL = """
    SELECT DISTINCT o.customer_id FROM crm_order o
    WHERE o.state = 'placed' AND o.customer_id = ANY(%s::bigint[])
      AND o.placed_at >= %s AND o.placed_at < %s
"""


@dataclass(frozen=True)
class Matrix:
    """Features as arrays: ids of n customers, and n × d values in the order of NAMES."""

    as_of_date: date
    customer_ids: "NDArray[np.int64]"
    values: "NDArray[np.float64]"

    def columns(self, names: Sequence[str]) -> "NDArray[np.float64]":
        """Only the named columns, in that order (n × number of names)."""
        return self.values[:, [NAMES.index(name) for name in names]]


def build(*, as_of_date: date) -> int:
    """Compute the rows of a day by one statement; building again replaces them."""
    with transaction.atomic(), connection.cursor() as cursor:
        days = as_of_date.toordinal()
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_SPACE, days])
        Feature.objects.filter(as_of_date=as_of_date).delete()
        # Every side is a whole table: hash joins, whatever stale statistics make of it.
        with planner.hashed():
            cursor.execute(_BUILD, {"moment": moment(day=as_of_date), "day": as_of_date})
        return int(cursor.rowcount)


def matrix(*, as_of_date: date) -> Matrix:
    """Read the rows of a day; a gap nobody knows is NaN."""
    import numpy as np

    rows = Feature.objects.filter(as_of_date=as_of_date).order_by("customer_id")
    found: Sequence[tuple[Any, ...]] = list(rows.values_list("customer_id", *NAMES))
    table = np.array(found, dtype=np.float64).reshape(len(found), len(NAMES) + 1)
    return Matrix(as_of_date, table[:, 0].astype(np.int64), table[:, 1:])


def bought_within(*, features: Matrix, days: int) -> "NDArray[np.int64]":
    """Label each customer: 1 where an order was placed in the days after the features, else 0."""
    import numpy as np

    since = moment(day=features.as_of_date)
    with connection.cursor() as cursor:
        ids = features.customer_ids.tolist()
        cursor.execute(_LABEL, [ids, since, since + timedelta(days=days)])
        buyers = np.array([customer_id for (customer_id,) in cursor.fetchall()], dtype=np.int64)
    return np.isin(features.customer_ids, buyers).astype(np.int64)


def latest_date(*, now: datetime) -> date:
    """The day to compute features for: today, or the day after the last order of a shop at rest."""
    placed = Order.objects.filter(placed_at__lt=now)
    newest = placed.order_by("-placed_at").values_list("placed_at", flat=True).first()
    if newest is None:
        return now.date()
    return min(now.date(), newest.date() + timedelta(days=1))


def prune(*, now: datetime) -> int:
    """Drop rows of old days, except those that a run in use was made from."""
    used = TrainingRun.objects.filter(state=RunState.USED).values_list("as_of_date", flat=True)
    keep = {day for day in used if day} | {latest_date(now=now)}
    old = now.date() - timedelta(days=KEEP_DAYS)
    return Feature.objects.filter(as_of_date__lt=old).exclude(as_of_date__in=keep).delete()[0]


def moment(*, day: date) -> datetime:
    """The start of a day, in UTC."""
    return datetime.combine(day, time(), UTC)
