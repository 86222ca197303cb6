"""What the people of a segment have in common that everybody has less of, or more."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.core.cache import cache
from django.db import OperationalError, connection, transaction

from marketing.models import Segment
from marketing.segments.base import time_limit

# As many people of each side tell shares within a percent or two.
ASKED = 5_000
# As many are asked where those have so long histories that it takes too long.
FEWER = 500
LIMIT_SECONDS = 6.0
# What everybody is like is the same for all segments, and hardly changes in so long.
KEPT_SECONDS = 600
# Fewer people say nothing about a group.
LEAST = 20
RECENT_DAYS = 90
# A difference of so many standard errors is no chance, though dozens of traits are looked at.
SURE = 4.0
_LEAST_SHARE = 0.01
# Standard errors mislead where so few have a trait.
_LEAST_PEOPLE = 10


@dataclass(frozen=True, slots=True)
class Trait:
    """One thing that stands out: shares of 0 to 1, lift is the first over the second."""

    facet: str
    name: str
    value: str
    share: float
    usual: float

    @property
    def lift(self) -> float:
        """How many times as frequent as among everybody."""
        return self.share / self.usual if self.usual else math.inf


@dataclass(frozen=True, slots=True)
class Figure:
    """An average per person, in the segment and among everybody."""

    name: str
    mean: float
    usual: float


@dataclass(frozen=True, slots=True)
class Profile:
    """A segment beside everybody, told from so many people of each."""

    asked: int
    usual_asked: int
    more: tuple[Trait, ...]
    less: tuple[Trait, ...]
    figures: tuple[Figure, ...]

    @property
    def is_known(self) -> bool:
        """Whether there were enough people to say anything."""
        return min(self.asked, self.usual_asked) >= LEAST


_MEMBERS = """
    SELECT customer_id FROM marketing_membership WHERE segment_id = %s
    ORDER BY hashint8(customer_id) LIMIT %s
"""
# Of very many members a share of the buckets holds enough, and they need not all be sorted.
_MANY = 200_000
_SOME_MEMBERS = """
    SELECT m.customer_id FROM crm_customer c
    JOIN marketing_membership m ON m.segment_id = %s AND m.customer_id = c.id
    WHERE c.bucket < %s ORDER BY hashint8(m.customer_id) LIMIT %s
"""
_STOPPED = "57014"
_ANYBODY = "SELECT id FROM crm_customer WHERE bucket < %s ORDER BY bucket, id LIMIT %s"
_SIZE = "SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'crm_customer'::regclass"

# Each facet selects name, value and customer once per trait of a customer among %(ids)s.
_FACETS = {
    "field": """
        SELECT f.name, f.value, c.id FROM crm_customer c CROSS JOIN LATERAL (VALUES
            ('country', c.country), ('language', c.language), ('city', c.city)
        ) AS f(name, value) WHERE c.id = ANY(%(ids)s)
    """,
    "attribute": """
        SELECT a.key, a.value #>> '{}', c.id
        FROM crm_customer c CROSS JOIN LATERAL jsonb_each(c.attributes) AS a
        WHERE c.id = ANY(%(ids)s) AND a.key = ANY(%(attributes)s)
          AND jsonb_typeof(a.value) IN ('string', 'boolean')
    """,
    "event": """
        SELECT d.name, '', d.customer_id FROM crm_eventday d
        WHERE d.customer_id = ANY(%(ids)s) AND d.date >= %(since)s GROUP BY 1, 2, 3
    """,
    "category": """
        SELECT p.category, '', o.customer_id FROM crm_order o
        JOIN crm_orderline l ON l.order_id = o.id JOIN crm_product p ON p.id = l.product_id
        WHERE o.customer_id = ANY(%(ids)s) AND o.state = 'placed' GROUP BY 1, 2, 3
    """,
    "ordered": """
        SELECT '', '', s.customer_id FROM crm_orderstatistics s
        WHERE s.customer_id = ANY(%(ids)s) AND s.orders > 0
    """,
    "consent": """
        SELECT k.channel, '', k.customer_id FROM crm_consent k
        WHERE k.customer_id = ANY(%(ids)s) AND k.purpose = 'marketing' AND k.state = 'granted'
    """,
}
_COUNTED = """
    SELECT name, value, count(DISTINCT id) FROM ({facet}) AS found(name, value, id)
    WHERE name || value <> '' OR %(is_bare)s GROUP BY 1, 2
"""
_MEANS = """
    SELECT coalesce(sum(orders), 0), coalesce(sum(revenue), 0) FROM crm_orderstatistics
    WHERE customer_id = ANY(%s)
