"""What the tracking API is told: calls decoded, checked one by one, and the limits they keep."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Raw

MOST_EVENTS: Final = 2500
LARGEST_EVENT: Final = 32 * 1024
LARGEST_BODY: Final = 500 * 1024
BATCH: Final = "batch"
KINDS: Final = ("identify", "track", "page", "screen", "group", "alias")
# What we record ourselves cannot be told by others.
RESERVED: Final = ("message.", "consent.", "order.")
_LONGEST_NAME = 200
_LONGEST_ID = 320
_LONGEST_MESSAGE_ID = 150
_OBJECT_OR_NOTHING = frozenset({b"", b"{", b"n"})
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)

Identifier = str | int | float | None


class Unreadable(ValueError):  # noqa: N818 - it says what the body is
    """The body as a whole cannot be read; the message says why."""


class Context(msgspec.Struct, gc=False):
    """What a client knows about its surroundings, as far as we keep it."""

    campaign: Raw = Raw()
    traits: Raw = Raw()
    locale: Any = None
    timezone: Any = None


class Call(msgspec.Struct, rename="camel", gc=False):
    """One call, alone or in a batch."""

    type: str | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    user_id: Identifier = None
    anonymous_id: Identifier = None
    previous_id: Identifier = None
    group_id: Identifier = None
    message_id: str | None = None
    timestamp: str | None = None
    sent_at: str | None = None
    properties: Raw = Raw()
    traits: Raw = Raw()
    context: Context | None = None


class Envelope(msgspec.Struct, rename="camel"):
    """A batch; its events are decoded one by one, so that a bad one spoils no other."""

    batch: list[Raw]
    sent_at: str | None = None
    write_key: str | None = None


class _KeyHolder(msgspec.Struct, rename="camel"):
    write_key: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Why one event cannot be recorded."""

    reason: str
    detail: str


class Entry(msgspec.Struct, gc=False, eq=False):
    """One event of a body: what it says and of whom, or what is wrong with it."""

    index: int
    raw: bytes
    kind: str
    call: Call
    user: str
    anonymous: str
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class Reading:
    """A body as it was read."""

    entries: Sequence[Entry]
    sent_at: str | None


_CALL = msgspec.json.Decoder(Call)
_ENVELOPE = msgspec.json.Decoder(Envelope)
_KEY_HOLDER = msgspec.json.Decoder(_KeyHolder)
NOTHING = Call()


def tidy(*, body: bytes) -> bytes:
    """The body as UTF-8 JSON that PostgreSQL can keep: no NUL, no half characters, no infinity."""
    if rb"\u0000" not in body:
        try:
            body.decode()
            msgspec.json.decode(body, type=Raw)
        except (UnicodeDecodeError, msgspec.DecodeError):
            pass
        except RecursionError as error:
            raise Unreadable("The JSON is nested too deeply.") from error
        else:
            return body
    try:
        value = json.loads(body.decode("utf-8", "replace"))
    except RecursionError as error:
        raise Unreadable("The JSON is nested too deeply.") from error
    except ValueError as error:
        raise Unreadable(f"The body is not JSON: {error}.") from error
    return msgspec.json.encode(_mended(value))


def write_key(*, body: bytes) -> str:
    """The key that browsers send in the body, or nothing."""
    try:
        return _KEY_HOLDER.decode(body).write_key or ""
    except (msgspec.DecodeError, RecursionError):
        return ""


def read(*, kind: str, body: bytes) -> Reading:
    """Decode a tidy body and check each event of it."""
    if kind != BATCH:
        entry = _entry(0, kind, body)
        return Reading((entry,), entry.call.sent_at)
    try:
        envelope = _ENVELOPE.decode(body)
    except msgspec.DecodeError as error:
        raise Unreadable(f"A batch is an object with a list named batch: {error}.") from error
    if len(envelope.batch) > MOST_EVENTS:
        raise Unreadable(f"A batch holds at most {MOST_EVENTS} events, not {len(envelope.batch)}.")
    entries = [_entry(index, "", bytes(raw)) for index, raw in enumerate(envelope.batch)]
    return Reading(entries, envelope.sent_at)


def key_of(*, call: Call, key_id: int, request: str, index: int) -> str:
    """The event's own key: who told it and the client's id for it, or our id of the telling."""
    message_id = call.message_id or f"{request}-{index}"
    if len(message_id) > _LONGEST_MESSAGE_ID:
        message_id = f"sha256-{hashlib.sha256(message_id.encode()).hexdigest()}"
    return f"track:{key_id}:{message_id}"


