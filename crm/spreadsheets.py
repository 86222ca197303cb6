"""Cells that a spreadsheet would run as formulas: quoted on the way out, unquoted on the way in.

An apostrophe is put before every text that begins with a sign that begins a formula, and before
every text that begins with an apostrophe before such a sign, so that what was quoted can be told
from what was not, and reading gives back exactly what was written.
"""

import re
from decimal import Decimal
from typing import Any

# Spreadsheets also take the wide forms, and skip white space before the sign.
_RISKY = re.compile(r"'*[\s\u3000]*[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]")
# A number is harmless, and stays one.
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?\Z")


def quote(value: Any) -> Any:
    """The value as a cell that no spreadsheet runs; numbers, and texts of a number, stay."""
    if value is None:
        return ""
    if isinstance(value, int | float | Decimal):
        return value
    text = str(value)
    if not _RISKY.match(text) or _NUMBER.match(text):
        return text
    return f"'{text}"


def unquote(text: str) -> str:
    """The text that `quote` made this cell of; any other text as it is."""
    if text[:1] == "'" and _RISKY.match(text) and not _NUMBER.match(text[1:]):
        return text[1:]
    return text
