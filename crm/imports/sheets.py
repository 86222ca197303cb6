"""Spreadsheets: the rows of the first sheet of an XLSX file, one at a time."""

import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from django.utils.translation import gettext as _

from .reading import UnusableFile

# Excel numbers no more rows and columns than these.
MOST_ROWS = 1_048_576
MOST_COLUMNS = 16_384


def headings(*, path: Path) -> list[str]:
    """The first row that is not empty."""
    with _opened(path) as sheet:
        for row in sheet.iter_rows(values_only=True, max_row=100):
            cells = [str(_cell(value)).strip() for value in row]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                return cells
    return []


@contextmanager
def rows(*, path: Path, width: int) -> Iterator[Iterator[tuple[int, list[Any]]]]:
    """Every row after the headings, filled up to their width, with its number."""
    with _opened(path) as sheet:
        yield _rows(sheet, width)


def _cell(value: object) -> Any:
    """A cell as text, but for yes and no: numbers without a needless “.0”, days as YYYY-MM-DD."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        has_hour = value.hour or value.minute or value.second
        return value.isoformat(sep=" ") if has_hour else value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rows(sheet: Any, width: int) -> Iterator[tuple[int, list[Any]]]:
    has_heading = False
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        if number > MOST_ROWS:
            raise UnusableFile(_("The spreadsheet has more rows than Excel can hold."))
        cells = [_cell(value) for value in row]
        if not any(cells):
            continue
        if not has_heading:
            has_heading = True
            continue
        while len(cells) > width and not cells[-1]:
            cells.pop()
        yield number, cells + [""] * (width - len(cells))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with warnings.catch_warnings(), path.open("rb") as raw:
            # It warns of styles that it leaves out.
            warnings.simplefilter("ignore")
            book = load_workbook(raw, read_only=True, data_only=True, keep_links=False)
            try:
                sheet = book.worksheets[0]
                if (sheet.max_column or 0) > MOST_COLUMNS:
                    raise UnusableFile(_("The spreadsheet has too many columns."))
                yield sheet
            finally:
                book.close()
    except (InvalidFileException, KeyError, IndexError, ParseError, zipfile.BadZipFile) as error:
        raise UnusableFile(_("The spreadsheet is damaged; save it again, or as CSV.")) from error
