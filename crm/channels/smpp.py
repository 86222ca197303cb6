"""SMS over SMPP 3.4: a transmitter for every batch, a receiver for what comes back."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.utils.translation import gettext_noop as _

from crm.channels import callbacks, proofs, segments
from crm.channels import journal as states
from crm.channels.base import (
    DEFERRED,
    DELIVERED,
    FAILED,
    FAILED_NEWS,
    IN_DOUBT,
    INVALID_ADDRESS,
    RATE_LIMITED,
    REJECTED,
    SENDER_REFUSED,
    SENT,
    SENT_NEWS,
    UNANSWERED,
    UNAUTHORIZED,
    UNKNOWN,
    UNREACHABLE,
    Account,
    CallbackNews,
    CallbackRefused,
    CallbackRequest,
    Field,
    Inbound,
    Journal,
    Outcome,
    Outgoing,
)
from crm.channels.http_many import failed, sent
from crm.channels.http_wire import Origin, Unanswered, Unreached
from crm.channels.pace import Pace, per_second
from crm.channels.posting import ONLY_BY_ITS_ID
from crm.channels.smpp_session import LibraryMissing, Session, SmppRefused, library
from crm.channels.sms_text import TEXT_FIELDS, prepared, with_plus

WORDS = {
    "ENROUTE": SENT_NEWS,
    "ACCEPTD": SENT_NEWS,
    "DELIVRD": DELIVERED,
    "EXPIRED": FAILED_NEWS,
    "DELETED": FAILED_NEWS,
    "UNDELIV": FAILED_NEWS,
    "REJECTD": FAILED_NEWS,
}
REFUSALS = {
    "ESME_RTHROTTLED": RATE_LIMITED,
    "ESME_RMSGQFUL": RATE_LIMITED,
    "ESME_RINVDSTADR": INVALID_ADDRESS,
    "ESME_RINVSRCADR": SENDER_REFUSED,
    "ESME_RINVPASWD": UNAUTHORIZED,
    "ESME_RINVSYSID": UNAUTHORIZED,
    "ESME_RBINDFAIL": UNAUTHORIZED,
    "ESME_RSYSERR": DEFERRED,
    "ESME_RSUBMITFAIL": DEFERRED,
    "ESME_RALYBND": DEFERRED,
}
_MARKS = {SENT: states.CONFIRMED, FAILED: states.REFUSED, IN_DOUBT: states.HANDED_OVER}
_UDH, _RECEIPT = 0x40, 0x04
_SHORT_CODE = 7
# Seconds, and how often they are waited for before the rest of a text that has begun to leave.
_PAUSE, _PATIENCE = 1.0, 10


class SmppAdapter:
    """Submits in a window; long texts go in parts, and the last part asks for the receipt."""

    channel: ClassVar[str] = "sms"
    label: ClassVar[str] = "SMPP 3.4"
    unasked: ClassVar[str] = ONLY_BY_ITS_ID
    fields = (
        Field("url", _("Address"), help=_("Such as smpp://host:2775, or smpps:// under TLS.")),
        Field("system_id", _("System id")),
        Field("password", _("Password"), help=_("Eight characters at most."), is_secret=True),
        Field("system_type", _("System type"), is_needed=False),
        Field("window", _("Window"), help=_("How many wait for answers at once."), default="10"),
        Field("joining", _("Long texts"), default="udh", choices=("udh", "sar", "payload")),
        *TEXT_FIELDS,
    )

    def __init__(self, account: Account) -> None:
        self.account = account
        library()
        self._pace = Pace(per_second(account.option("per_second")))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reference = 0

    def send_many(self, batch: Sequence[Outgoing], *, journal: Journal) -> Iterator[Outcome]:
        """Bind, submit every message and unbind."""
        if not batch:
            return
        outcomes: dict[int, Outcome] = {}
        try:
            self._run(lambda: self._send(batch, journal, outcomes))
        except (Unreached, SmppRefused) as error:
            for index, message in enumerate(batch):
                if index not in outcomes:
                    outcomes[index] = _not_bound(message, error)
                    journal.mark(index, _mark(outcomes[index]))
        yield from outcomes.values()

    def fetch(self, *, seconds: float, keep: Callable[[bytes], None]) -> None:
        """Bind as receiver for so long; what is delivered is acknowledged once `keep` returns."""
        self._run(lambda: self._listen(seconds, keep))

    def check(self) -> str:
        """Bind and unbind."""
        try:
            self._run(lambda: self._listen(0.0, lambda _: None))
        except (Unreached, SmppRefused) as error:
            return str(error)
        return ""

    def verify_callback(self, request: CallbackRequest) -> None:
        """Nothing of SMPP comes by HTTP."""
        raise CallbackRefused("Receipts of SMPP come over its connection alone.")

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read what was kept of a delivery: a receipt, or a message that somebody sent."""
        raw = callbacks.read_json(request)
        if not raw.get("receipt"):
            return [
                Inbound(
                    channel=self.channel,
                    sender=with_plus(callbacks.text(raw, "from")),
                    recipient=with_plus(callbacks.text(raw, "to")),
                    body=callbacks.text(raw, "text"),
                    provider_message_id=callbacks.text(raw, "key"),
                    occurred_at=request.received_at,
                )
            ]
        kind = WORDS.get(callbacks.text(raw, "stat").upper(), UNKNOWN)
        return [
            CallbackNews(
                provider_message_id=callbacks.text(raw, "id"),
                key="",
                kind=kind,
                occurred_at=request.received_at,
                recipient=with_plus(callbacks.text(raw, "from")),
                reason=proofs.why(kind, callbacks.text(raw, "err")),
                raw=raw,
            )
        ]

    def close(self) -> None:
        """Let go of the loop; connections live no longer than a batch."""
        if self._loop is not None:
            self._loop.close()
            self._loop = None

    def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(work())

    def _session(self, kind: str, delivered: Callable[[bytes], None]) -> Session:
        bind = getattr(library(), kind)(
            system_id=self.account.option("system_id"),
            password=self.account.secret("password"),
            system_type=self.account.option("system_type"),
        )
        return Session(
            _origin(self.account.url),
            bind=bind,
            delivered=delivered,
            guarded_but=self.account.guarded_but,
        )

    async def _send(
        self, batch: Sequence[Outgoing], journal: Journal, outcomes: dict[int, Outcome]
    ) -> None:
        window = asyncio.Semaphore(max(1, int(self.account.option("window", "10"))))
        may_begin = getattr(journal, "may_begin", None)
        async with (
            self._session("BindTransmitter", lambda _: None) as session,
            asyncio.TaskGroup() as group,
        ):
            for index, message in enumerate(batch):
                await window.acquire()
                held = await self._pace.turn()
                if held:
                    detail = "The provider has asked for a pause."
                    outcomes[index] = failed(message, RATE_LIMITED, detail, retry_after=held)
                    journal.mark(index, states.PUT_OFF)
                    window.release()
                    continue
                if may_begin and not may_begin(index):
                    window.release()
                    continue  # no outcome: whoever stopped it says why
                task = group.create_task(self._one(session, index, message, journal, outcomes))
                task.add_done_callback(lambda _: window.release())

    async def _one(
        self,
        session: Session,
        index: int,
        message: Outgoing,
        journal: Journal,
        outcomes: dict[int, Outcome],
    ) -> None:
        try:
            parts = self._parts(prepared(message, self.account))
        except ValueError as error:
            outcomes[index] = failed(message, REJECTED, str(error))
        else:
            journal.mark(index, states.HANDING_OVER)
            outcomes[index] = await _submitted(session, message, parts)
        journal.mark(index, _mark(outcomes[index]))
        if outcomes[index].reason == RATE_LIMITED:
            self._pace.hold(_PAUSE)

    async def _listen(self, seconds: float, keep: Callable[[bytes], None]) -> None:
        def delivered(pdu: bytes) -> None:
            keep(json.dumps(read_delivery(pdu)).encode())

        async with self._session("BindReceiver", delivered):
            await asyncio.sleep(seconds)

    def _parts(self, message: Outgoing) -> list[Any]:
        """The PDUs of a message; only the last asks for a receipt, so that there is one."""
        joining = self.account.option("joining", "udh")
        texts = [message.text] if joining == "payload" else segments.split(message.text)
        encoding = segments.measure(message.text).encoding
        self._reference = self._reference % 255 + 1
        return [
            _pdu(message, text, encoding, (self._reference, len(texts), number), joining)
            for number, text in enumerate(texts, start=1)
        ]


