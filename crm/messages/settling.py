"""How messages fared, written down once and for all: late news never clears what is worse.

Every step on is an event on the customer's timeline; a hard bounce and a complaint keep us from
writing to the address again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from crm import changes, consent, events
from crm.choices import (
    DecisionSource,
    FailureReason,
    MessageState,
    SuppressionReason,
)
from crm.messages.drafts import Settlement
from crm.models import Message
from crm.signals import announce, messages_settled

UNSETTLED = frozenset({MessageState.SENDING, MessageState.IN_DOUBT})
HANDED_OVER = frozenset(
    {
        MessageState.SENT,
        MessageState.DELIVERED,
        MessageState.BOUNCED,
        MessageState.COMPLAINED,
    }
)
# How bad each piece of news is, the mildest first: worse replaces milder, whichever comes later.
_LEVELS: dict[str, int] = {
    MessageState.SENT: 1,
    MessageState.FAILED: 2,
    MessageState.DELIVERED: 3,
    MessageState.BOUNCED: 4,
    MessageState.COMPLAINED: 7,
}
_LEVELS_BY_REASON: dict[tuple[str, str], int] = {
    # That nobody had it yet is our own guess, which the provider knows better.
    (MessageState.FAILED, FailureReason.NEVER_HANDED_OVER): 0,
    (MessageState.FAILED, FailureReason.RATE_LIMITED): 0,
    (MessageState.FAILED, FailureReason.UNREACHABLE): 0,
    (MessageState.FAILED, FailureReason.DEFERRED): 0,
    # What closes an address for good is heard over everything that does not.
    (MessageState.FAILED, FailureReason.UNDELIVERABLE): 5,
    (MessageState.BOUNCED, FailureReason.HARD_BOUNCE): 6,
}
_MILDEST_FIRST: tuple[str, ...] = (
    "",
    FailureReason.NEVER_HANDED_OVER,
    FailureReason.RATE_LIMITED,
    FailureReason.UNREACHABLE,
    FailureReason.DEFERRED,
    FailureReason.WORKER_LOST,
    FailureReason.CONNECTION_LOST,
    FailureReason.UNKNOWN,
    FailureReason.SOFT_BOUNCE,
    FailureReason.REJECTED,
)
_SUPPRESSED_BY = {
    FailureReason.HARD_BOUNCE: SuppressionReason.HARD_BOUNCE,
    FailureReason.COMPLAINT: SuppressionReason.COMPLAINT,
    FailureReason.UNDELIVERABLE: SuppressionReason.INVALID,
}
# The account is to blame, and no message: that is no try of it.
_NO_TRY = frozenset({FailureReason.RATE_LIMITED, FailureReason.UNREACHABLE})
_RETRYABLE = _NO_TRY | {FailureReason.DEFERRED}
# What another account may send: nobody can have it by the first.
SURELY_NOT_SENT = _RETRYABLE
# Messages with such a source are planned again by whoever planned them.
PLANNED_ABOVE = frozenset({"delivery"})
MAX_ATTEMPTS = 10
# So long a message waits for an account that works.
_PATIENCE = timedelta(days=3)
_LONGEST_WAIT = 300.0
# What a server puts off again and again is tried ever later: ten tries take a day.
_LONGEST_DEFERRAL = 21_600.0

_LOCK = """
    SELECT id, customer_id, channel, address, state, reason, detail, provider,
           provider_message_id, sent_at, delivered_at, settled_at, due_at, source_kind, attempts,
           owner, created_at
    FROM crm_message WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
_WRITTEN = (
    "id",
    "state",
    "reason",
    "detail",
    "provider",
    "provider_message_id",
    "sent_at",
    "delivered_at",
    "settled_at",
    "due_at",
    "attempts",
    "owner",
)
_WRITE = """
    UPDATE crm_message SET
        state = new.state, reason = new.reason, detail = new.detail, provider = new.provider,
        provider_message_id = new.provider_message_id, sent_at = new.sent_at,
        delivered_at = new.delivered_at, settled_at = new.settled_at, due_at = new.due_at,
        attempts = new.attempts, owner = new.owner
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
                %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[],
                %s::int[], %s::text[])
         AS new (id, state, reason, detail, provider, provider_message_id, sent_at, delivered_at,
                 settled_at, due_at, attempts, owner)
    WHERE crm_message.id = new.id AND crm_message.id = ANY(%s::bigint[])
"""


