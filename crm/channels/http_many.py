"""Many requests at once over kept connections: marked before they leave and after the answer.

One open request is at most one message in doubt. The event loop is private to the adapter and runs
only while a batch is sent, in the thread that sends it.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from crm.channels import journal as states
from crm.channels.base import (
    FAILED,
    IN_DOUBT,
    RATE_LIMITED,
    REJECTED,
    RETRYABLE_REASONS,
    SENT,
    UNANSWERED,
    UNREACHABLE,
    Journal,
    Outcome,
    Outgoing,
    legible,
)
from crm.channels.http_wire import (
    Answer,
    Call,
    Forbidden,
    Origin,
    Unanswered,
    Unfit,
    Unreached,
    Wire,
    parts_of,
)
from crm.channels.http_wire import connect as connect_to
from crm.channels.pace import Pace

logger = logging.getLogger(__name__)

IN_FLIGHT = 200
RETRY_AFTER = 30.0
# How often outcomes are handed on while a batch is on its way.
_HAND_ON_SECONDS = 0.25
_MARKS = {SENT: states.CONFIRMED, FAILED: states.REFUSED, IN_DOUBT: states.HANDED_OVER}

Write = Callable[[Outgoing], Call | Outcome]
Read = Callable[[Outgoing, Answer], Outcome]


@dataclass(slots=True)
class _Batch:
    """What is on its way, and what came of it."""

    messages: Sequence[Outgoing]
    journal: Journal
    write: Write
    read: Read
    outcomes: list[Outcome] = field(default_factory=list)
    answered: int = 0
    unreached: int = 0


class ManyRequests:
    """Sends batches: up to `in_flight` requests at once, `per_second` of them (0 is no limit).

    With `guarded_but` only public addresses are called, but for the places it names. Where each
    recipient has an address of its own, `is_one_place` says no: one that is dead is dead alone.
    """

    def __init__(
        self,
        *,
        in_flight: int = IN_FLIGHT,
        per_second: float = 0.0,
        guarded_but: Collection[str] | None = None,
        is_one_place: bool = True,
    ) -> None:
        self._in_flight = in_flight
        self._guarded_but = guarded_but
        self._is_one_place = is_one_place
        self._pace = Pace(per_second)
        self._idle: dict[Origin, list[Wire]] = {}
        self._kept_loop: asyncio.AbstractEventLoop | None = None

    def send_many(
        self, messages: Sequence[Outgoing], *, journal: Journal, write: Write, read: Read
    ) -> Iterator[Outcome]:
        """Send every message; `write` makes its request as it leaves, `read` reads the answer."""
        if not messages:
            return
        batch, loop = _Batch(messages, journal, write, read), self._loop()
        sending = loop.create_task(self._send(batch))
        try:
            while not sending.done():
                loop.run_until_complete(asyncio.wait({sending}, timeout=_HAND_ON_SECONDS))
                yield from self._handed_on(batch)
            sending.result()
        finally:
            if not sending.done():
                sending.cancel()
                loop.run_until_complete(asyncio.wait({sending}))

    def close(self) -> None:
        """Hang up everywhere."""
        loop, self._kept_loop = self._kept_loop, None
        if loop is None:
            return
        for wires in self._idle.values():
            for wire in wires:
                wire.close()
        self._idle.clear()
        # Transports that were hung up are let go of in the loop's next rounds.
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    def _loop(self) -> asyncio.AbstractEventLoop:
        if self._kept_loop is None:
            self._kept_loop = asyncio.new_event_loop()
        return self._kept_loop

    @staticmethod
    def _handed_on(batch: _Batch) -> Iterator[Outcome]:
        ready, batch.outcomes = batch.outcomes, []
        yield from ready

    async def _send(self, batch: _Batch) -> None:
        # One round of the loop lets it notice who has hung up since the last batch.
        await asyncio.sleep(0)
        free = asyncio.Semaphore(self._in_flight)
        running: set[asyncio.Task[None]] = set()
        may_begin = getattr(batch.journal, "may_begin", None)
        try:
            for index, message in enumerate(batch.messages):
                await free.acquire()
                put_off = self._given_up(batch, message) or await self._pace_of(message)
                if put_off is not None:
                    self._settle(batch, index, put_off)
                    free.release()
                    continue
                if may_begin and not may_begin(index):
                    free.release()
                    continue  # no outcome: whoever stopped it says why
                task = asyncio.create_task(self._one(batch, index, message))
                running.add(task)
                task.add_done_callback(lambda _: free.release())
            await asyncio.gather(*running)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _given_up(self, batch: _Batch, message: Outgoing) -> Outcome | None:
        """The outcome of a message whose provider nobody has reached in this batch so far."""
        if batch.answered or batch.unreached < self._in_flight or not self._is_one_place:
            return None
        return failed(message, UNREACHABLE, "Nobody answers there.", retry_after=RETRY_AFTER)

    async def _pace_of(self, message: Outgoing) -> Outcome | None:
        held = await self._pace.turn()
        if not held:
            return None
        detail = "The provider has asked for a pause."
        return failed(message, RATE_LIMITED, detail, retry_after=held)

    async def _one(self, batch: _Batch, index: int, message: Outgoing) -> None:
        try:
            outcome = await self._exchanged(batch, index, message)
        except Unreached as error:
            batch.unreached += 1
            outcome = self._not_reached(message, error)
        except Unanswered as error:
            detail = legible(str(error))
            outcome = Outcome(message.message_id, IN_DOUBT, reason=UNANSWERED, detail=detail)
        except Unfit as error:
            outcome = failed(message, REJECTED, str(error))
        self._settle(batch, index, outcome)

    def _not_reached(self, message: Outgoing, error: Unreached) -> Outcome:
        """A recipient may be given up; the provider's own address is mended by somebody."""
        if isinstance(error, Forbidden) and not self._is_one_place:
            return failed(message, REJECTED, str(error))
        return failed(message, UNREACHABLE, str(error), retry_after=RETRY_AFTER)

    async def _exchanged(self, batch: _Batch, index: int, message: Outgoing) -> Outcome:
        try:
            call = batch.write(message)
        except ValueError as error:  # such as half a character, or keys that are none
            raise Unfit(f"The request cannot be written: {error}") from error
        if isinstance(call, Outcome):
            return call
        wire = await self._wire(parts_of(call.url)[0])
        request = wire.written(call)
        batch.journal.mark(index, states.HANDING_OVER)
        answer = await wire.ask(request)
        batch.answered += 1
        if wire.is_fresh:
            self._idle.setdefault(wire.origin, []).append(wire)
        outcome = self._understood(batch, message, answer)
        if outcome.reason == RATE_LIMITED and outcome.retry_after:
            self._pace.hold(outcome.retry_after)
        return outcome

    @staticmethod
    def _understood(batch: _Batch, message: Outgoing, answer: Answer) -> Outcome:
        """What an answer means; one that nobody foresaw leaves its own message alone in doubt."""
        try:
            return batch.read(message, answer)
        except Exception:
            logger.exception("An answer with the status %s cannot be read.", answer.status)
            detail = legible(f"{answer.status}: {answer.text()}")
            return Outcome(message.message_id, IN_DOUBT, reason=UNANSWERED, detail=detail)

    @staticmethod
    def _settle(batch: _Batch, index: int, outcome: Outcome) -> None:
        put_off = outcome.retry_after is not None
        batch.journal.mark(index, states.PUT_OFF if put_off else _MARKS[outcome.state])
        batch.outcomes.append(outcome)

    async def _wire(self, origin: Origin) -> Wire:
        idle = self._idle.get(origin, [])
        while idle:
            wire = idle.pop()
            if wire.is_fresh:
                return wire
            wire.close()
        return await connect_to(origin, guarded_but=self._guarded_but)


def sent(message: Outgoing, provider_message_id: object) -> Outcome:
    """The outcome of a message that the provider has taken."""
    found = "" if provider_message_id is None else str(provider_message_id)
    return Outcome(message.message_id, SENT, provider_message_id=found)


def failed(
    message: Outgoing, reason: str, detail: str, *, retry_after: float | None = None
) -> Outcome:
    """The outcome of a message that was refused; what may be tried again says when."""
    detail = legible(detail)
    if retry_after is None and reason in RETRYABLE_REASONS:
        retry_after = RETRY_AFTER
    return Outcome(message.message_id, FAILED, "", reason, detail, retry_after)