"""
FIGURES = ("orders", "revenue")

Counted = dict[tuple[str, str, str], int]


def describe(
    *, segment_id: int, attributes: frozenset[str], now: datetime, most: int = 12
) -> Profile:
    """Compare the members with everybody, of whom a fixed random share is asked.

    Of `attributes` only these are looked at, for the reader may not see others. A trait stands out
    where its two shares differ by more than `SURE` standard errors of two proportions. Where
    histories are so long that it takes too long, fewer people are asked; where even that does, the
    database stops it.
    """
    try:
        return _describe(segment_id, attributes, now, most, ASKED)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != _STOPPED:
            raise
    return _describe(segment_id, attributes, now, most, FEWER)


def _describe(
    segment_id: int, attributes: frozenset[str], now: datetime, most: int, asked: int
) -> Profile:
    with transaction.atomic(), time_limit(seconds=LIMIT_SECONDS):
        members = _look(_members(segment_id, asked), attributes, now)
        anybody = _everybody(attributes, now, asked)
    if min(members.people, anybody.people) < LEAST:
        return Profile(members.people, anybody.people, (), (), ())
    clear = [
        trait
        for trait in _traits(members, anybody)
        if _stands_out(trait, members.people, anybody.people)
    ]
    more = sorted((trait for trait in clear if trait.share > trait.usual), key=_weight)
    less = sorted((trait for trait in clear if trait.share < trait.usual), key=_weight)
    figures = tuple(
        Figure(name, *both)
        for name, *both in zip(FIGURES, members.means, anybody.means, strict=True)
    )
    return Profile(members.people, anybody.people, tuple(more[:most]), tuple(less[:most]), figures)


def _traits(members: "_Looked", anybody: "_Looked") -> list[Trait]:
    return [
        Trait(
            *key,
            members.counted.get(key, 0) / members.people,
            anybody.counted.get(key, 0) / anybody.people,
        )
        for key in members.counted.keys() | anybody.counted.keys()
    ]


@dataclass(frozen=True, slots=True)
class _Looked:
    """So many people, how many of them have each trait, and their average figures."""

    people: int
    counted: Counted
    means: tuple[float, ...]


def _look(ids: list[int], attributes: frozenset[str], now: datetime) -> _Looked:
    if len(ids) < LEAST:
        return _Looked(len(ids), {}, ())
    return _Looked(len(ids), _count(ids, attributes, now), _means(ids))


def _everybody(attributes: frozenset[str], now: datetime, asked: int) -> _Looked:
    """A share of all customers; kept for a while as plain values."""
    told = ",".join([str(asked), *sorted(attributes)])
    key = f"profile:everybody:{sha256(told.encode()).hexdigest()}"
    kept = cache.get(key)
    if kept is not None:
        people, rows, means = kept
        return _Looked(people, {tuple(name): count for name, count in rows}, tuple(means))
    found = _look(_anybody(asked), attributes, now)
    plain = (found.people, [(list(name), n) for name, n in found.counted.items()], found.means)
    cache.set(key, plain, KEPT_SECONDS)
    return found


def _members(segment_id: int, asked: int) -> list[int]:
    count = Segment.objects.filter(pk=segment_id).values_list("member_count", flat=True).first()
    if (count or 0) > _MANY:
        buckets = math.ceil(10_000 * 4 * asked / (count or 1))
        found = _ids(_SOME_MEMBERS, segment_id, buckets, asked)
        if len(found) == asked:
            return found
    return _ids(_MEMBERS, segment_id, asked)


def _stands_out(trait: Trait, members: int, anybody: int) -> bool:
    if max(trait.share, trait.usual) < _LEAST_SHARE:
        return False
    if max(trait.share * members, trait.usual * anybody) < _LEAST_PEOPLE:
        return False
    pooled = (trait.share * members + trait.usual * anybody) / (members + anybody)
    error = math.sqrt(pooled * (1 - pooled) * (1 / members + 1 / anybody))
    return abs(trait.share - trait.usual) > SURE * error


def _weight(trait: Trait) -> tuple[float, str, str]:
    """What tells the two groups apart best comes first, by the difference of arcsines (Cohen)."""
    apart = abs(math.asin(math.sqrt(trait.share)) - math.asin(math.sqrt(trait.usual)))
    return -apart, trait.name, trait.value


def _anybody(asked: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_SIZE)
        [everybody] = cursor.fetchone() or [0]
    share = min(1.0, 2 * asked / max(1.0, everybody))
    found = _ids(_ANYBODY, math.ceil(share * 10_000), asked)
    if len(found) == asked or share == 1.0:
        return found
    # The table's size is what its statistics remember; fewer people may be left.
    return _ids(_ANYBODY, 10_000, asked)


def _ids(select: str, *params: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(select, params)
        return [row[0] for row in cursor.fetchall()]


def _count(ids: list[int], attributes: frozenset[str], now: datetime) -> Counted:
    since = (now - timedelta(days=RECENT_DAYS)).date()
    params: dict[str, Any] = {"ids": ids, "attributes": sorted(attributes), "since": since}
    counted: Counted = {}
    with connection.cursor() as cursor:
        for facet, select in _FACETS.items():
            asked = _COUNTED.replace("{facet}", select)
            cursor.execute(asked, {**params, "is_bare": facet == "ordered"})
            counted |= {(facet, name, value): count for name, value, count in cursor.fetchall()}
    return counted


def _means(ids: list[int]) -> tuple[float, ...]:
    with connection.cursor() as cursor:
        cursor.execute(_MEANS, [ids])
        return tuple(float(total) / len(ids) for total in cursor.fetchone() or ())
