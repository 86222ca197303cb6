"""Who belongs in a segment before staff's overrides, and the lock on its members."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from crm.models import Customer
from marketing import rules as rule_trees
from marketing.choices import SegmentKind
from marketing.models import Segment
from marketing.rules import Compiled

# The advisory lock space of “this segment's members are being written”.
_LOCK_SPACE = 0x5E61


def queryset(*, compiled: Compiled) -> QuerySet[Customer]:
    """The customers that a compiled rule tree selects."""
    return Customer.objects.filter(pk__in=RawSQL(compiled.sql, compiled.params))  # noqa: S611


def base(*, segment: Segment, now: datetime) -> Compiled:
    """Who belongs in a segment before staff's overrides; a fixed list is all overrides."""
    if segment.kind == SegmentKind.RULE:
        return rule_trees.compile_rules(rules=segment.rules, now=now)
    if segment.kind == SegmentKind.CLUSTER:
        return Compiled(
            "SELECT customer_id AS id FROM marketing_clustermembership WHERE cluster_id = %s",
            (segment.cluster_id,),
        )
    return Compiled("SELECT NULL::bigint AS id WHERE false", ())


def lock(*, segment_id: int) -> None:
    """Wait for, then hold, the right to write the members until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_SPACE, segment_id % 2**31])


@contextmanager
def time_limit() -> Iterator[None]:
    """Stop a statement that takes too long; holds until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true)",
            [f"{settings.SEGMENT_TIMEOUT_SECONDS}s"],
        )
    yield
