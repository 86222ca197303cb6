"""Reading a file of order lines: plain or gzipped CSV, in UTF-8 or the Windows encoding."""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

# Each column of ours, and the headings it is known by.
COLUMNS: dict[str, tuple[str, ...]] = {
    "invoice": ("invoiceno", "invoice", "order", "ordernumber"),
    "code": ("stockcode", "sku", "productcode"),
    "description": ("description", "name", "productname"),
    "quantity": ("quantity",),
    "placed": ("invoicedate", "date", "orderdate"),
    "price": ("unitprice", "price"),
    "customer": ("customerid", "customer", "customernumber"),
    "country": ("country",),
}
_CHUNK = 1 << 20


class UnusableFile(ValueError):  # noqa: N818 - it names what it found
    """The file cannot be read; the message says why and what to do."""


def rows(*, path: Path) -> Iterator[Sequence[str] | None]:
    """Every row after the heading, in the order of COLUMNS; None for a row of another width."""
    encoding = _encoding(path)
    with _opened(path) as raw, io.TextIOWrapper(raw, encoding=encoding, newline="") as text:
        reader = csv.reader(text)
        positions, width = _heading(next(reader, []), path)
        for row in reader:
            if row:
                yield [row[at] for at in positions] if len(row) == width else None


def _heading(found: Sequence[str], path: Path) -> tuple[list[int], int]:
    plain = [
        "".join(character for character in name.lower() if character.isalnum()) for name in found
    ]
    positions, missing = [], []
    for column, names in COLUMNS.items():
        at = next((plain.index(name) for name in names if name in plain), None)
        if at is None:
            missing.append(column)
        else:
            positions.append(at)
    if missing:
        raise UnusableFile(
            f"{path.name} has no column for {', '.join(missing)}; its first line must name the "
            "columns, as InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, "
            "CustomerID, Country."
        )
    return positions, len(found)


def _encoding(path: Path) -> str:
    """UTF-8 where the whole file is, else the Windows encoding that old exports use."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    encoding = "utf-8-sig"
    try:
        with _opened(path) as raw:
            while chunk := raw.read(_CHUNK):
                if b"\x00" in chunk:
                    raise UnusableFile(f"{path.name} is not a text file; save it as CSV.")
                if encoding == "utf-8-sig":
                    encoding = _still_utf8(decoder, chunk)
    except FileNotFoundError as error:
        raise UnusableFile(f"There is no file {path}.") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UnusableFile(f"{path.name} is damaged ({error}); fetch it again.") from error
    except OSError as error:
        raise UnusableFile(f"{path} cannot be read: {error.strerror or error}.") from error
    return encoding


def _still_utf8(decoder: codecs.IncrementalDecoder, chunk: bytes) -> str:
    try:
        decoder.decode(chunk)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as raw:
        start = raw.read(4)
        raw.seek(0)
        if start.startswith(b"PK\x03\x04"):
            raise UnusableFile(f"{path.name} is a spreadsheet or an archive; save it as CSV first.")
        if start[:2] != b"\x1f\x8b":
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as unpacked:
            yield cast(BinaryIO, unpacked)
