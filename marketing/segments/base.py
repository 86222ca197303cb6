"""Who belongs in a segment before staff's overrides, and the lock on its members."""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from crm.models import Customer
from marketing import rules as rule_trees
from marketing.choices import SegmentKind
from marketing.models import Segment
from marketing.rules import Compiled
from marketing.rules.base import CLUSTER, EXISTENCE
from marketing.rules.tree import Group

# The advisory lock space of “this segment's members are being written”.
_LOCK_SPACE = 0x5E61

_LISTED = "SELECT customer_id AS id FROM marketing_listentry WHERE segment_id = %s"
_CLUSTERED = "SELECT customer_id AS id FROM marketing_clustermembership WHERE cluster_id = %s"
_AMONG = " AND customer_id = ANY(%s::bigint[])"


def queryset(*, compiled: Compiled) -> QuerySet[Customer]:
    """The customers that a compiled rule tree selects."""
    return Customer.objects.filter(pk__in=RawSQL(compiled.sql, compiled.params))  # noqa: S611


def base(*, segment: Segment, now: datetime, among: Sequence[int] | None = None) -> Compiled:
    """Who belongs in a segment before staff's overrides, of all or among some."""
    if segment.kind == SegmentKind.RULE:
        return rule_trees.compile_rules(rules=segment.rules, now=now, among=among)
    is_cluster = segment.kind == SegmentKind.CLUSTER
    sql, key = (_CLUSTERED, segment.cluster_id) if is_cluster else (_LISTED, segment.pk)
    if among is None:
        return Compiled(sql, (key,))
    return Compiled(sql + _AMONG, (key, list(among)))


def basis(*, segment: Segment) -> str:
    """A hash of what the members are computed from."""
    said = [segment.kind, segment.cluster_id, segment.rules]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def subjects(*, segment: Segment) -> frozenset[str]:
    """What must change about a person for the answer to change; a RuleError where none is known."""
    if segment.kind == SegmentKind.RULE:
        return _subjects(rule_trees.parsed(rules=segment.rules))
    return frozenset({EXISTENCE, CLUSTER} if segment.kind == SegmentKind.CLUSTER else {EXISTENCE})


@lru_cache(maxsize=2_000)
def _subjects(tree: Group) -> frozenset[str]:
    return frozenset({EXISTENCE}).union(*(leaf.subjects() for leaf in rule_trees.leaves(tree)))


def lock(*, segment_id: int) -> None:
    """Wait for, then hold, the right to write the members until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_SPACE, segment_id % 2**31])


def try_locks(*, segment_ids: Collection[int]) -> set[int]:
    """Hold the members of as many of these segments as nobody else holds, without waiting."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM unnest(%s::bigint[]) AS asked (id)"
            " WHERE pg_try_advisory_xact_lock(%s, (id %% 2147483648)::int)",
            [sorted(segment_ids), _LOCK_SPACE],
        )
        return {segment_id for (segment_id,) in cursor.fetchall()}


@contextmanager
def time_limit(*, seconds: float | None = None) -> Iterator[None]:
    """Stop a statement that takes too long; holds until the transaction ends."""
    limit = settings.SEGMENT_TIMEOUT_SECONDS if seconds is None else seconds
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true)", [f"{int(limit * 1000)}ms"]
        )
    yield
