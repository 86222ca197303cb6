"""Messages handed over to their providers; what becomes of each is committed before anything else.

The row says `sending` already. The journal is begun before the adapter is called and ended only
after the settling has been committed, so that a process killed at any line leaves the truth.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from django.db import transaction

from crm import accounts, breakers
from crm.channels import base, registry
from crm.channels import journal as states
from crm.channels.journal import HandOverJournal
from crm.choices import FailureReason, MessageState
from crm.messages import held, journals
from crm.messages.drafts import Draft, Sent, Settlement
from crm.messages.outgoing import outgoing_many
from crm.messages.sent import settle_sent
from crm.messages.settling import settle_many
from crm.messages.stopping import Stop, Stopped

_REASONS = {
    base.DEFERRED: FailureReason.DEFERRED,
    base.RATE_LIMITED: FailureReason.RATE_LIMITED,
    base.UNREACHABLE: FailureReason.UNREACHABLE,
    base.REJECTED: FailureReason.REJECTED,
    base.SENDER_REFUSED: FailureReason.REJECTED,
    # A password that is wrong today is our mistake and nobody's refusal: to be tried again.
    base.UNAUTHORIZED: FailureReason.UNREACHABLE,
    base.INVALID_ADDRESS: FailureReason.UNDELIVERABLE,
    base.UNANSWERED: FailureReason.CONNECTION_LOST,
}
# What the marks say about messages whose outcome the adapter never gave.
_MARKED = {
    states.CLAIMED: (MessageState.FAILED, FailureReason.NEVER_HANDED_OVER),
    states.CONFIRMED: (MessageState.SENT, ""),
    states.REFUSED: (MessageState.FAILED, FailureReason.REJECTED),
}
_DOUBTFUL = (MessageState.IN_DOUBT, FailureReason.CONNECTION_LOST)


class _Marks:
    """What an adapter has of the journal, and whom it asks whether a message may still go."""

    def __init__(
        self, journal: HandOverJournal, message_ids: Sequence[int], stop: Stop | None
    ) -> None:
        self._journal = journal
        self._ids = message_ids
        self._stop = stop
        self.mark = journal.mark
        self.stopped: dict[int, Stopped] = {}

    def may_begin(self, index: int) -> bool:
        """Whether a message may still go; adapters ask right before they begin with it."""
        why = self._stop and self._stop(self._ids[index], self.begun)
        if not why:
            return True
        self.stopped[self._ids[index]] = why
        return False

    def begun(self) -> set[int]:
        """The messages that an adapter has begun with, or is through with."""
        return {message_id for message_id, state in self.each() if state != states.CLAIMED}

    def each(self) -> Iterator[tuple[int, int]]:
        """Every message with its mark."""
        return zip(self._ids, self._journal.marks(len(self._ids)), strict=True)


def send_many(*, drafts: Sequence[Draft], now: datetime, stop: Stop | None = None) -> Sent:
    """Hand over messages whose rows are committed as `sending`, and settle each of them.

    `stop` is asked before each message begins; what it stops has failed with its reason. An
    adapter's error goes on when what goes by other accounts is handed over too.
    """
    outcomes: list[Settlement] = []
    broken: Exception | None = None
    parts = list(_parts(drafts))
    ids = [draft.message_id for draft in drafts]
    for place, (account, part) in enumerate(parts, start=1):
        over = ids if place == len(parts) else ()
        settled, error = _hand_over(account, part, now, stop, over)
        outcomes += settled
        broken = broken or error
    if broken is not None:
        raise broken
    return Sent(tuple(outcomes))


def _parts(drafts: Sequence[Draft]) -> Iterator[tuple[base.Account, Sequence[Draft]]]:
    """What goes by one account at once."""
    by_account = attrgetter("channel", "provider")
    for (channel, name), group in groupby(sorted(drafts, key=by_account), by_account):
        account = (name and accounts.for_provider(provider=name)) or accounts.for_channel(
            channel=channel
        )
        waiting = list(group)
        for start in range(0, len(waiting), states.CAPACITY):
            yield account, waiting[start : start + states.CAPACITY]


def _hand_over(
    account: base.Account,
    drafts: Sequence[Draft],
    now: datetime,
    stop: Stop | None,
    over: Sequence[int],
) -> tuple[list[Settlement], Exception | None]:
    """Hand over what goes by one account; with its settling all of `over` are held no more.

    Gives what became of it, and the adapter's error, if it had one: what is known is committed.
    """
    message_ids = [draft.message_id for draft in drafts]
    journal = journals.current()
    marks = _Marks(journal, message_ids, stop)
    told: dict[int, base.Outcome] = {}
    broken: Exception | None = None
    journal.begin(message_ids)
    try:
        batch = outgoing_many(drafts=drafts, account=account)
        for outcome in registry.adapter_for(account).send_many(batch, journal=marks):
            told[outcome.message_id] = outcome
    except Exception as error:
        broken = error
    finally:
        # Also when the worker is told to end.
        settled = list(_settlements(drafts, marks, told, account.name))
        _settle(settled, now, over)
    if broken is None:
        breakers.note(account=account, outcomes=told.values(), now=now)
    return settled, broken


def _settle(settlements: Sequence[Settlement], now: datetime, over: Sequence[int]) -> None:
    """What was simply sent, as most of it is, is settled in one statement."""
    simply: list[Settlement] = []
    others: list[Settlement] = []
    for one in settlements:
        is_simple = one.state == MessageState.SENT and not one.provider_message_id
        (simply if is_simple else others).append(one)
    try:
        with transaction.atomic():
            ids = [one.message_id for one in simply]
            settled = set(settle_sent(message_ids=ids, now=now))
            # What was put in doubt meanwhile, as we were slow, is settled all the same.
            others += [one for one in simply if one.message_id not in settled]
            settle_many(outcomes=others, now=now)
            held.release(message_ids=over)
    except BaseException:
        journals.abandon()
        raise
    journals.current().end()


def _settlements(
    drafts: Sequence[Draft], marks: _Marks, told: Mapping[int, base.Outcome], provider: str
) -> Iterator[Settlement]:
    for draft, (message_id, mark) in zip(drafts, marks.each(), strict=True):
        outcome = told.get(message_id)
        if outcome is None and message_id in marks.stopped and mark == states.CLAIMED:
            why = marks.stopped[message_id]
            yield Settlement(message_id, MessageState.FAILED, why.reason, why.detail)
            continue
        if outcome is None:
            state, reason = _MARKED.get(mark, _DOUBTFUL)
            yield Settlement(message_id, state, reason, provider=provider)
            continue
        theirs = outcome.provider_message_id
        yield Settlement(
            message_id=message_id,
            state=outcome.state,
            reason=_REASONS.get(outcome.reason, FailureReason.UNKNOWN) if outcome.reason else "",
            detail=outcome.detail[:500],
            provider=provider,
            # The provider's name for a message, unless it is just ours.
            provider_message_id="" if theirs == draft.key else theirs[:200],
            retry_after=outcome.retry_after,
        )