def _origin(url: str) -> Origin:
    parts = urlsplit(url)
    is_tls = parts.scheme == "smpps"
    return Origin(parts.hostname or "", parts.port or (3550 if is_tls else 2775), is_tls)


def read_delivery(pdu: bytes) -> dict[str, object]:
    """What a deliver_sm says, as plain data."""
    protocol = library()
    header = protocol.SmppMessage.parse_header(pdu)
    found = protocol.DeliverSm.from_pdu(pdu, header, "gsm0338")
    data: dict[str, object] = {
        "from": found.source.number,
        "to": found.destination.number,
        "text": found.short_message or found.message_payload,
        "key": proofs.sha256(pdu)[:32],
    }
    if found.is_receipt():
        words = {name: str(value) for name, value in found.parse_receipt().items()}
        data |= {"receipt": True, **words}
    return data


async def _submitted(session: Session, message: Outgoing, parts: Sequence[Any]) -> Outcome:
    pdu = b""
    for number, part in enumerate(parts):
        try:
            header, pdu = await _asked(session, part, patience=_PATIENCE if number else 0)
        except Unanswered as error:
            return _doubtful(message, str(error))
        except Unreached as error:
            return _doubtful(message, str(error)) if number else _not_bound(message, error)
        if header.command_status.value:
            name = header.command_status.name
            if number:  # what was taken of it would be taken twice
                return _doubtful(message, f"{name} after {number} of {len(parts)} parts.")
            reason = REFUSALS.get(name, REJECTED)
            pause = _PAUSE if reason == RATE_LIMITED else None
            return failed(message, reason, name, retry_after=pause)
    return sent(message, pdu[16:].split(b"\0")[0].decode("ascii", "replace"))


