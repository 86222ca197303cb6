"""Taking a call in: read it, write it down durably, and only then say so."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from django.conf import settings

from crm import spool
from crm.ingest import records, wire


@dataclass(frozen=True, slots=True)
class Refused:
    """One event that will not be recorded, kept with the reason for staff to see."""

    index: int
    message_id: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of the events of one body."""

    taken: int
    refused: Sequence[Refused] = field(default_factory=tuple)


def receive(*, kind: str, body: bytes, key_id: int, now: datetime) -> Receipt:
    """Take a body in; when this returns, its events survive any crash.

    Raises `wire.Unreadable` where the body makes no sense as a whole, and
    `spool.SpoolUnwritable` where nothing could be written.
    """
    tidied = wire.tidy(body=body)
    reading = wire.read(kind=kind, body=tidied)
    refused = tuple(_refused(entry) for entry in reading.entries if entry.fault)
    if reading.entries:
        record = records.pack(kind=kind, key_id=key_id, received_at=now, body=tidied)
        writer().append(record)
    return Receipt(len(reading.entries) - len(refused), refused)


@cache
def writer() -> spool.Writer:
    """The spool of this process."""
    return spool.Writer(settings.SPOOL_DIR, durable=settings.INGEST_FSYNC)


def _refused(entry: wire.Entry) -> Refused:
    assert entry.fault
    return Refused(entry.index, entry.call.message_id or "", entry.fault.reason, entry.fault.detail)
