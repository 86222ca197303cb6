"""Opening a file of any kind that we take: plain, gzipped or zipped, guarded against bombs."""

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings
from django.utils.translation import gettext as _

from .reading import UnusableFile

# What honest tables reach when packed is about 30 to 1.
MOST_RATIO = 250
MOST_UNPACKED = 16 << 30
# The texts of a spreadsheet are held in memory while it is read.
MOST_SPREADSHEET_TEXTS = 48 << 20
_FREE = 8 << 20
_ARCHIVES = (".xlsx", ".zip", ".gz")
_DAMAGED = (gzip.BadGzipFile, EOFError, zlib.error, zipfile.BadZipFile, lzma.LZMAError)


@dataclass(frozen=True, slots=True)
class Packing:
    """How a file is wrapped, and the name of what lies inside."""

    kind: str  # "", "gzip", "zip" or "spreadsheet"
    name: str


class _Guarded(io.RawIOBase):
    """A stream that stops where it unpacks to more than an honest file would."""

    def __init__(self, inner: BinaryIO, packed_size: int) -> None:
        self._inner, self._seen = inner, 0
        self._most = min(MOST_UNPACKED, _FREE + packed_size * MOST_RATIO)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        data = self._inner.read(len(buffer))
        self._seen += len(data)
        if self._seen > self._most:
            raise UnusableFile(_("The file unpacks to far more than it should; it is refused."))
        buffer[: len(data)] = data
        return len(data)


def packing(*, path: Path, filename: str) -> Packing:
    """How the file is wrapped, seen by its first bytes; what cannot be read is refused."""
    size = path.stat().st_size
    if not size:
        raise UnusableFile(_("The file is empty."))
    if size > settings.IMPORT_MAX_MEGABYTES << 20:
        raise UnusableFile(
            _("The file is larger than %s MB; split it.") % settings.IMPORT_MAX_MEGABYTES
        )
    with path.open("rb") as raw:
        start = raw.read(8)
    if start.startswith(b"\x1f\x8b"):
        return Packing("gzip", filename.lower().removesuffix(".gz"))
    if start.startswith(b"PK\x03\x04"):
        return _zipped(path, filename)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnusableFile(_("This is an old Excel file; save it as XLSX or CSV."))
    if start.startswith((b"%PDF", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"Rar!", b"PK\x05\x06")):
        raise UnusableFile(_("This is no table; save it as CSV, XLSX or JSON Lines."))
    if filename.lower().endswith(_ARCHIVES):
        raise UnusableFile(_("The file is not what its name says; save it again as CSV or XLSX."))
    return Packing("", filename.lower())


@contextmanager
def opened(*, path: Path, packing: Packing) -> Iterator[BinaryIO]:
    """The bytes of the table itself; damage found while reading is told as an UnusableFile."""
    size = path.stat().st_size
    with ExitStack() as stack:
        raw: BinaryIO = stack.enter_context(path.open("rb"))
        try:
            if packing.kind == "gzip":
                unpacked = cast(BinaryIO, stack.enter_context(gzip.GzipFile(fileobj=raw)))
                raw = io.BufferedReader(_Guarded(unpacked, size), 1 << 20)
            elif packing.kind == "zip":
                archive = stack.enter_context(zipfile.ZipFile(raw))
                member = cast(BinaryIO, stack.enter_context(archive.open(packing.name)))
                raw = io.BufferedReader(_Guarded(member, size), 1 << 20)
            yield raw
        except _DAMAGED as error:
            raise UnusableFile(_("The file is damaged; make it again.")) from error
        except (NotImplementedError, RuntimeError) as error:
            raise UnusableFile(_("The archive is locked or of an unknown kind.")) from error


def _zipped(path: Path, filename: str) -> Packing:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
    except _DAMAGED as error:
        raise UnusableFile(_("The file is damaged; make it again.")) from error
    _refuse_bombs(members, path.stat().st_size)
    names = {member.filename for member in members}
    if "xl/workbook.xml" in names:
        _refuse_texts(members)
        return Packing("spreadsheet", filename.lower())
    if filename.lower().endswith(".xlsx"):
        raise UnusableFile(_("The file is not what its name says; save it again as CSV or XLSX."))
    tables = [name for name in names if not _is_clutter(name)]
    if len(tables) != 1:
        raise UnusableFile(_("The archive holds %s files; put one table into it.") % len(tables))
    if tables[0].lower().endswith((".zip", ".gz", ".xlsx")):
        raise UnusableFile(_("The archive holds another archive; upload the inner file itself."))
    return Packing("zip", tables[0])


def _refuse_bombs(members: list[zipfile.ZipInfo], size: int) -> None:
    unpacked = sum(member.file_size for member in members)
    if unpacked > min(MOST_UNPACKED, _FREE + size * MOST_RATIO) or len(members) > 2_000:
        raise UnusableFile(_("The file unpacks to far more than it should; it is refused."))


def _refuse_texts(members: list[zipfile.ZipInfo]) -> None:
    texts = sum(member.file_size for member in members if member.filename == "xl/sharedStrings.xml")
    if texts > MOST_SPREADSHEET_TEXTS:
        raise UnusableFile(_("The spreadsheet is too large to be read as such; save it as CSV."))


def _is_clutter(name: str) -> bool:
    """What computers add to archives without being asked."""
    base = name.rsplit("/", 1)[-1]
    return name.startswith("__MACOSX/") or base.startswith(".") or base == "Thumbs.db"
