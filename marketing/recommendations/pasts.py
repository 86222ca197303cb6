"""What leads people to products: what they bought, looked at and put in carts; many at once."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from django.db import connection

from crm.arrays import numbers

from .learning import HISTORY_DAYS
from .ranking import SEEDS, Past

# What was bought so lately is not recommended again.
NOT_AGAIN_DAYS = 365
# A purchase counts for 1 at first, a product in the cart and one looked at for less; the days in
# which that halves.
_IN_CART, _VIEWED = 0.8, 0.4
_HALF_LIFE, _VIEWED_HALF_LIFE = 90.0, 14.0
_VIEWED_DAYS = 30
# What weighs less than this share of a person's weightiest product changes no ranking.
_LEAST_SHARE = 1 / 16
# Views are looked for among so many of the latest things a person did, not in a whole history.
_LATEST = 60

# Laterals for each person: by the index, never through a whole table whatever is asked for.
_PASTS = """
    SELECT asked.id, bought.product_id, power(0.5, bought.age / %(half_life)s) AS weight,
        CASE WHEN bought.age < %(not_again)s THEN 0 ELSE 1 END AS kind
    FROM unnest(%(ids)s::bigint[]) AS asked (id) CROSS JOIN LATERAL (
        SELECT l.product_id, date_part('epoch',
            %(now)s - max(o.placed_at) FILTER (WHERE l.quantity > 0)) / 86400 AS age
        FROM crm_order o JOIN crm_orderline l ON l.order_id = o.id
        WHERE o.customer_id = asked.id AND o.state = 'placed'
          AND o.placed_at >= %(since)s AND o.placed_at < %(now)s
        GROUP BY l.product_id HAVING sum(l.quantity) > 0
    ) AS bought
    UNION ALL
    SELECT asked.id, p.id, max(
            CASE did.name WHEN 'cart.product_added' THEN %(in_cart)s ELSE %(viewed)s END
            * power(0.5, date_part('epoch', %(now)s - did.occurred_at) / 86400
                / %(viewed_half_life)s)), 2
    FROM unnest(%(ids)s::bigint[]) AS asked (id) CROSS JOIN LATERAL (
        SELECT name, occurred_at, properties FROM crm_event e
        WHERE e.customer_id = asked.id AND e.occurred_at >= %(viewed_since)s
          AND e.occurred_at < %(now)s
        ORDER BY e.occurred_at DESC, e.id DESC LIMIT %(latest)s
    ) AS did JOIN crm_product p ON p.sku = did.properties ->> 'sku'
    WHERE did.name IN ('product.viewed', 'cart.product_added')
    GROUP BY asked.id, p.id
"""
_LEARNT = """
    SELECT customer_id, product_id,
        power(0.5, date_part('epoch', %s - bought_at) / 86400 / %s) AS weight, 0
    FROM recommendation_bought WHERE customer_id = ANY(%s::bigint[])
"""
_by_weight = itemgetter(1)


def read(*, customer_ids: Collection[int], now: datetime, learnt_at: datetime) -> dict[int, Past]:
    """What these people did before now, by one statement; who did nothing is not in the answer.

    The past reaches as far back as it did when neighbours were learnt, in a shop at rest too.
    """
    values: dict[str, Any] = {
        "ids": numbers(of=customer_ids),
        "now": now,
        "since": min(now, learnt_at) - timedelta(days=HISTORY_DAYS),
        "half_life": _HALF_LIFE,
        "not_again": NOT_AGAIN_DAYS,
        "in_cart": _IN_CART,
        "viewed": _VIEWED,
        "viewed_half_life": _VIEWED_HALF_LIFE,
        "viewed_since": now - timedelta(days=_VIEWED_DAYS),
        "latest": _LATEST,
    }
    with connection.cursor() as cursor:
        cursor.execute(_PASTS, values)
        return _pasts(cursor.fetchall())


def learnt(*, customer_ids: Collection[int], until: datetime) -> dict[int, Past]:
    """What these people had bought in what is being learnt from; all of it counts as owned."""
    with connection.cursor() as cursor:
        cursor.execute(_LEARNT, [until, _HALF_LIFE, numbers(of=customer_ids)])
        return _pasts(cursor.fetchall())


def _pasts(rows: Iterable[tuple[int, int, float, int]]) -> dict[int, Past]:
    """Rows of (customer, product, weight, kind) as a past for each customer."""
    seeds_of: dict[int, dict[int, float]] = {}
    kinds_of: dict[int, tuple[set[int], set[int], set[int]]] = {}
    for customer_id, product_id, weight, kind in rows:
        own = seeds_of.get(customer_id)
        if own is None:
            own = seeds_of[customer_id] = {}
            kinds_of[customer_id] = set(), set(), set()
        kinds_of[customer_id][kind].add(product_id)
        if weight > own.get(product_id, 0.0):
            own[product_id] = weight
    found = {}
    for customer_id, (owned, bought, viewed) in kinds_of.items():
        heaviest = sorted(seeds_of[customer_id].items())
        # Of equal weights the lowest number is first: sorting is stable.
        heaviest.sort(key=_by_weight, reverse=True)
        least = heaviest[0][1] * _LEAST_SHARE
        seeds = [seed for seed in heaviest[:SEEDS] if seed[1] >= least]
        found[customer_id] = Past(seeds, owned, viewed - owned - bought)
    return found
