"""From a record of the spool to facts: who, what, when, under which key, ready to be copied."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from crm import commerce
from crm.ingest import lines, records, wire

# What these calls do is more than a row, and an old one told again must not undo a newer one.
STATEFUL = frozenset({"identify", "alias", "group"})
NAMES = {
    "identify": "customer.identified",
    "alias": "customer.linked",
    "group": "company.joined",
    "page": "page.viewed",
    "screen": "screen.viewed",
}
_EMPTY = frozenset({b"", b"null", b"{}"})
_BEFORE = datetime(1970, 1, 1, tzinfo=UTC)


class Fact(msgspec.Struct, gc=False, eq=False):
    """One event that is to be recorded."""

    key: str
    key_id: int
    kind: str
    name: str
    occurred_at: datetime
    received_at: datetime
    user: str
    anonymous: str
    properties: bytes
    # What COPY reads of it, all but its number and its customer.
    line: bytes
    raw: bytes
    # Kept where more is to be read in it.
    call: wire.Call

    @property
    def told(self) -> Mapping[str, Any]:
        """The properties as plain values."""
        found: dict[str, Any] = msgspec.json.decode(self.properties)
        return found


@dataclass(slots=True, eq=False)
class Reject:
    """One event that cannot be recorded, as it came, with the reason."""

    key: str
    key_id: int
    reason: str
    detail: str
    payload: bytes
    received_at: datetime


def of_payload(*, payload: bytes) -> Iterator[Fact | Reject]:
    """The facts of one record of the spool, and what was wrong with the others."""
    try:
        record = records.unpack(payload=payload)
        reading = wire.read(kind=record.kind, body=record.body)
    except (records.UnknownRecord, wire.Unreadable) as error:
        yield _unknown(payload, str(error))
        return
    skewed = wire.skew(sent_at=reading.sent_at, received_at=record.received_at)
    received = lines.moment(record.received_at)
    for entry in reading.entries:
        yield _fact_or_reject(record, skewed, received, entry)


def aside(*, fact: Fact, detail: str) -> Reject:
    """A fact that the database did not take."""
    return Reject(fact.key, fact.key_id, "not_recorded", detail, fact.raw, fact.received_at)


def _fact_or_reject(
    record: records.Record, skewed: timedelta, received: bytes, entry: wire.Entry
) -> Fact | Reject:
    fault = entry.fault
    if fault is None:
        try:
            return _fact(record, skewed, received, entry)
        except (ValueError, RecursionError) as error:
            fault = wire.Fault("invalid", str(error))
    # Two events with one id may be wrong in two ways: both are kept.
    key = f"rejected:{record.request}-{entry.index}"
    return Reject(key, record.key_id, fault.reason, fault.detail, entry.raw, record.received_at)


def _unknown(payload: bytes, detail: str) -> Reject:
    """A record that an older or newer version wrote; told apart by what it holds."""
    key = f"rejected:{hashlib.sha256(payload).hexdigest()}"
    return Reject(key, 0, "unknown_record", detail, payload, _BEFORE)


def _fact(record: records.Record, skewed: timedelta, received: bytes, entry: wire.Entry) -> Fact:
    call = entry.call
    received_at = record.received_at
    key = wire.key_of(call=call, key_id=record.key_id, request=record.request, index=entry.index)
    name, properties = _what(entry)
    if call.sent_at:
        skewed = wire.skew(sent_at=call.sent_at, received_at=received_at)
    occurred_at = wire.moment(call=call, skewed=skewed, received_at=received_at)
    return Fact(
        key,
        record.key_id,
        entry.kind,
        name,
        occurred_at,
        received_at,
        entry.user,
        entry.anonymous,
        properties,
        lines.line(name, lines.moment(occurred_at), received, properties, key),
        entry.raw,
        call if entry.kind in STATEFUL else wire.NOTHING,
    )


def _what(entry: wire.Entry) -> tuple[str, bytes]:
    call = entry.call
    if entry.kind == "track":
        told = (call.event or "").strip()
        name = commerce.NAMES.get(told.casefold())
        if name:
            return name, _commerce(name, call)
        return told, _with_campaign(call, bytes(call.properties))
    if entry.kind in STATEFUL:
        return NAMES[entry.kind], _said(entry)
    return NAMES[entry.kind], _with_campaign(call, _page(call))


def _commerce(name: str, call: wire.Call) -> bytes:
    properties = bytes(call.properties)
    said = _object(properties)
    tidied = commerce.tidied(name=name, properties=said)
    return _with_campaign(call, properties if tidied == said else msgspec.json.encode(tidied))


def _said(entry: wire.Entry) -> bytes:
    """Names of what was told, and not the values: those are the customer's, and kept there."""
    call = entry.call
    if entry.kind == "alias":
        return b"{}"
    traits = sorted(_object(bytes(call.traits)))
    if entry.kind == "group":
        return msgspec.json.encode({"company": wire.text_of(value=call.group_id)})
    return msgspec.json.encode({"attributes": traits})


def _page(call: wire.Call) -> bytes:
    properties = bytes(call.properties)
    for word, value in (("category", call.category), ("name", call.name)):
        if value:
            properties = _with(properties, word, msgspec.json.encode(value))
    return properties


def _with_campaign(call: wire.Call, properties: bytes) -> bytes:
    """What led here (utm_…) stands with the event; the rest of the context is not kept."""
    campaign = bytes(call.context.campaign) if call.context else b""
    if campaign[:1] == b"{":
        return _with(properties, "campaign", campaign)
    return b"{}" if properties in _EMPTY else properties


def _with(properties: bytes, word: str, value: bytes) -> bytes:
    """Add a field to an object without reading it; what the object says itself comes later."""
    head = b'{"%b":%b' % (word.encode(), value)
    if properties in _EMPTY or not properties[1:-1].strip():
        return head + b"}"
    return b"%b,%b" % (head, properties[1:])


def _object(raw: bytes) -> dict[str, Any]:
    found = msgspec.json.decode(raw) if raw else None
    return found if isinstance(found, dict) else {}
