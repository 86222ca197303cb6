"""The hand-over journal: one state byte a message in a mapped file that survives kill -9.

Each sending process owns one file and holds its lock for life. The kernel keeps the mapped page
when the process dies, so that whoever sweeps the folder later knows how far each message had gone.
Layout: valid (4 bytes), count (4), which start of the machine wrote it (16), then CAPACITY ids of
8 bytes, then CAPACITY state bytes. A machine that lost its power keeps some pages and not others:
what an earlier start of it wrote is not believed.
"""

import fcntl
import mmap
import os
import struct
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CLAIMED = 0
HANDING_OVER = 1
HANDED_OVER = 2
CONFIRMED = 3
REFUSED = 5
# What may be tried again is as free as what was never begun.
PUT_OFF = CLAIMED

CAPACITY = 4096
_HEADER = struct.Struct("<II16s")
_STATES_AT = _HEADER.size + 8 * CAPACITY
_SIZE = _STATES_AT + CAPACITY
_SUFFIX = ".journal"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a dead process left: whom it never reached, whom it may have, whom it surely did.

    Where it is not `is_trusted`, whatever the owner held is in doubt.
    """

    owner: str
    path: Path
    untouched: tuple[int, ...] = ()
    doubtful: tuple[int, ...] = ()
    confirmed: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    is_trusted: bool = True


class HandOverJournal:
    """The journal of the running process; open it once and keep it."""

    def __init__(self, folder: Path, *, owner: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.owner = owner or f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self.path = folder / f"{self.owner}{_SUFFIX}"
        self._descriptor = _locked(self.path)
        is_new = os.fstat(self._descriptor).st_size == 0
        os.ftruncate(self._descriptor, _SIZE)
        self._map = mmap.mmap(self._descriptor, _SIZE)
        if not is_new and _HEADER.unpack(self._map[: _HEADER.size])[0]:
            self.close()
            raise RuntimeError(f"{self.path} holds unsettled messages; recover it first.")
        self._head(0, 0)

    def begin(self, ids: Sequence[int]) -> None:
        """Write down a batch, each message as claimed, before anything is handed over."""
        if len(ids) > CAPACITY:
            raise ValueError(f"A batch holds at most {CAPACITY} messages, not {len(ids)}.")
        # Killed in the middle of what follows it has begun nothing.
        self._head(0, 0)
        end = _HEADER.size + 8 * len(ids)
        self._map[_HEADER.size : end] = struct.pack(f"<{len(ids)}q", *ids)
        self._map[_STATES_AT : _STATES_AT + len(ids)] = bytes(len(ids))
        self._head(1, len(ids))

    def mark(self, index: int, state: int) -> None:
        """Note how far the message at this place of the batch has gone."""
        self._map[_STATES_AT + index] = state

    def marks(self, count: int) -> bytes:
        """How far the first messages of the batch have gone."""
        return self._map[_STATES_AT : _STATES_AT + count]

    def end(self) -> None:
        """Forget the batch; only after its outcomes are committed."""
        self._head(0, 0)

    def close(self) -> None:
        """Give the lock up, and remove the file if nothing is left in it."""
        if self._map.closed:
            return
        settled = not _HEADER.unpack(self._map[: _HEADER.size])[0]
        self._map.close()
        if settled:
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def leave(self) -> None:
        """Give the lock up and leave the file to the recovery, whatever is in it."""
        if self._map.closed:
            return
        self._map.close()
        os.close(self._descriptor)

    def _head(self, valid: int, count: int) -> None:
        self._map[: _HEADER.size] = _HEADER.pack(valid, count, _boot())


class NoJournal:
    """For senders with nothing to recover: a test send, a single reply inside a request."""

    def mark(self, index: int, state: int) -> None:
        """Note nothing."""


def left_behind(folder: Path) -> list[Path]:
    """The journals of this folder, of the living and of the dead."""
    return sorted(folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else []


@contextmanager
def recovering(path: Path) -> Iterator[Recovered | None]:
    """Hold a dead owner's journal; it is cleared only if the block ends without error.

    Gives nothing if the owner lives or another sweep holds it. A journal without a batch is given
    too: its owner died before it began to hand anything over. Settle what is given inside the block
    and commit there: a crash in between leaves the journal as it is for the next sweep.
    """
    descriptor = _taken(path)
    if descriptor is None:
        yield None
        return
    try:
        yield _read(path, os.pread(descriptor, _SIZE, 0))
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _locked(path: Path) -> int:
    """The locked file at this path: a sweep may hold it, and remove it, before we have the lock."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _lies_at(path, descriptor):
            return descriptor
        os.close(descriptor)


def _taken(path: Path) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if _lies_at(path, descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _lies_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _read(path: Path, raw: bytes) -> Recovered:
    owner = path.name.removesuffix(_SUFFIX)
    if len(raw) != _SIZE:
        return Recovered(owner, path, is_trusted=False)
    valid, count, boot = _HEADER.unpack_from(raw)
    if boot != _boot() or count > CAPACITY:
        return Recovered(owner, path, is_trusted=False)
    if not valid:
        return Recovered(owner, path)
    ids = struct.unpack_from(f"<{count}q", raw, _HEADER.size)
    states = raw[_STATES_AT : _STATES_AT + count]

    def having(*wanted: int) -> tuple[int, ...]:
        return tuple(id_ for id_, state in zip(ids, states, strict=True) if state in wanted)

    return Recovered(
        owner=owner,
        path=path,
        untouched=having(CLAIMED),
        doubtful=having(HANDING_OVER, HANDED_OVER),
        confirmed=having(CONFIRMED),
        refused=having(REFUSED),
    )


@cache
def _boot() -> bytes:
    """Which start of the machine this is; the same for ever where the system does not tell."""
    try:
        return uuid.UUID(_BOOT.read_text(encoding="ascii").strip()).bytes
    except OSError:
        return bytes(16)