async def _asked(session: Session, part: Any, *, patience: int) -> tuple[Any, bytes]:
    """The answer to a part; where the server wants a pause, the part is asked again after it."""
    answer = await session.ask(part)
    while patience and REFUSALS.get(answer[0].command_status.name) == RATE_LIMITED:
        await asyncio.sleep(_PAUSE)
        answer, patience = await session.ask(part), patience - 1
    return answer


def _doubtful(message: Outgoing, detail: str) -> Outcome:
    return Outcome(message.message_id, IN_DOUBT, reason=UNANSWERED, detail=detail)


def _pdu(
    message: Outgoing, text: str, encoding: str, place: tuple[int, int, int], joining: str
) -> Any:
    from aiosmpplib import state
    from aiosmpplib.codec import find_codec_info

    reference, total, number = place
    is_gsm = encoding == segments.GSM_7
    pdu = library().SubmitSm(
        short_message=text or " ",
        source=_number(message.sender),
        destination=_number(message.recipient),
        encoding=None if is_gsm else "ucs2",
        registered_delivery=1 if number == total else 0,
    )
    encoded = find_codec_info("gsm0338" if is_gsm else "ucs2").encode(text, "strict")[0]
    if total > 1 and joining == "sar":
        pdu.optional_params = [
            state.OptionalParam(state.SAR_MSG_REF_NUM, reference),
            state.OptionalParam(state.SAR_TOTAL_SEGMENTS, total),
            state.OptionalParam(state.SAR_SEGMENT_SEQNUM, number),
        ]
    elif total > 1:
        pdu.esm_class = _UDH
        encoded = bytes((5, 0, 3, reference, total, number)) + encoded
    if len(encoded) <= 254:
        pdu.set_encoded_message(encoded)
    return pdu


def _number(number: str) -> Any:
    from aiosmpplib.state import NPI, TON, PhoneNumber

    digits = number.lstrip("+")
    if not number.isascii():
        raise ValueError(f"SMPP has no letters for “{number}”.")
    if not digits.isdecimal():
        return PhoneNumber(number, TON.ALPHANUMERIC, NPI.UNKNOWN)
    if number.startswith("+") or len(digits) >= _SHORT_CODE:
        return PhoneNumber(digits, TON.INTERNATIONAL, NPI.ISDN)
    return PhoneNumber(digits, TON.NETWORK_SPECIFIC, NPI.UNKNOWN)


def _not_bound(message: Outgoing, error: Exception) -> Outcome:
    if isinstance(error, SmppRefused):
        return failed(message, REFUSALS.get(error.status, UNAUTHORIZED), str(error))
    return failed(message, UNREACHABLE, str(error))


def _mark(outcome: Outcome) -> int:
    return states.PUT_OFF if outcome.retry_after is not None else _MARKS[outcome.state]


__all__ = ["LibraryMissing", "SmppAdapter"]
