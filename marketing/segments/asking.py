"""Asking many segments about few people: one statement finds, writes and tells who moved."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from marketing.choices import MoveCause, SegmentKind
from marketing.models import Segment
from marketing.rules import Sql, holds
from marketing.rules.base import join, wrap

from .writing import Moves, numbers

# So many tests are asked at once: a person in a segment is one.
MOST_TESTS = 50_000
# More people are not tested one by one: there may be a shorter way to find them.
MOST_PEOPLE = 5_000

# Customers are held before anything of theirs is written, and whoever is held for good by others
# is left for later, as in `writing`; who is looked at by which segment comes in as arms.
_WRITE = """
    WITH told (segment_id, at) AS MATERIALIZED (
        SELECT * FROM unnest(%s::bigint[], %s::timestamptz[])
    ),
    asked (segment_id, customer_id) AS MATERIALIZED ({asked}),
    member (segment_id, customer_id) AS MATERIALIZED ({members}),
    override AS MATERIALIZED (
        SELECT o.segment_id, o.customer_id, o.mode
        FROM ({overrides}) AS o JOIN told ON told.segment_id = o.segment_id
        WHERE o.lifted_at IS NULL AND (o.expires_at IS NULL OR o.expires_at > told.at)
    ),
    wanted AS MATERIALIZED (
        (TABLE asked UNION SELECT segment_id, customer_id FROM override WHERE mode = 'include')
        EXCEPT SELECT segment_id, customer_id FROM override WHERE mode = 'exclude'
    ),
    comes AS MATERIALIZED (TABLE wanted EXCEPT TABLE member),
    leaves AS MATERIALIZED (TABLE member EXCEPT TABLE wanted),
    held AS MATERIALIZED (
        SELECT c.id AS customer_id FROM crm_customer c WHERE c.id IN (
            SELECT customer_id FROM comes UNION ALL SELECT customer_id FROM leaves)
        ORDER BY c.id FOR KEY SHARE SKIP LOCKED
    ),
    came AS (
        INSERT INTO marketing_membership (segment_id, customer_id, entered_at)
        SELECT segment_id, customer_id, told.at
        FROM comes JOIN held USING (customer_id) JOIN told USING (segment_id)
        ON CONFLICT (segment_id, customer_id) DO NOTHING
        RETURNING segment_id, customer_id
    ),
    gone AS (
        DELETE FROM marketing_membership m USING leaves JOIN held USING (customer_id)
        WHERE m.segment_id = leaves.segment_id AND m.customer_id = leaves.customer_id
        RETURNING m.segment_id, m.customer_id
    ),
    moving AS MATERIALIZED (
        SELECT segment_id, customer_id, true AS is_entry FROM came
        UNION ALL SELECT segment_id, customer_id, false FROM gone
    ),
    moved AS (
        INSERT INTO marketing_segmentmove (segment_id, customer_id, moved_at, is_entry, cause)
        SELECT segment_id, customer_id, told.at, is_entry, CASE WHEN (segment_id, customer_id) IN (
                SELECT * FROM unnest(%s::bigint[], %s::bigint[])) THEN 'clock' ELSE %s END
        FROM moving JOIN told USING (segment_id)
    ),
    busy AS (
        SELECT segment_id, customer_id
        FROM (TABLE comes UNION ALL TABLE leaves) AS would JOIN crm_customer c ON c.id = customer_id
        WHERE NOT EXISTS (SELECT FROM held WHERE held.customer_id = would.customer_id)
    )
    SELECT segment_id, CASE WHEN is_entry THEN 'came' ELSE 'gone' END, array_agg(customer_id)
    FROM moving GROUP BY 1, 2
    UNION ALL SELECT segment_id, 'busy', array_agg(customer_id) FROM busy GROUP BY 1
