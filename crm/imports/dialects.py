"""Dialects: in which encoding a text is written, and what parts and quotes its columns."""

import codecs
import csv
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO

from django.utils.translation import gettext as _

from .reading import UnusableFile

DELIMITERS = (",", ";", "\t", "|")
_CHUNK = 1 << 20
_SAMPLE = 1 << 18
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

Opener = Callable[[], AbstractContextManager[BinaryIO]]


def encoding(*, opener: Opener) -> str:
    """The encoding of the whole text: by its mark, else the first that reads every byte of it."""
    with opener() as raw:
        start = raw.read(_SAMPLE)
    marked = next((name for mark, name in _BOMS if start.startswith(mark)), None)
    if marked:
        return marked
    wide = _wide(start)
    if wide:
        return wide
    if b"\x00" in start:
        raise UnusableFile(_("This is no text; save the table as CSV."))
    for name in ("utf-8", *_by_looks(start)):
        if _reads(opener, name):
            return name
    raise UnusableFile(_("The letters of the file cannot be read; save it as CSV in UTF-8."))


def delimiter_and_quote(*, sample: str) -> tuple[str, str]:
    """What parts the columns and what quotes them, by which most rows are as wide as the first."""
    declared = _declared(sample)
    if declared:
        return declared, '"'
    lines = sample.splitlines(keepends=True)[:200]
    quote = '"' if _quotes(lines, '"') >= _quotes(lines, "'") else "'"
    scores = {mark: _fit(lines, mark, quote) for mark in DELIMITERS}
    best = max(DELIMITERS, key=lambda mark: scores[mark])
    return (best if scores[best][1] > 1 else ","), quote


def _declared(text: str) -> str:
    """The delimiter that Excel writes into the first line: sep=;"""
    first = text.split("\n", 1)[0].strip().strip('"')
    is_told = first.lower().startswith("sep=") and len(first) == 5
    return first[4] if is_told else ""


def _fit(lines: list[str], delimiter: str, quote: str) -> tuple[float, int]:
    try:
        widths = [
            len(row) for row in csv.reader(lines, delimiter=delimiter, quotechar=quote) if row
        ]
    except csv.Error:
        return 0.0, 0
    if not widths or widths[0] < 2:
        return 0.0, 1
    return round(widths.count(widths[0]) / len(widths), 1), widths[0]


def _quotes(lines: list[str], quote: str) -> int:
    """How many cells begin and end with this mark."""
    return sum(
        part[:1] == part[-1:] == quote and len(part) > 1
        for line in lines[:50]
        for mark in DELIMITERS
        for part in line.strip().split(mark)
    )


def _wide(start: bytes) -> str:
    """UTF-16 without a mark has a zero beside nearly every letter."""
    head = start[:4000]
    if len(head) < 4 or not 0.2 <= head.count(0) / len(head) <= 0.6:
        return ""
    return "utf-16-le" if head[1::2].count(0) > head[0::2].count(0) else "utf-16-be"


def _by_looks(start: bytes) -> tuple[str, ...]:
    """The older encodings, the likelier first: Chinese letters are pairs of high bytes."""
    text = start.decode("gb18030", errors="replace")
    letters = [letter for letter in text if ord(letter) > 127]
    common = sum(_is_common(letter) for letter in letters)
    if letters and common >= 0.85 * len(letters):
        return ("gb18030", "cp1252")
    return ("cp1252", "gb18030")


def _is_common(letter: str) -> bool:
    try:
        letter.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _reads(opener: Opener, name: str) -> bool:
    decoder = codecs.getincrementaldecoder(name)()
    try:
        for chunk in _chunks(opener):
            decoder.decode(chunk)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True


def _chunks(opener: Opener) -> Iterator[bytes]:
    with opener() as raw:
        while chunk := raw.read(_CHUNK):
            yield chunk
