"""One opening or click, as it was seen and as it waits on the spool."""

from datetime import datetime

import msgspec

_VERSION = b"\x01"


class UnknownSighting(ValueError):  # noqa: N818 - it says what the record is
    """The record was not written by a version that we know."""


class Sighting(msgspec.Struct, frozen=True, array_like=True):
    """Somebody or something opened a message, or followed the link at a position."""

    kind: str
    message_id: int
    seen_at: datetime
    position: int = 0
    # Where it led; empty where it led nowhere.
    url: str = ""
    agent: str = ""
    mark: str = ""
    has_language: bool = True


_DECODER = msgspec.msgpack.Decoder(Sighting)
_ENCODER = msgspec.msgpack.Encoder()


def pack(*, sighting: Sighting) -> bytes:
    """Write a sighting down."""
    return _VERSION + _ENCODER.encode(sighting)


def unpack(*, payload: bytes) -> Sighting:
    """Read a sighting back."""
    if payload[:1] != _VERSION:
        raise UnknownSighting("The sighting was written by a version that is not known here.")
    try:
        return _DECODER.decode(payload[1:])
    except msgspec.DecodeError as error:
        raise UnknownSighting(str(error)) from error
