"""Tables: the headings and rows of a file, one at a time, whatever its kind."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from django.utils.translation import gettext as _

from crm.spreadsheets import unquote

from . import dialects, opening, sheets
from .reading import UnusableFile

MOST_COLUMNS = 500
# A line longer than this is no row of a table.
MOST_LINE = 4 << 20
_KEYS_FROM = 20_000

# A cell is a text, except in JSON and spreadsheets, where it may be a number, a list …
Row = Sequence[Any]
Numbered = tuple[int, Row]


@dataclass(frozen=True, slots=True)
class Format:
    """How a file is to be read, as it was found out once."""

    kind: str  # "csv", "jsonl" or "xlsx"
    packing: str
    name: str
    headings: tuple[str, ...]
    encoding: str = ""
    delimiter: str = ""
    quote: str = ""

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Format":
        """The format that `plain` was made of."""
        return cls(**{**plain, "headings": tuple(plain["headings"])})

    def plain(self) -> dict[str, Any]:
        """Itself as plain values, to be kept with the run."""
        return asdict(self)


def find_format(*, path: Path, filename: str) -> Format:
    """Find out how to read a file; one that cannot be read is refused with what to do."""
    packing = opening.packing(path=path, filename=filename)
    if packing.kind == "spreadsheet":
        headings = _checked(sheets.headings(path=path))
        return Format("xlsx", packing.kind, packing.name, headings)
    encoding = dialects.encoding(opener=lambda: opening.opened(path=path, packing=packing))
    with _text(path, packing, encoding) as text:
        sample = text.read(1 << 16)
    if _is_json(sample, packing.name):
        with _text(path, packing, encoding) as text:
            keys = _keys(text)
        if not any(keys):
            raise UnusableFile(_("No line of the file is a JSON object; write one on each line."))
        return Format("jsonl", packing.kind, packing.name, _checked(keys), encoding)
    # The last line of a sample is cut anywhere.
    whole = sample.rpartition("\n")[0] if len(sample) == 1 << 16 else sample
    delimiter, quote = dialects.delimiter_and_quote(sample=whole or sample)
    with _text(path, packing, encoding) as text:
        _line, first = next(_csv(text, delimiter, quote), (0, ()))
    headings = _checked([str(cell).strip() for cell in first])
    return Format("csv", packing.kind, packing.name, headings, encoding, delimiter, quote)


@contextmanager
def rows(*, path: Path, form: Format, skip: int = 0) -> Iterator[Iterator[Numbered]]:
    """Every row after the headings, with the line it stands on; empty rows are none."""
    if form.kind == "xlsx":
        with sheets.rows(path=path, width=len(form.headings)) as found:
            yield islice(found, skip, None)
        return
    packing = opening.Packing(form.packing, form.name)
    with _text(path, packing, form.encoding) as text:
        if form.kind == "jsonl":
            yield islice(_jsonl(text, form.headings), skip, None)
        else:
            yield islice(_csv(text, form.delimiter, form.quote), skip + 1, None)


@contextmanager
def _text(path: Path, packing: opening.Packing, encoding: str) -> Iterator[io.TextIOWrapper]:
    with opening.opened(path=path, packing=packing) as raw:
        buffered: BinaryIO = raw
        with io.TextIOWrapper(buffered, encoding=encoding, newline="") as text:
            try:
                yield text
            except UnicodeDecodeError as error:
                raise UnusableFile(_("A letter of the file cannot be read.")) from error


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    readline = text.readline
    while line := readline(MOST_LINE):
        if len(line) == MOST_LINE:
            raise UnusableFile(_("The file has a line that is far too long for a table."))
        yield line


def _csv(text: io.TextIOWrapper, delimiter: str, quote: str) -> Iterator[Numbered]:
    reader = csv.reader(_lines(text), delimiter=delimiter, quotechar=quote)
    try:
        for row in reader:
            if not any(row) or (reader.line_num == 1 and _is_told_delimiter(row, delimiter)):
                continue
            yield reader.line_num, row
    except csv.Error as error:
        raise UnusableFile(
            _("Line %s cannot be read; perhaps a quotation mark is missing before it.")
            % reader.line_num
        ) from error


def _is_told_delimiter(row: list[str], delimiter: str) -> bool:
    return delimiter.join(row).lower() == f"sep={delimiter}"


def _is_json(sample: str, name: str) -> bool:
    start = sample.lstrip()[:1]
    if start == "[" and name.endswith(("json", "jsonl", "ndjson")):
        raise UnusableFile(_("This is one JSON list; write one object on each line (JSON Lines)."))
    return start == "{"


def _keys(text: io.TextIOWrapper) -> list[str]:
    found: dict[str, None] = {}
    for line in islice(_lines(text), _KEYS_FROM):
        if line.strip():
            found.update(dict.fromkeys(_object(line)))
    return list(found)


def _jsonl(text: io.TextIOWrapper, headings: Sequence[str]) -> Iterator[Numbered]:
    known = set(headings)
    for number, line in enumerate(_lines(text), start=1):
        if not line.strip():
            continue
        told = _object(line)
        cells = [told.get(name, "") for name in headings]
        # A row with a name that the mapping does not know is too wide, and refused as such.
        yield number, [*cells, *(told[name] for name in told if name not in known)]


def _object(line: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return {"": line.rstrip("\r\n")}
    if not isinstance(told, dict):
        return {"": line.rstrip("\r\n")}
    flat: dict[str, Any] = {}
    for name, value in told.items():
        if isinstance(value, dict) and name == "attributes":
            flat.update({f"attributes.{inner}": given for inner, given in value.items()})
        else:
            flat[name] = "" if value is None else value
    return flat


def _checked(headings: Sequence[str]) -> tuple[str, ...]:
    if not any(headings):
        raise UnusableFile(_("The file has no headings; its first line must name the columns."))
    if len(headings) > MOST_COLUMNS:
        raise UnusableFile(_("The file has more than %s columns.") % MOST_COLUMNS)
    return tuple(unquote(name)[:200] for name in headings)