def skew(*, sent_at: str | None, received_at: datetime) -> timedelta:
    """What a client's clock was wrong by when it sent; nothing where that cannot be known."""
    try:
        return received_at - parse_moment(text=sent_at) if sent_at else timedelta()
    except (ValueError, OverflowError):
        return timedelta()


def moment(*, call: Call, skewed: timedelta, received_at: datetime) -> datetime:
    """When it happened by our clock: nothing happens after we heard of it."""
    if not call.timestamp:
        return received_at
    try:
        told = parse_moment(text=call.timestamp) + skewed
    except OverflowError:
        return received_at
    return max(min(told, received_at), _EARLIEST)


def parse_moment(*, text: str) -> datetime:
    """ISO 8601 in all its spellings, in UTC where no zone is given; raises ValueError."""
    found = datetime.fromisoformat(text.strip())
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    # Far from the ends of the calendar no zone can overflow.
    if not 2 < found.year < 9998:
        raise ValueError(f"{text!r} is out of range")
    return found


def text_of(*, value: Identifier) -> str:
    """An id as text; clients send numbers too."""
    if type(value) is str:
        return value.strip()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()


def _entry(index: int, kind: str, raw: bytes) -> Entry:
    if len(raw) > LARGEST_EVENT:
        limit = f"An event has at most {LARGEST_EVENT // 1024} kB, not {len(raw)} bytes."
        return Entry(index, raw, kind, NOTHING, "", "", Fault("too_large", limit))
    try:
        call = _CALL.decode(raw)
    except msgspec.DecodeError as error:
        return Entry(index, raw, kind, NOTHING, "", "", Fault("invalid", f"{error}"))
    kind = kind or call.type or ""
    user, anonymous = text_of(value=call.user_id), text_of(value=call.anonymous_id)
    return Entry(index, raw, kind, call, user, anonymous, _fault(kind, call, user, anonymous))


def _fault(kind: str, call: Call, user: str, anonymous: str) -> Fault | None:
    if kind not in KINDS:
        return Fault("unknown_type", f"The type is one of {', '.join(KINDS)}.")
    return _who(kind, call, user, anonymous) or _what(kind, call) or _when(call) or _shape(call)


def _who(kind: str, call: Call, user: str, anonymous: str) -> Fault | None:
    previous = "" if call.previous_id is None else text_of(value=call.previous_id)
    if kind == "alias" and not (user and previous):
        return Fault("no_identity", "An alias needs userId and previousId.")
    if not user and not anonymous:
        return Fault("no_identity", "An event needs userId or anonymousId.")
    if len(user) > _LONGEST_ID or len(anonymous) > _LONGEST_ID or len(previous) > _LONGEST_ID:
        return Fault("id_too_long", f"An id has at most {_LONGEST_ID} characters.")
    return None


def _what(kind: str, call: Call) -> Fault | None:
    if kind == "group":
        group = text_of(value=call.group_id)
        if not 0 < len(group) <= _LONGEST_NAME:
            detail = f"A group call needs a groupId of at most {_LONGEST_NAME} characters."
            return Fault("no_group", detail)
    if kind != "track":
        return None
    name = (call.event or "").strip()
    if not name:
        return Fault("no_event", "A track call needs the name of an event.")
    if len(name) > _LONGEST_NAME:
        return Fault("name_too_long", f"A name has at most {_LONGEST_NAME} characters.")
    if name.startswith(RESERVED):
        return Fault("reserved_name", "Events of this name we record ourselves.")
    return None


def _when(call: Call) -> Fault | None:
    try:
        if call.timestamp:
            parse_moment(text=call.timestamp)
    except (ValueError, OverflowError):
        return Fault("bad_timestamp", "The timestamp is not a moment in ISO 8601.")
    return None


def _shape(call: Call) -> Fault | None:
    for name, raw in (("properties", call.properties), ("traits", call.traits)):
        if bytes(raw)[:1] not in _OBJECT_OR_NOTHING:
            return Fault("invalid", f"Expected an object - at `$.{name}`")
    return None


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return (
            value.replace("\0", "\ufffd")
            .encode("utf-16", "surrogatepass")
            .decode("utf-16", "replace")
        )
    if isinstance(value, dict):
        return {_mended(key): _mended(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_mended(inner) for inner in value]
    # JSON has neither infinity nor NaN, and 1e999 is read as infinity.
    is_odd = isinstance(value, float) and value - value != 0
    return None if is_odd else value
