"""Stops: what was written down as `sending` and must not begin any more after all.

A batch may take its time with a slow provider. Whoever unsubscribes, complains or is suppressed
meanwhile, and whoever was to get a template that was withdrawn, is passed over. Asking costs
little: the database is asked a few times a second, however many messages begin.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import Error as DatabaseError

from crm import consent
from crm.choices import FailureReason, Refusal
from crm.messages import held
from crm.messages.drafts import Draft
from crm.models import Message, TemplateVersion

LOOK_EVERY = 0.25


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why a message is not begun."""

    reason: str
    detail: str = ""


# The messages that have begun already, of which nobody need ask any more.
Begun = Callable[[], Collection[int]]
# Why the message of this id must not begin, or nothing.
Stop = Callable[[int, Begun], Stopped | None]


class Watch:
    """Looks after one batch that is on its way; is called before each message begins.

    A subclass may stop the batch for reasons of its own by `whole`.
    """

    def __init__(self, drafts: Sequence[Draft], *, now: datetime) -> None:
        self._drafts = drafts
        self._now = now
        self._began = time.monotonic()
        # The gate was asked in the transaction that wrote the batch; the rest was not.
        self._looked = float("-inf")
        self._stopped: dict[int, Stopped] = {}
        # What had begun when the gate was asked last; should it begin anew, it was not asked about.
        self._unasked: Collection[int] = ()
        self._whole: Stopped | None = None
        self._held_at = now

    def __call__(self, message_id: int, begun: Begun) -> Stopped | None:
        """Why this message must not begin, as known for a quarter of a second at most."""
        if time.monotonic() - self._looked >= LOOK_EVERY or message_id in self._unasked:
            with _outside_of_loops():
                self._look_if_possible(begun)
        return self._whole or self._stopped.get(message_id)

    def whole(self) -> Stopped | None:
        """Why nothing of the batch may begin any more."""
        return None

    def _look_if_possible(self, begun: Begun) -> None:
        """Where the database is away nothing more begins, and the answers to come are heard."""
        try:
            self._look(begun)
        except DatabaseError:
            self._whole = Stopped(FailureReason.STOPPED, "The database could not be asked.")
            self._looked = time.monotonic()

    def _look(self, begun: Begun) -> None:
        is_first = self._looked < 0
        self._whole = self.whole()
        self._stop_withdrawn()
        if not is_first:
            self._ask_the_gate(begun())
            self._hold_on()
        self._looked = time.monotonic()

    def _hold_on(self) -> None:
        """A long batch outlives its lease: another machine must not take us for dead."""
        now = self._clock()
        if now - self._held_at >= held.RENEWED_EVERY:
            held.renew(message_ids=[draft.message_id for draft in self._drafts], now=now)
            self._held_at = now

    def _clock(self) -> datetime:
        return self._now + timedelta(seconds=time.monotonic() - self._began)

    def _stop_withdrawn(self) -> None:
        versions = {one.template_version_id for one in self._drafts if one.template_version_id}
        withdrawn = set(
            TemplateVersion.objects.filter(pk__in=versions, withdrawn_at__isnull=False).values_list(
                "pk", flat=True
            )
        )
        for draft in self._drafts if withdrawn else ():
            if draft.template_version_id in withdrawn:
                self._stopped[draft.message_id] = template_withdrawn()

    def _ask_the_gate(self, begun: Collection[int]) -> None:
        now = self._clock()
        self._unasked = begun
        waiting = [draft for draft in self._drafts if draft.message_id not in begun]
        gone = self._judge(waiting, {one.message_id: one.customer_id for one in waiting}, now)
        if gone:
            # Who was merged is somebody else by now; of who was erased there is no message either.
            rows = Message.objects.filter(pk__in=[draft.message_id for draft in gone])
            gone = self._judge(gone, dict(rows.values_list("pk", "customer_id")), now)
        for draft in gone:
            self._stopped[draft.message_id] = _not_allowed(Refusal.NO_ADDRESS)

    def _judge(
        self, waiting: Sequence[Draft], whose: Mapping[int, int], now: datetime
    ) -> list[Draft]:
        """Stop what is not allowed any more; gives what belongs to nobody who is there."""
        gone = []
        kinds = {(draft.channel, draft.purpose) for draft in waiting}
        for channel, purpose in kinds:
            asked = [one for one in waiting if (one.channel, one.purpose) == (channel, purpose)]
            ids = {whose[one.message_id] for one in asked if one.message_id in whose}
            verdicts = consent.check_many(
                customer_ids=ids, channel=channel, purpose=purpose, now=now
            )
            for draft in asked:
                verdict = verdicts.get(whose.get(draft.message_id, 0))
                if verdict is None:
                    gone.append(draft)
                elif verdict.refusal is not None:
                    self._stopped[draft.message_id] = _not_allowed(verdict.refusal)
        return gone


def _not_allowed(refusal: Refusal) -> Stopped:
    return Stopped(FailureReason.NOT_ALLOWED, refusal.value)


@contextmanager
def _outside_of_loops() -> Iterator[None]:
    """Let the database be asked from within an adapter's event loop, which waits meanwhile."""
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)


def template_withdrawn() -> Stopped:
    """What is said of a message whose template was withdrawn."""
    return Stopped(FailureReason.STOPPED, "The template was withdrawn.")