@dataclass(slots=True)
class _Row:
    """A locked message while news about it are taken in."""

    id: int
    customer_id: int
    channel: str
    address: str
    state: str
    reason: str
    detail: str
    provider: str
    provider_message_id: str
    sent_at: datetime | None
    delivered_at: datetime | None
    settled_at: datetime | None
    due_at: datetime | None
    source_kind: str
    attempts: int
    owner: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class _Step:
    """One step that a message made; `is_worse` where it stays in its state for a worse reason."""

    row: _Row
    state: str
    reason: str
    occurred_at: datetime
    is_worse: bool


@transaction.atomic
def settle_many(*, outcomes: Sequence[Settlement], now: datetime) -> list[int]:
    """Take in what became of messages and give the ids of those whose state changed.

    Locks the messages in the order of their ids. News may come twice, late and out of order.
    """
    if not outcomes:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [sorted({outcome.message_id for outcome in outcomes})])
        rows = {row[0]: _Row(*row) for row in cursor.fetchall()}
    times = {row.id: (row.sent_at, row.delivered_at) for row in rows.values()}
    steps = [
        step
        for outcome in outcomes
        if (row := rows.get(outcome.message_id)) and (step := _take_in(row, outcome, now))
    ]
    _write(rows.values())
    events.record_many(events=list(_events(steps)), now=now)
    _close_addresses(steps, now)
    changed = sorted({step.row.id for step in steps})
    # News that come late may say when, and change the state no more.
    told = {row.id for row in rows.values() if (row.sent_at, row.delivered_at) != times[row.id]}
    whose = {rows[message_id].customer_id for message_id in told.union(changed)}
    changes.note(customer_ids=whose, subjects=(changes.MESSAGE,), now=now)
    if changed:
        announce(messages_settled, sender=Message, message_ids=changed)
    return changed


def note_arrival(*, message_id: int, now: datetime) -> bool:
    """Somebody opened, followed or answered a message: if it was not settled, it is delivered."""
    waiting = Message.objects.filter(pk=message_id, state__in=UNSETTLED)
    if not waiting.exists():
        return False
    return bool(settle_many(outcomes=[Settlement(message_id, MessageState.DELIVERED)], now=now))


def _take_in(row: _Row, outcome: Settlement, now: datetime) -> _Step | None:
    """Change the row by one piece of news; gives the step if its state moved on."""
    occurred_at = outcome.occurred_at or now
    row.provider = row.provider or outcome.provider
    row.provider_message_id = row.provider_message_id or outcome.provider_message_id
    if outcome.state in HANDED_OVER:
        row.sent_at = row.sent_at or occurred_at
    if outcome.state == MessageState.DELIVERED:
        row.delivered_at = row.delivered_at or occurred_at
    state = _state_after(row, outcome, now)
    if not _may_follow(row, state, outcome.reason):
        return None
    is_worse = row.state == state
    is_again = state == MessageState.QUEUED
    # That this try went nowhere does not say so of one before it that was in doubt.
    may_have_gone = is_again and row.attempts > 1 and row.reason not in SURELY_NOT_SENT
    row.state, row.detail = state, outcome.detail[:500]
    row.reason = row.reason if may_have_gone else outcome.reason
    row.due_at = now + _wait(row, outcome) if is_again else None
    if is_again and outcome.reason in _NO_TRY:
        row.attempts -= 1
    row.owner, row.settled_at = "", now
    return _Step(row, state, outcome.reason, occurred_at, is_worse)


