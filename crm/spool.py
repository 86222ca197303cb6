"""A spool: records appended to files that survive a crash, read once and then deleted.

A record is framed by its length and CRC-32. Many threads share one write and one fdatasync. A
segment has one writer, who holds a lock on the file for as long as it may grow: whoever can take
that lock knows that the segment is finished.
"""

import fcntl
import logging
import os
import struct
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 16 * 1024 * 1024
SEGMENT_SECONDS = 60.0
LARGEST_RECORD = 16 * 1024 * 1024
# After a failure nobody tries the disk again for so long: each try leaves a file behind.
_REST_SECONDS = 0.5
_SUFFIX = ".log"
_FRAME = struct.Struct("<II")


class SpoolUnwritable(OSError):  # noqa: N818 - it says what the spool is
    """Nothing could be written down, so nothing may be acknowledged."""


@dataclass(slots=True, eq=False)
class _Group:
    """The records that one write carries, and how it went."""

    frames: list[bytes] = field(default_factory=list)
    is_written: bool = False
    error: OSError | None = None


class Writer:
    """Appends records for the threads of one process; safe to make before a fork."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self._folder = folder
        self._durable = durable
        self._joining = threading.Lock()
        self._disk = threading.Lock()
        self._waiting = _Group()
        self._handle = -1
        self._size = 0
        self._opened = 0.0
        self._rests_until = 0.0
        self._count = 0

    def append(self, payload: bytes) -> None:
        """Return once the record is on disk, or raise SpoolUnwritable."""
        frame = _FRAME.pack(len(payload), zlib.crc32(payload)) + payload
        with self._joining:
            group = self._waiting
            group.frames.append(frame)
        # While one thread writes, the others join the next group and queue up here.
        with self._disk:
            if not group.is_written:
                with self._joining:
                    self._waiting = _Group()
                self._write(group)
        if group.error is not None:
            raise SpoolUnwritable(*group.error.args) from group.error

    def close(self) -> None:
        """Finish the segment, so that it can be read to its end and deleted."""
        with self._disk:
            self._abandon()

    def _write(self, group: _Group) -> None:
        group.is_written = True
        try:
            self._try(b"".join(group.frames))
        except OSError as error:
            # What reached the file is unknown: it grows no more, and a reader stops at its tail.
            self._abandon()
            self._rests_until = time.monotonic() + _REST_SECONDS
            group.error = error

    def _try(self, data: bytes) -> None:
        now = time.monotonic()
        if now < self._rests_until:
            raise OSError("the disk refused a moment ago")
        is_old = self._size and now - self._opened > SEGMENT_SECONDS
        if self._handle < 0 or is_old or self._size > SEGMENT_BYTES:
            self._abandon()
            self._open(now)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._handle, rest) :]
        if self._durable:
            _sync(self._handle)
        self._size += len(data)

    def _open(self, now: float) -> None:
        """A new segment, visible to readers only once it is locked."""
        make_folder(self._folder)
        self._count += 1
        name = f"{time.time_ns():020d}-{os.getpid()}-{self._count}{_SUFFIX}"
        unseen = self._folder / f"{name}.new"
        handle = os.open(unseen, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            unseen.rename(self._folder / name)
            if self._durable:
                _sync_folder(self._folder)
        except OSError:
            os.close(handle)
            raise
        self._handle, self._size, self._opened = handle, 0, now

    def _abandon(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
        self._handle, self._size = -1, 0


def segments(folder: Path) -> list[Path]:
    """The segments of a spool, the oldest first."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.name.endswith(_SUFFIX))
    except FileNotFoundError:
        return []
    return [folder / name for name in names]


def read(path: Path, offset: int, *, at_most: int) -> tuple[list[bytes], int]:
    """The whole records from an offset on, some `at_most` bytes of them, and where they end."""
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(at_most)
        if len(data) >= _FRAME.size and len(data) < (needed := _needed(data)):
            data += file.read(needed - len(data))
    payloads, end = _split(data)
    return payloads, offset + end


def size_of(payload: bytes) -> int:
    """The bytes that a record takes up in its segment."""
    return _FRAME.size + len(payload)


def remove_read(folder: Path, positions: Mapping[str, int]) -> set[str]:
    """Delete the segments that are finished and read to their end; gives those that are kept."""
    paths = segments(folder)
    kept = {path.name for path in paths}
    for path in paths:
        if not is_finished(path):
            continue
        # Looked at after it was finished: nothing can have been added since.
        payloads, end = read(path, positions.get(path.name, 0), at_most=_FRAME.size)
        if payloads:
            continue
        if (torn := path.stat().st_size - end) > 0:
            logger.warning("%d bytes were cut off by a crash before their answer.", torn)
        path.unlink()
        kept.discard(path.name)
    return kept


def is_finished(path: Path) -> bool:
    """Whether the segment grows no more: its writer has closed it or died."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


@contextmanager
def sole_reader(folder: Path) -> Iterator[bool]:
    """Hold the right to read and delete, or say that somebody else does."""
    make_folder(folder)
    handle = os.open(folder / "reader.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make the spool's folder; private, as it holds customers' data."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync_folder(folder.parent)


def _needed(data: bytes) -> int:
    """The bytes of the first record, its frame included; too long a one is no record."""
    length, _ = _FRAME.unpack_from(data)
    return _FRAME.size + length if length <= LARGEST_RECORD else 0


def _split(data: bytes) -> tuple[list[bytes], int]:
    """Every whole record; a torn one and what follows it are left."""
    payloads, at = [], 0
    while at + _FRAME.size <= len(data):
        length, checksum = _FRAME.unpack_from(data, at)
        start = at + _FRAME.size
        payload = data[start : start + length]
        if not 0 < length == len(payload) or zlib.crc32(payload) != checksum:
            break
        payloads.append(payload)
        at = start + length
    return payloads, at


def _sync(handle: int) -> None:
    # macOS knows no fdatasync.
    getattr(os, "fdatasync", os.fsync)(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
