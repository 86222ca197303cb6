"""One SMPP 3.4 session: bound, asked and answered by sequence numbers, with the library's PDUs.

The library `aiosmpplib` is an optional extra; it is imported only where an account needs it.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Collection
from types import ModuleType, TracebackType
from typing import Any, Self

from crm.channels.base import ProviderAway
from crm.channels.http_wire import ANSWER_SECONDS, Origin, Unanswered, Unreached, open_stream

_HEADER = 16
_LONGEST = 65_536


class SmppRefused(ProviderAway):
    """The other side refuses the bind; its status is in `status`."""

    def __init__(self, status: str) -> None:
        super().__init__(f"The server refuses the bind: {status}")
        self.status = status


class LibraryMissing(ValueError):  # noqa: N818 - it names what is missing
    """The optional library for SMPP is not installed."""


def library() -> ModuleType:
    """The PDUs of aiosmpplib, or a sentence on how to get them."""
    try:
        from aiosmpplib import protocol
    except ImportError as error:
        raise LibraryMissing(
            "SMPP needs aiosmpplib; install it with: pip install 'aiosmpplib==0.7.4'"
        ) from error
    found: ModuleType = protocol
    return found


class Session:
    """A bound connection; requests of ours wait for their answers, theirs go to `delivered`."""

    def __init__(
        self,
        origin: Origin,
        *,
        bind: Any,
        delivered: Callable[[bytes], None],
        guarded_but: Collection[str] | None,
    ) -> None:
        self._origin, self._bind, self._delivered = origin, bind, delivered
        self._guarded_but = guarded_but
        self._numbers = itertools.cycle(range(1, 0x7FFFFFFF))
        self._waiting: dict[int, asyncio.Future[tuple[Any, bytes]]] = {}
        self._pdus = library()

    async def __aenter__(self) -> Self:
        """Connect and bind; Unreached or SmppRefused if that cannot be."""
        self._reader, self._writer = await open_stream(self._origin, guarded_but=self._guarded_but)
        self._reading = asyncio.create_task(self._read_all())
        try:
            header, _ = await self.ask(self._bind)
        except Unanswered as error:
            await self._hang_up()
            raise Unreached(f"No answer to the bind: {error}") from error
        if header.command_status.value:
            await self._hang_up()
            raise SmppRefused(header.command_status.name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Take leave."""
        if error is None and not self._reading.done():
            with contextlib.suppress(Unanswered):
                await self.ask(self._pdus.Unbind())
        await self._hang_up()

    async def ask(self, pdu: Any) -> tuple[Any, bytes]:
        """Send a request and give the header and the bytes of its answer; Unanswered if none.

        Unreached where the connection is gone already: nothing has left.
        """
        if self._reading.done():
            raise Unreached("The connection was lost.")
        pdu.sequence_num = next(self._numbers)
        answer: asyncio.Future[tuple[Any, bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[pdu.sequence_num] = answer
        try:
            self._writer.write(pdu.pdu())
            async with asyncio.timeout(ANSWER_SECONDS):
                return await answer
        except (OSError, TimeoutError) as error:
            raise Unanswered(str(error) or type(error).__name__) from error
        finally:
            self._waiting.pop(pdu.sequence_num, None)

    async def _read_all(self) -> None:
        try:
            while True:
                head = await self._reader.readexactly(_HEADER)
                length = int.from_bytes(head[:4], "big")
                if not _HEADER <= length <= _LONGEST:
                    raise ConnectionError("The other side does not speak SMPP.")
                self._take(head + await self._reader.readexactly(length - _HEADER))
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(Unanswered(str(error) or "The connection was lost."))

    def _take(self, pdu: bytes) -> None:
        header = self._pdus.SmppMessage.parse_header(pdu)
        command, number = header.smpp_command.name, header.sequence_num
        if command.endswith("_RESP") or command == "GENERIC_NACK":
            answer = self._waiting.get(number)
            if answer is not None and not answer.done():
                answer.set_result((header, pdu))
        elif command == "ENQUIRE_LINK":
            self._writer.write(self._pdus.EnquireLinkResp(number).pdu())
        elif command == "DELIVER_SM":
            # Answered only once it is kept: what is not answered comes again.
            self._delivered(pdu)
            self._writer.write(self._pdus.DeliverSmResp(sequence_num=number).pdu())
        elif command == "UNBIND":
            self._writer.write(self._pdus.UnbindResp(number).pdu())
            raise ConnectionError("The server has taken leave.")

    async def _hang_up(self) -> None:
        with contextlib.suppress(OSError):
            await self._writer.drain()
        self._reading.cancel()
        await asyncio.wait({self._reading})
        self._writer.transport.abort()