def _state_after(row: _Row, outcome: Settlement, now: datetime) -> str:
    """A message that may be tried again is queued again, unless it had tries or time enough."""
    no_try = outcome.reason in _NO_TRY
    left = now - row.created_at < _PATIENCE if no_try else row.attempts < MAX_ATTEMPTS
    tries_left = left and row.source_kind not in PLANNED_ABOVE
    put_off = outcome.state == MessageState.FAILED and outcome.reason in _RETRYABLE
    if _is_second_try(row) and outcome.state == MessageState.FAILED:
        # That this try failed does not say that the first one, which was in doubt, has.
        is_final = outcome.reason in (FailureReason.REJECTED, FailureReason.UNDELIVERABLE)
        return outcome.state if is_final else MessageState.IN_DOUBT
    if put_off and tries_left and row.state == MessageState.SENDING:
        return MessageState.QUEUED
    return outcome.state


def _is_second_try(row: _Row) -> bool:
    """Whether it was in doubt before; who planned it plans such a message never again."""
    is_planned_above = row.source_kind in PLANNED_ABOVE
    return is_planned_above and row.attempts > 1 and row.state == MessageState.SENDING


def _may_follow(row: _Row, state: str, reason: str) -> bool:
    """Whether the news change the message; in whatever order they come, the worst stays."""
    if state == MessageState.QUEUED:
        return row.state in UNSETTLED
    if state not in _LEVELS:
        return row.state == MessageState.SENDING
    if row.state == MessageState.QUEUED:
        # It waits for another try, and an earlier one has arrived after all, or never will.
        return row.attempts > 0 and reason not in _RETRYABLE
    if row.state in UNSETTLED:
        return True
    return row.state in _LEVELS and _badness(state, reason) > _badness(row.state, row.reason)


def _badness(state: str, reason: str) -> tuple[int, int]:
    level = _LEVELS_BY_REASON.get((state, reason), _LEVELS[state])
    known = reason in _MILDEST_FIRST
    return level, _MILDEST_FIRST.index(reason) if known else len(_MILDEST_FIRST)


def _wait(row: _Row, outcome: Settlement) -> timedelta:
    times = 2.0 ** max(row.attempts - 1, 0)
    if outcome.retry_after is None:
        return timedelta(seconds=min(_LONGEST_WAIT, 5.0 * times))
    if outcome.reason == FailureReason.DEFERRED:
        return timedelta(seconds=min(_LONGEST_DEFERRAL, outcome.retry_after * times))
    return timedelta(seconds=outcome.retry_after)


def _write(rows: Iterable[_Row]) -> None:
    columns = [[getattr(row, name) for row in rows] for name in _WRITTEN]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [*columns, columns[0]])


def _events(steps: Iterable[_Step]) -> Iterator[events.NewEvent]:
    for step in steps:
        if step.state in HANDED_OVER:
            yield _event(step, MessageState.SENT)
        if step.state in (HANDED_OVER | {MessageState.FAILED}) - {MessageState.SENT}:
            yield _event(step, step.state)


def _event(step: _Step, state: str) -> events.NewEvent:
    properties: dict[str, object] = {"message_id": step.row.id, "channel": step.row.channel}
    if step.reason and state == step.state:
        properties["reason"] = str(step.reason)
    which = f":{step.reason}" if step.is_worse and state == step.state else ""
    return events.NewEvent(
        customer_id=step.row.customer_id,
        name=f"message.{state}",
        occurred_at=step.occurred_at,
        key=f"message:{step.row.id}:{state}{which}",
        properties=properties,
    )


def _close_addresses(steps: Iterable[_Step], now: datetime) -> None:
    """Hard bounces, complaints and addresses that do not exist are not written to again."""
    final = [step for step in steps if step.reason in _SUPPRESSED_BY and step.row.address]
    # Of two reasons for one address the worse is told last, and stays.
    final.sort(key=lambda step: _badness(step.state, step.reason))
    consent.suppress_many(
        suppressions=[
            consent.NewSuppression(
                channel=step.row.channel,
                address=step.row.address,
                reason=_SUPPRESSED_BY[FailureReason(step.reason)],
                detail=step.row.detail,
                source=DecisionSource.PROVIDER,
            )
            for step in final
        ],
        now=now,
    )
    for step in final:
        if step.reason == FailureReason.COMPLAINT:
            consent.withdraw_all(
                customer_id=step.row.customer_id,
                channel=step.row.channel,
                source=DecisionSource.COMPLAINT,
                proof={"message_id": step.row.id},
                now=step.occurred_at,
            )
