"""Draining what was seen: by thousands, each once; how far is told in the same transaction."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from django.db import connection, transaction

from crm import events, spool
from crm.ingest.away import DatabaseAway, telling_apart
from crm.ingest.facts import Reject
from crm.ingest.recording import record_rejects
from crm.models import SpoolMark
from crm.tracking.counting import record
from crm.tracking.sightings import Sighting, UnknownSighting, unpack

logger = logging.getLogger(__name__)

# So long a sighting waits: what comes right after it tells a scanner from a person.
SETTLING = timedelta(seconds=2)
_READ_BYTES = 512 * 1024
_CHUNK = 4_000
# A customer may have been merged meanwhile: then it is looked again whose the message is.
_TRIES = 3

Clock = Callable[[], datetime]

__all__ = ["DatabaseAway", "Drain", "empty", "opened"]


@dataclass(slots=True)
class _Chunk:
    """What was read, what could not be, and where reading goes on once it is recorded."""

    seen: list[Sighting] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.seen) + len(self.rejects)


class Drain:
    """The one reader of the spool of sightings."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._positions: dict[str, int] | None = None

    def step(self, *, clock: Clock) -> int:
        """Record one chunk; gives how many sightings were taken from the spool."""
        if not spool.segments(self._folder):
            return 0
        with telling_apart():
            if self._positions is None:
                self._positions = dict(SpoolMark.objects.values_list("name", "position"))
        now = clock()
        chunk = _read(self._folder, self._positions, before=now - SETTLING)
        taken = chunk.size
        if not taken:
            self._tidy()
            return 0
        try:
            self._record(chunk, now)
        except DatabaseAway:
            # Whether it was committed is not known: the marks will tell.
            self._positions = None
            raise
        self._positions |= chunk.ends
        return taken

    def _record(self, chunk: _Chunk, now: datetime) -> None:
        problem: Exception | None = None
        for _ in range(_TRIES):
            try:
                with telling_apart(), transaction.atomic():
                    record(seen=chunk.seen, now=now)
                    record_rejects(rejects=chunk.rejects)
                    _mark(chunk.ends)
            except DatabaseAway:
                raise
            except events.CustomerGone as error:
                problem = error
            except Exception as error:
                problem = error
                break
            else:
                return
        logger.warning("Sightings are looked at one by one: %s", type(problem).__name__)
        self._one_by_one(chunk, now)

    def _one_by_one(self, chunk: _Chunk, now: datetime) -> None:
        """Find what cannot be recorded and put it aside, with the reason; the rest is recorded."""
        with telling_apart(), transaction.atomic():
            for one in chunk.seen:
                try:
                    with transaction.atomic():
                        record(seen=[one], now=now)
                except Exception as error:
                    chunk.rejects.append(_aside(repr(one).encode(), str(error), one.seen_at))
            record_rejects(rejects=chunk.rejects)
            _mark(chunk.ends)

    def _tidy(self) -> None:
        """Delete segments that are finished and read, and the marks of those that are gone."""
        assert self._positions is not None
        kept = spool.remove_read(self._folder, self._positions)
        gone = [name for name in self._positions if name not in kept]
        if gone:
            with telling_apart():
                SpoolMark.objects.filter(name__in=gone).delete()
            for name in gone:
                del self._positions[name]


@contextmanager
def opened(*, folder: Path) -> Iterator[Drain | None]:
    """The drain of this spool, or nothing while somebody else drains it."""
    with spool.sole_reader(folder) as ours:
        yield Drain(folder) if ours else None


def empty(*, folder: Path, clock: Clock) -> int:
    """Record everything that is old enough; gives how many sightings."""
    taken = 0
    with opened(folder=folder) as drain:
        while drain is not None and (count := drain.step(clock=clock)):
            taken += count
    return taken


def _read(folder: Path, positions: dict[str, int], *, before: datetime) -> _Chunk:
    chunk = _Chunk()
    for path in spool.segments(folder):
        at = positions.get(path.name, 0)
        if chunk.size >= _CHUNK:
            break
        try:
            payloads, _ = spool.read(path, at, at_most=_READ_BYTES)
        except FileNotFoundError:
            continue
        for payload in payloads:
            if not _add(chunk, payload, before):
                break
            at += spool.size_of(payload)
            chunk.ends[path.name] = at
    return chunk


def _add(chunk: _Chunk, payload: bytes, before: datetime) -> bool:
    """Whether it was old enough to be taken."""
    try:
        sighting = unpack(payload=payload)
    except UnknownSighting as error:
        chunk.rejects.append(_aside(payload, str(error), before))
        return True
    if sighting.seen_at > before:
        return False
    chunk.seen.append(sighting)
    return True


def _mark(ends: dict[str, int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO crm_spoolmark (name, position)"
            " SELECT * FROM unnest(%s::text[], %s::bigint[])"
            " ON CONFLICT (name) DO UPDATE SET position = excluded.position",
            [list(ends), list(ends.values())],
        )


def _aside(payload: bytes, detail: str, at: datetime) -> Reject:
    key = f"sighting:{hashlib.sha256(payload).hexdigest()}"
    return Reject(key, 0, "not_recorded", detail, payload, at)