"""
_TESTED = (
    "SELECT s.id, c.id FROM crm_customer c CROSS JOIN LATERAL (VALUES ",
    ") AS s (id, holds) WHERE c.id = ANY(%s::bigint[]) AND s.holds",
)
_OF = " WHERE segment_id = ANY(%s::bigint[]) AND customer_id = ANY(%s::bigint[])"
_MEMBERS = "SELECT segment_id, customer_id FROM marketing_membership" + _OF  # noqa: S608
_OVERRIDES = "SELECT * FROM marketing_segmentoverride" + _OF  # noqa: S608
_LISTED = (
    "EXISTS (SELECT FROM marketing_listentry l WHERE l.segment_id = %s AND l.customer_id = c.id)"
)
_CLUSTERED = (
    "EXISTS (SELECT FROM marketing_clustermembership l"
    " WHERE l.cluster_id = %s AND l.customer_id = c.id)"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Of whom a segment is asked, at which moment, and who of them was moved by the clock alone."""

    segment: Segment
    now: datetime
    people: frozenset[int]
    clocked: frozenset[int] = field(default_factory=frozenset)


def in_batches(*, asked: Sequence[Asked]) -> Iterator[list[Asked]]:
    """What is asked together: as much as one statement answers in a moment."""
    batch: list[Asked] = []
    tests = 0
    for one in sorted(asked, key=lambda one: (len(one.people), sorted(one.people)[:1])):
        if batch and tests + len(one.people) > MOST_TESTS:
            yield batch
            batch, tests = [], 0
        batch.append(one)
        tests += len(one.people)
    if batch:
        yield batch


def bring_in_line(*, asked: Sequence[Asked], cause: MoveCause) -> dict[int, Moves]:
    """Let those who are asked about be members or not, as each segment says of them now.

    The caller holds the members of all these segments, none of which speaks of another of them,
    and each was computed before: whoever moves is told of. Gives who moved, by segment.
    """
    statement = _statement(asked, cause)
    found: defaultdict[int, dict[str, list[int]]] = defaultdict(dict)
    with connection.cursor() as cursor:
        # The text comes from our conditions; what people wrote travels in params.
        cursor.execute(statement.text, statement.params)
        for segment_id, how, customer_ids in cursor.fetchall():
            found[segment_id][how] = customer_ids
    return {segment_id: _moves(told) for segment_id, told in found.items()}


def _moves(told: Mapping[str, list[int]]) -> Moves:
    came, gone, busy = (told.get(how, []) for how in ("came", "gone", "busy"))
    return Moves(0, len(came), len(gone), came, gone, busy)


def _statement(asked: Sequence[Asked], cause: MoveCause) -> Sql:
    groups: defaultdict[frozenset[int], list[Asked]] = defaultdict(list)
    for one in asked:
        groups[one.people].append(one)
    cut = [
        (numbers(ids=[one.segment.pk for one in group]), numbers(ids=sorted(people)))
        for people, group in groups.items()
    ]
    arms = {
        "{asked}": [
            _tested(group, numbers(ids=sorted(people))) for people, group in groups.items()
        ],
        "{members}": [Sql(_MEMBERS, one) for one in cut],
        "{overrides}": [Sql(_OVERRIDES, one) for one in cut],
    }
    text, params = (
        _WRITE,
        [
            numbers(ids=[one.segment.pk for one in asked]),
            [one.now for one in asked],
        ],
    )
    for place, parts in arms.items():
        united = join(" UNION ALL ", parts)
        text = text.replace(place, united.text)
        params += united.params
    clocked = [(one.segment.pk, person) for one in asked for person in one.clocked]
    params += [
        numbers(ids=[pair[0] for pair in clocked]),
        numbers(ids=[pair[1] for pair in clocked]),
        cause.value,
    ]
    return Sql(text, tuple(params))


def _tested(group: Sequence[Asked], people: str) -> Sql:
    """Each of these segments asked of the same people, whose rows are found once."""
    rows = [
        wrap("(", Sql("%s::bigint, ", (one.segment.pk,)) + test(asked=one), ")") for one in group
    ]
    return wrap(_TESTED[0], join(", ", rows), _TESTED[1]) + Sql("", (people,))


def test(*, asked: Asked) -> Sql:
    """Whether the segment asks for the customer `c`, staff's overrides aside."""
    segment = asked.segment
    if segment.kind == SegmentKind.RULE:
        return holds(rules=segment.rules, now=asked.now)
    if segment.kind == SegmentKind.CLUSTER:
        return Sql(_CLUSTERED, (segment.cluster_id,))
    return Sql(_LISTED, (segment.pk,))
