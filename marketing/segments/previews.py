"""How a rule tree would come out now, exactly or by a sample, and who is in a segment."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from crm import consent, planner
from crm.choices import Channel, Purpose
from crm.models import Customer
from marketing import rules as rule_trees
from marketing.models import Membership

from .base import time_limit

SAMPLE = 5
# As many customers say within a percent and a half of everybody how large a group is, at once.
ASKED = 5_000
# Who can be counted in statements of so many seconds is counted, and not estimated.
AT_ONCE = 0.1
# More than this in PostgreSQL's own units is not even tried: some 4 µs each, measured.
_DEAR = 25_000
_STOPPED = "57014"
# Two standard errors: what an estimate is not off by in nineteen cases of twenty.
_SURE = 1.96

_KEEP = "CREATE TEMPORARY TABLE previewed ON COMMIT DROP AS "
_COUNT = "SELECT count(*) FROM previewed"
# By chance, and the same ones while the group stays the same.
_SOME = "SELECT id FROM previewed ORDER BY hashint8(id), id LIMIT %s"
_EVERYBODY = "SELECT reltuples FROM pg_class WHERE oid = 'crm_customer'::regclass"


@dataclass(frozen=True, slots=True)
class Preview:
    """How a rule tree would come out now; where `margin` is 0 it was counted to the last."""

    total: int
    reach: Mapping[str, consent.Reach]
    sample: list[Customer]
    computed_at: datetime
    margin: int = 0


def preview(*, rules: Any, now: datetime) -> Preview:
    """Count a rule tree, its reach per channel and five people, without keeping anything."""
    planner.recount()
    return _count(rules, now, within=None)


def estimate(*, rules: Any, now: datetime) -> Preview:
    """What `preview` would say, from a random share of the customers where counting takes long.

    The share is fixed, so that the figure moves with the rules only. Error: `margin` is 1.96
    standard errors of a sampled share, by the binomial distribution.
    """
    rule_trees.validate(rules=rules)
    planner.recount()
    everybody = _everybody()
    if everybody < 10 * ASKED:
        return preview(rules=rules, now=now)
    if (counted := _counted_at_once(rules, now)) is not None:
        return counted
    percent = max(round(100 * ASKED / everybody, 2), 0.01)
    with _found(_share_of(rules, percent), now, within=None) as (found, count):
        reach, people = _reach(found, now), _people()
    scale = 100 / percent
    share = count * scale / everybody
    spread = math.sqrt(max(count, 1) * max(1 - share, 0))
    return Preview(
        total=round(count * scale),
        reach={channel: _scaled(one, scale) for channel, one in reach.items()},
        sample=people,
        computed_at=now,
        margin=math.ceil(_SURE * spread * scale),
    )


def members(*, segment_id: int) -> QuerySet[Customer]:
    """The customers who are in a segment, as last computed."""
    return Customer.objects.filter(
        pk__in=Membership.objects.filter(segment_id=segment_id).values("customer_id")
    )


def _counted_at_once(rules: Any, now: datetime) -> Preview | None:
    """What `preview` says where that takes no time, else nothing."""
    planned = rule_trees.estimate_plan(rules=rules, now=now)
    if planned.cost > _DEAR or planned.rows > 2 * ASKED:
        return None
    try:
        return _count(rules, now, within=AT_ONCE)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != _STOPPED:
            raise
        return None


def _count(rules: Any, now: datetime, *, within: float | None) -> Preview:
    with _found(rules, now, within=within) as (found, total):
        return Preview(total, _reach(found, now), _people(), now)


@contextmanager
def _found(
    rules: Any, now: datetime, *, within: float | None
) -> Iterator[tuple[QuerySet[Customer], int]]:
    """The people of a rule tree, found once and asked several times."""
    compiled = rule_trees.compile_rules(rules=rules, now=now)
    with transaction.atomic(), time_limit(seconds=within):
        with connection.cursor() as cursor:
            cursor.execute(_KEEP + compiled.sql, compiled.params)
            # Without it, many are looked up one by one as if they were few.
            cursor.execute("ANALYZE previewed")
            cursor.execute(_COUNT)
            [total] = cursor.fetchone() or [0]
        yield Customer.objects.filter(pk__in=RawSQL("SELECT id FROM previewed", ())), total
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE previewed")


def _reach(found: QuerySet[Customer], now: datetime) -> dict[str, consent.Reach]:
    return {
        channel.value: consent.count_reach(
            customers=found, channel=channel, purpose=Purpose.MARKETING, now=now
        )
        for channel in Channel
    }


def _people() -> list[Customer]:
    found = Customer.objects.filter(pk__in=RawSQL(_SOME, (SAMPLE,)))  # noqa: S611
    return list(found.order_by("bucket", "id"))


def _everybody() -> int:
    """How many customers there are, as PostgreSQL last counted them."""
    with connection.cursor() as cursor:
        cursor.execute(_EVERYBODY)
        [everybody] = cursor.fetchone() or [0]
    return int(everybody)


def _share_of(rules: Mapping[str, Any], percent: float) -> dict[str, Any]:
    """The same rules of a share of the customers."""
    body = {key: value for key, value in rules.items() if key != "version"}
    nodes = body["all"] if list(body) == ["all"] else [body]
    return {"version": rules["version"], "all": [{"share": percent}, *nodes]}


def _scaled(reach: consent.Reach, scale: float) -> consent.Reach:
    return consent.Reach(
        total=round(reach.total * scale),
        reachable=round(reach.reachable * scale),
        refused={refusal: round(count * scale) for refusal, count in reach.refused.items()},
    )
