"""Writing rows as CSV, JSON Lines or XLSX, in pieces and in constant memory."""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from crm.spreadsheets import quote

FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# What Excel opens.
MOST_SHEET_ROWS = 1_000_000
_MOST_CELL = 32_767
_PIECE = 500


class TooManyRows(ValueError):  # noqa: N818 - it names what it found
    """A spreadsheet cannot hold so many rows."""


Writer = Callable[[Sequence[str], Iterable[Sequence[Any]]], Iterator[bytes]]


def as_csv(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """UTF-8 with a mark, as Excel wants it; every cell quoted that a spreadsheet would run."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow([quote(name) for name in headings])
    for number, row in enumerate(rows, start=1):
        writer.writerow([quote(_cell(value)) for value in row])
        if number % _PIECE == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def as_jsonl(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """An object on each line; what is empty is left out."""
    encoder = DjangoJSONEncoder(ensure_ascii=False)
    lines: list[str] = []
    for row in rows:
        told = {
            name: value
            for name, value in zip(headings, row, strict=True)
            if value is not None and value != ""
        }
        lines.append(encoder.encode(told))
        if len(lines) == _PIECE:
            yield ("\n".join(lines) + "\n").encode()
            lines.clear()
    yield ("\n".join(lines) + "\n").encode() if lines else b""


def as_xlsx(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """A sheet written row by row to a file beside, then given out in pieces."""
    from openpyxl import Workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Rapport")
    sheet.append([quote(name) for name in headings])
    for number, row in enumerate(rows, start=1):
        if number > MOST_SHEET_ROWS:
            raise TooManyRows
        cells = [quote(_cell(value)) for value in row]
        sheet.append(
            [
                ILLEGAL_CHARACTERS_RE.sub("\ufffd", cell)[:_MOST_CELL]
                if isinstance(cell, str)
                else cell
                for cell in cells
            ]
        )
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while piece := file.read(1 << 18):
            yield piece


WRITERS: dict[str, Writer] = {"csv": as_csv, "jsonl": as_jsonl, "xlsx": as_xlsx}


def _taken(buffer: io.StringIO) -> bytes:
    piece = buffer.getvalue().encode(errors="replace")
    buffer.seek(0)
    buffer.truncate()
    return piece


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, cls=DjangoJSONEncoder)
    return value
