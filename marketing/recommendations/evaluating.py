"""How well recommendations foresee what people bought next, beside the bestsellers.

The past is cut where a tenth of the orders lie after it. Everything is learnt from what was before;
for everybody who bought before and something new after, the first TOP products that would have been
recommended are held against what they bought. What they had before counts for neither side.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log2, sqrt
from typing import Any

from django.db import connection

from .ranking import Past, Shelf, rank

TOP = 10
HELD_OUT = 0.1
# People that are looked at: those with the lowest random draw, so always the same.
MOST_PEOPLE = 5_000
# Of a normal distribution, 95 % lie within so many standard errors.
_Z = 1.96

_CUT = """
    SELECT percentile_disc(%s) WITHIN GROUP (ORDER BY placed_at) FROM crm_order
    WHERE state = 'placed' AND customer_id IS NOT NULL AND placed_at >= %s AND placed_at < %s
"""
_HELD_OUT = """
    WITH later AS (
        SELECT o.customer_id, l.product_id
        FROM crm_order o JOIN crm_orderline l ON l.order_id = o.id AND l.quantity > 0
        WHERE o.state = 'placed' AND o.placed_at >= %(cut)s AND o.placed_at < %(until)s
          AND o.customer_id IN (SELECT customer_id FROM recommendation_bought)
        EXCEPT SELECT customer_id, product_id FROM recommendation_bought
    )
    SELECT t.customer_id, t.products FROM (
        SELECT customer_id, array_agg(product_id) AS products FROM later GROUP BY customer_id
    ) AS t JOIN crm_customer c ON c.id = t.customer_id
    ORDER BY c.bucket, c.id LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Rated:
    """Means over the people: the share with a hit among the first TOP, and NDCG (0 to 1)."""

    hit_rate: float
    ndcg: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Both sides, the mean gain in NDCG with its 95 % interval, and how many people that is."""

    people: int
    ours: Rated
    bestsellers: Rated
    gain: float
    gain_low: float
    gain_high: float


def cut(*, since: datetime, until: datetime) -> datetime | None:
    """Where the last tenth of the orders of a time begins; nothing where there are none."""
    with connection.cursor() as cursor:
        cursor.execute(_CUT, [1 - HELD_OUT, since, until])
        moment: datetime | None = cursor.fetchone()[0]
    return moment


def held_out(*, since: datetime, until: datetime) -> dict[int, set[int]]:
    """What people bought after the cut that they had not before, by customer."""
    values: dict[str, Any] = {"cut": since, "until": until, "most": MOST_PEOPLE}
    with connection.cursor() as cursor:
        cursor.execute(_HELD_OUT, values)
        return {customer_id: set(products) for customer_id, products in cursor.fetchall()}


def judge(
    *, pasts: Mapping[int, Past], later: Mapping[int, Collection[int]], shelf: Shelf
) -> Verdict:
    """Recommend to everybody who bought later, in both ways, and compare with what they bought."""
    plain = Shelf(bestsellers=shelf.bestsellers)
    ours, theirs, gains = [], [], []
    for customer_id, bought in later.items():
        past = pasts[customer_id]
        one = _rate(rank(past=past, shelf=shelf, count=TOP), bought)
        other = _rate(rank(past=past, shelf=plain, count=TOP), bought)
        ours.append(one)
        theirs.append(other)
        gains.append(one.ndcg - other.ndcg)
    gain, error = _mean(gains), _standard_error(gains)
    return Verdict(
        len(later), _means(ours), _means(theirs), gain, gain - _Z * error, gain + _Z * error
    )


def _rate(shown: Sequence[int], bought: Collection[int]) -> Rated:
    """A hit counts less the later it comes: 1 / log2(place + 1), of the most there could be."""
    gained = sum(1 / log2(place + 2) for place, one in enumerate(shown) if one in bought)
    most = sum(1 / log2(place + 2) for place in range(min(TOP, len(bought))))
    return Rated(float(gained > 0), gained / most)


def _means(rated: Sequence[Rated]) -> Rated:
    return Rated(_mean([one.hit_rate for one in rated]), _mean([one.ndcg for one in rated]))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _standard_error(values: Sequence[float]) -> float:
    if len(values) < 2:
        return 0.0
    mean = _mean(values)
    spread = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return sqrt(spread / len(values))
