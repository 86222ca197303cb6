"""Draining the spool into the database: in order, by thousands, each event once.

Where it stopped is kept in a small file beside the segments. It moves on after the commit only, so
that a crash repeats some facts, and their keys make that harmless. A fact that the database does
not take is found by halving the chunk, and kept aside.
"""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.db import IntegrityError

from crm import spool
from crm.ingest import facts as making
from crm.ingest import recording
from crm.ingest.away import DatabaseAway, telling_apart
from crm.ingest.facts import Fact, Reject

logger = logging.getLogger(__name__)

CHUNK_EVENTS = 8_000
_READ_BYTES = 512 * 1024
# After a key that was known, more of them are to be expected for some chunks.
_CAREFUL_CHUNKS = 20
# A chunk is tried again as it is before it is halved: a customer may have been merged meanwhile.
_TRIES = 3
_TIDY_EVERY = 50
_POSITIONS = "positions.json"

Positions = dict[str, int]

__all__ = ["DatabaseAway", "Drain", "empty", "opened", "read_chunk"]


@dataclass(slots=True)
class Chunk:
    """Facts read from the spool, and where reading goes on once they are recorded."""

    facts: list[Fact] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    ends: Positions = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many events were read, good and bad."""
        return len(self.facts) + len(self.rejects)


class Drain:
    """The one reader of a spool; reads the next chunk while the database takes this one."""

    def __init__(self, folder: Path, reader: ThreadPoolExecutor) -> None:
        self._folder = folder
        self._reader = reader
        self._positions = _read_positions(folder)
        self._next: Future[Chunk] | None = None
        self._careful = 0
        self._steps = 0

    def step(self, *, clock: Callable[[], datetime]) -> int:
        """Record one chunk and move on; gives how many events were taken from the spool."""
        chunk = self._take()
        if not chunk.ends:
            self._tidy()
            return 0
        ahead = {**self._positions, **chunk.ends}
        self._next = self._reader.submit(read_chunk, folder=self._folder, positions=ahead)
        try:
            self._record(chunk, clock)
        except BaseException:
            self._next = None
            raise
        self._move_on(ahead)
        self._steps += 1
        if self._steps % _TIDY_EVERY == 0:
            self._tidy()
        return chunk.size

    def _take(self) -> Chunk:
        waiting, self._next = self._next, None
        chunk = waiting.result() if waiting else None
        if chunk is None or not chunk.ends:
            # What was read ahead may have been read before more came.
            chunk = read_chunk(folder=self._folder, positions=self._positions)
        return chunk

    def _record(self, chunk: Chunk, clock: Callable[[], datetime]) -> None:
        with telling_apart():
            if chunk.rejects:
                recording.record_rejects(rejects=chunk.rejects)
        if chunk.facts:
            self._record_facts(chunk.facts, clock)

    def _record_facts(self, facts: Sequence[Fact], clock: Callable[[], datetime]) -> None:
        problem = self._try(facts, clock)
        if problem is None:
            return
        if len(facts) > 1:
            middle = len(facts) // 2
            self._record_facts(facts[:middle], clock)
            self._record_facts(facts[middle:], clock)
            return
        # The words of the problem may hold what the customer said: they go to the row only.
        logger.warning("An event was put aside: %s", type(problem).__name__)
        with telling_apart():
            recording.record_rejects(rejects=[making.aside(fact=facts[0], detail=str(problem))])

    def _try(self, facts: Sequence[Fact], clock: Callable[[], datetime]) -> Exception | None:
        """Record these facts, or say what is wrong with one of them."""
        problem: Exception | None = None
        for _ in range(_TRIES):
            try:
                with telling_apart():
                    self._write(facts, clock())
            except DatabaseAway:
                raise
            except IntegrityError as error:
                problem = error
            except Exception as error:
                return error
            else:
                return None
        return problem

    def _write(self, facts: Sequence[Fact], now: datetime) -> None:
        self._careful = max(0, self._careful - 1)
        try:
            write = recording.record_unknown if self._careful else recording.record
            write(facts=facts, now=now)
        except IntegrityError as error:
            if not self._careful and recording.is_known_key(error=error):
                self._careful = _CAREFUL_CHUNKS
                recording.record_unknown(facts=facts, now=now)
                return
            raise

    # --- Positions ------------------------------------------------------------------------------

    def _move_on(self, positions: Positions) -> None:
        self._positions = positions
        half = self._folder / f"{_POSITIONS}.new"
        half.write_text(json.dumps(positions), encoding="utf-8")
        half.replace(self._folder / _POSITIONS)

    def _tidy(self) -> None:
        """Delete the segments that are finished and read to their end."""
        kept = spool.remove_read(self._folder, self._positions)
        if gone := set(self._positions) - kept:
            self._move_on({name: at for name, at in self._positions.items() if name not in gone})


@contextmanager
def opened(*, folder: Path) -> Iterator[Drain | None]:
    """The drain of this spool, or nothing while somebody else drains it."""
    with spool.sole_reader(folder) as ours, ThreadPoolExecutor(1, "spool") as reader:
        yield Drain(folder, reader) if ours else None


def empty(*, folder: Path, clock: Callable[[], datetime]) -> int:
    """Record everything that is on the spool now; gives how many events."""
    taken = 0
    with opened(folder=folder) as drain:
        while drain is not None and (count := drain.step(clock=clock)):
            taken += count
    return taken


def read_chunk(*, folder: Path, positions: Positions) -> Chunk:
    """Some thousand events from where reading stopped, the oldest segments first."""
    chunk = Chunk()
    for path in spool.segments(folder):
        offset = positions.get(path.name, 0)
        while chunk.size < CHUNK_EVENTS:
            with suppress(FileNotFoundError):
                if path.stat().st_size <= offset:
                    break
            payloads, end = spool.read(path, offset, at_most=_READ_BYTES)
            if not payloads:
                break
            for payload in payloads:
                _add(chunk, payload)
            offset = chunk.ends[path.name] = end
    return chunk


def _add(chunk: Chunk, payload: bytes) -> None:
    for found in making.of_payload(payload=payload):
        if isinstance(found, Fact):
            chunk.facts.append(found)
        else:
            chunk.rejects.append(found)


def _read_positions(folder: Path) -> Positions:
    try:
        found: Positions = json.loads((folder / _POSITIONS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found
