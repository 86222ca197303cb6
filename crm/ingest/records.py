"""One record of the spool: a body as it came in, who sent it, when, and our id for the telling."""

import os
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_HEAD = struct.Struct("<BBqq12s")
_VERSION = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = ("batch", "identify", "track", "page", "screen", "group", "alias")


class UnknownRecord(ValueError):  # noqa: N818 - it says what the record is
    """The record was not written by a version that we know."""


@dataclass(frozen=True, slots=True)
class Record:
    """A body that was taken in; `request` tells replays of the spool from new tellings."""

    kind: str
    key_id: int
    received_at: datetime
    request: str
    body: bytes


def pack(*, kind: str, key_id: int, received_at: datetime, body: bytes) -> bytes:
    """Write a body down as a record with an id of its own."""
    micros = (received_at - _EPOCH) // timedelta(microseconds=1)
    return _HEAD.pack(_VERSION, _KINDS.index(kind), key_id, micros, os.urandom(12)) + body


def unpack(*, payload: bytes) -> Record:
    """Read a record back."""
    if len(payload) < _HEAD.size or payload[0] != _VERSION or payload[1] >= len(_KINDS):
        raise UnknownRecord("The record was written by a version that is not known here.")
    _, kind, key_id, micros, request = _HEAD.unpack_from(payload)
    return Record(
        kind=_KINDS[kind],
        key_id=key_id,
        received_at=_EPOCH + timedelta(microseconds=micros),
        request=request.hex(),
        body=payload[_HEAD.size :],
    )
