"""The hand-over journal: one state byte a message in a mapped file that survives kill -9.

Each sending process owns one file and holds its lock for life. The kernel keeps the mapped page
when the process dies, so that whoever sweeps the folder later knows how far each message had gone.
Layout: valid (4 bytes), count (4), then CAPACITY ids of 8 bytes, then CAPACITY state bytes.
"""

import fcntl
import mmap
import os
import struct
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CLAIMED = 0
HANDING_OVER = 1
HANDED_OVER = 2
CONFIRMED = 3
REFUSED = 5
# What may be tried again is as free as what was never begun.
PUT_OFF = CLAIMED

CAPACITY = 4096
_HEADER = struct.Struct("<II")
_STATES_AT = _HEADER.size + 8 * CAPACITY
_SIZE = _STATES_AT + CAPACITY
_SUFFIX = ".journal"


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a dead process left: whom it never reached, whom it may have, whom it surely did."""

    owner: str
    path: Path
    untouched: tuple[int, ...]
    doubtful: tuple[int, ...]
    confirmed: tuple[int, ...]
    refused: tuple[int, ...]


class HandOverJournal:
    """The journal of the running process; open it once and keep it."""

    def __init__(self, folder: Path, *, owner: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.owner = owner or f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self.path = folder / f"{self.owner}{_SUFFIX}"
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(self._descriptor, _SIZE)
        self._map = mmap.mmap(self._descriptor, _SIZE)
        if _HEADER.unpack(self._map[: _HEADER.size])[0]:
            self.close()
            raise RuntimeError(f"{self.path} holds unsettled messages; recover it first.")

    def begin(self, ids: Sequence[int]) -> None:
        """Write down a batch, each message as claimed, before anything is handed over."""
        if len(ids) > CAPACITY:
            raise ValueError(f"A batch holds at most {CAPACITY} messages, not {len(ids)}.")
        end = _HEADER.size + 8 * len(ids)
        self._map[_HEADER.size : end] = struct.pack(f"<{len(ids)}q", *ids)
        self._map[_STATES_AT : _STATES_AT + len(ids)] = bytes(len(ids))
        self._map[: _HEADER.size] = _HEADER.pack(1, len(ids))

    def mark(self, index: int, state: int) -> None:
        """Note how far the message at this place of the batch has gone."""
        self._map[_STATES_AT + index] = state

    def end(self) -> None:
        """Forget the batch; only after its outcomes are committed."""
        self._map[: _HEADER.size] = _HEADER.pack(0, 0)

    def close(self) -> None:
        """Give the lock up, and remove the file if nothing is left in it."""
        if self._map.closed:
            return
        settled = not _HEADER.unpack(self._map[: _HEADER.size])[0]
        self._map.close()
        if settled:
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)


class NoJournal:
    """For senders with nothing to recover: a test send, a single reply inside a request."""

    def mark(self, index: int, state: int) -> None:
        """Note nothing."""


@contextmanager
def recovering(folder: Path) -> Iterator[list[Recovered]]:
    """Hold the journals of dead owners; they are cleared only if the block ends without error.

    A journal without a batch is given too: its owner died before it began to hand anything over.
    Settle what is given inside the block and commit there: a crash in between leaves the journals
    as they are, and the next sweep gives the same answer again.
    """
    held: list[tuple[int, Path]] = []
    try:
        found = [left for path in _journals(folder) if (left := _take(path, held)) is not None]
        yield found
        for _, path in held:
            path.unlink(missing_ok=True)
    finally:
        for descriptor, _ in held:
            os.close(descriptor)


def _journals(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else []


def _take(path: Path, held: list[tuple[int, Path]]) -> Recovered | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    held.append((descriptor, path))
    return _read(path, os.pread(descriptor, _SIZE, 0))


def _read(path: Path, raw: bytes) -> Recovered:
    valid, count = _HEADER.unpack_from(raw) if len(raw) == _SIZE else (0, 0)
    if not valid:
        return Recovered(path.name.removesuffix(_SUFFIX), path, (), (), (), ())
    ids = struct.unpack_from(f"<{count}q", raw, _HEADER.size)
    states = raw[_STATES_AT : _STATES_AT + count]

    def having(*wanted: int) -> tuple[int, ...]:
        return tuple(id_ for id_, state in zip(ids, states, strict=True) if state in wanted)

    return Recovered(
        owner=path.name.removesuffix(_SUFFIX),
        path=path,
        untouched=having(CLAIMED),
        doubtful=having(HANDING_OVER, HANDED_OVER),
        confirmed=having(CONFIRMED),
        refused=having(REFUSED),
    )
