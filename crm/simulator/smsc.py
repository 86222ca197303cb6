"""An SMS centre that speaks SMPP 3.4: takes what is submitted, and delivers to bound receivers.

Numbers meet the fates of the HTTP provider: 0001 undeliverable, 0003 refused, 0004 throttled once.
"""

import asyncio
import contextlib
import struct
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from crm.simulator.store import Caught, Forgetful, Store

BIND_RECEIVER, BIND_TRANSMITTER, SUBMIT, DELIVER, UNBIND, BIND_BOTH, ENQUIRE = 1, 2, 4, 5, 6, 9, 21
_ANSWER = 0x80000000
_OK, _BAD_NUMBER, _BAD_PASSWORD, _THROTTLED, _UNKNOWN = 0, 0x0B, 0x0E, 0x58, 0x03
_UDH, _RECEIPT = 0x40, 0x04
_HEAD = struct.Struct("!IIII")
_SAR = {0x020C: "reference", 0x020E: "total", 0x020F: "number"}
_PAYLOAD = 0x0424


@dataclass(frozen=True, slots=True)
class Submitted:
    """What one submit_sm says."""

    sender: str
    recipient: str
    esm_class: int
    wants_receipt: bool
    coding: int
    body: bytes
    place: tuple[int, int, int]


class SmsCentre:
    """Takes parts, joins them, keeps whole texts, and has receipts ready for who is bound."""

    def __init__(self, *, store: Store | Forgetful, password: str) -> None:
        self._store, self._password = store, password
        self._put_off: set[str] = set()
        self._parts: dict[tuple[str, int], dict[int, Submitted]] = {}
        self._waiting: deque[bytes] = deque()
        self._count = 0
        self.submitted: list[Submitted] = []
        self.unacknowledged: dict[int, bytes] = {}

    def say(self, sender: str, recipient: str, text: str) -> None:
        """A person writes: delivered to the next receiver that is bound."""
        self._waiting.append(_deliver(sender, recipient, text.encode("utf-16-be"), coding=8))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it unbinds or hangs up."""
        delivering: asyncio.Task[None] | None = None
        try:
            while True:
                _, command, _, number = _HEAD.unpack(head := await reader.readexactly(16))
                body = await reader.readexactly(_HEAD.unpack(head)[0] - 16)
                status, said = await self._answer(command, number, body)
                if command < _ANSWER:
                    writer.write(_pdu(command | _ANSWER, said, status, number))
                if command in {BIND_RECEIVER, BIND_BOTH} and not status:
                    delivering = asyncio.create_task(self._deliver_all(writer))
                if command == UNBIND:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            if delivering is not None:
                delivering.cancel()
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            writer.close()
            # What was not acknowledged is delivered again.
            self._waiting.extendleft(reversed(self.unacknowledged.values()))
            self.unacknowledged.clear()

    async def _answer(self, command: int, number: int, body: bytes) -> tuple[int, bytes]:
        if command in {BIND_RECEIVER, BIND_TRANSMITTER, BIND_BOTH}:
            password = body.split(b"\0")[1].decode()
            return (_OK if password == self._password else _BAD_PASSWORD), b"outbox\0"
        if command == SUBMIT:
            return await self._take(_submitted(body))
        if command == DELIVER | _ANSWER:
            self.unacknowledged.pop(number, None)
        return (_OK if command in {UNBIND, ENQUIRE} else _UNKNOWN), b""

    async def _take(self, one: Submitted) -> tuple[int, bytes]:
        to = one.recipient
        if to.endswith("0003") or not to.isdecimal():
            return _BAD_NUMBER, b""
        if to.endswith("0004") and to not in self._put_off:
            self._put_off.add(to)
            return _THROTTLED, b""
        self.submitted.append(one)
        self._count += 1
        identity = f"smsc{self._count:08x}"
        reference, total, number = one.place
        parts = self._parts.setdefault((to, reference), {})
        parts[number] = one
        if len(parts) == total:
            text = "".join(_text(parts[place]) for place in sorted(parts))
            del self._parts[to, reference]
            caught = Caught("sms", identity, identity, one.sender, to, "", text.encode())
            await self._store.keep(caught)
        if one.wants_receipt:
            self._waiting.append(_receipt(one, identity, is_delivered=not to.endswith("0001")))
        return _OK, identity.encode() + b"\0"

    async def _deliver_all(self, writer: asyncio.StreamWriter) -> None:
        number = 0
        while True:
            while self._waiting:
                number += 1
                body = self._waiting.popleft()
                self.unacknowledged[number] = body
                writer.write(_pdu(DELIVER, body, 0, number))
            await asyncio.sleep(0.02)


def _pdu(command: int, body: bytes, status: int, number: int) -> bytes:
    return _HEAD.pack(16 + len(body), command, status, number) + body


def _submitted(body: bytes) -> Submitted:
    rest = body.split(b"\0", 1)[1]
    sender, rest = rest[2:].split(b"\0", 1)
    recipient, rest = rest[2:].split(b"\0", 1)
    esm_class, rest = rest[0], rest[3:]
    rest = rest.split(b"\0", 2)[2]
    receipt, _, coding, _, length = rest[:5]
    message, rest = rest[5 : 5 + length], rest[5 + length :]
    place = {"reference": 0, "total": 1, "number": 1}
    while rest:
        tag, size = struct.unpack_from("!HH", rest)
        value, rest = rest[4 : 4 + size], rest[4 + size :]
        if tag == _PAYLOAD:
            message = value
        elif tag in _SAR:
            place[_SAR[tag]] = int.from_bytes(value, "big")
    if esm_class & _UDH:
        place = dict(zip(("reference", "total", "number"), message[3:6], strict=True))
        message = message[message[0] + 1 :]
    where = (place["reference"], place["total"], place["number"])
    return Submitted(
        sender.decode(), recipient.decode(), esm_class, bool(receipt & 1), coding, message, where
    )


def _text(one: Submitted) -> str:
    if one.coding == 8:
        return one.body.decode("utf-16-be")
    # Letters and digits are the same in the alphabet of GSM; others are shown as they came.
    return one.body.decode("latin-1")


def _deliver(
    sender: str, recipient: str, message: bytes, *, esm_class: int = 0, coding: int = 0
) -> bytes:
    return (
        b"\0\1\1" + sender.lstrip("+").encode() + b"\0\1\1" + recipient.lstrip("+").encode() + b"\0"
        + bytes((esm_class, 0, 0)) + b"\0\0" + bytes((0, 0, coding, 0, len(message))) + message
    )  # fmt: skip


def _receipt(one: Submitted, identity: str, *, is_delivered: bool) -> bytes:
    now = datetime.now(UTC).strftime("%y%m%d%H%M")
    text = (
        f"id:{identity} sub:001 dlvrd:{int(is_delivered):03d} submit date:{now} done date:{now} "
        f"stat:{'DELIVRD' if is_delivered else 'UNDELIV'} err:{0 if is_delivered else 1:03d} text:"
    )
    return _deliver(one.recipient, one.sender, text.encode("ascii"), esm_class=_RECEIPT)
