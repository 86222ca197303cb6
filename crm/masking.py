"""Personal data as whoever may not see it is shown it: recognisable in kind, not in person."""

import logging
import re
from collections.abc import Mapping
from typing import Any

DOTS = "•••"
_PART = r"[^\s@<>\"',;:()\[\]]"
# A local part may be quoted; one is looked for where a word begins, so that a word of a million
# signs is read once and not a million times.
_LOCAL = rf"(?:\"[^\"\n]{{1,64}}\"|(?<!{_PART}){_PART}+)"
_EMAIL = re.compile(rf"{_LOCAL}@(?:{_PART}|\[[^\]\s]{{0,64}}\])+")
# Properties that say what was bought or done, never by whom.
_TRADE = frozenset(
    {
        *("sku", "product_id", "category", "brand", "currency", "number", "order_id", "position"),
        *("channel", "purpose", "source", "reason", "state", "kind", "at", "status"),
        *("check", "source_kind", "campaign", "step"),
    }
)
# A whole number of so many digits may be that of a telephone.
_LONG_NUMBER = 10_000_000
# The longest ending of a domain that people have.
_ENDING = 12
# What a database quotes may go over several lines: up to what it says next, or another error.
_DETAIL = re.compile(
    r"(\)=\(|Failing row contains \(|COPY \w+, line \d+, column \w+: \"|for type [\w ]+: \""
    r"|LINE \d+: ).*?(?=\n(?:HINT|CONTEXT|STATEMENT): |\n\n(?:The above|During handling) |\Z)",
    re.DOTALL,
)
_INTERNATIONAL = re.compile(r"\+\d(?:[\s().-]{0,2}\d){6,14}")
_PHONE = re.compile(r"\+?\d(?:[\s().-]{0,2}\d){6,18}")


class LogFormatter(logging.Formatter):
    """A line of a log, tracebacks too, without addresses, numbers and values of a database."""

    def format(self, record: logging.LogRecord) -> str:
        """Format as ever, then mask."""
        return log(super().format(record))


def log(line: str) -> str:
    """A line as it may be kept: what errors of a database quote of a row is left out."""
    without = _DETAIL.sub(rf"\1{DOTS}", _EMAIL.sub(DOTS, line))
    return _INTERNATIONAL.sub(DOTS, without)


def email(text: str) -> str:
    """The first letter and the end of the domain: `a•••@•••.example`."""
    local, at, domain = text.rpartition("@")
    if not at:
        return text and DOTS
    _, dot, ending = domain.rpartition(".")
    ending = ending if dot and len(ending) <= _ENDING and ending.isalpha() else ""
    return f"{local[:1]}{DOTS}@{DOTS}{ending and dot}{ending}"


def phone(text: str) -> str:
    """The last two digits: `•••01`."""
    return text and DOTS + (text[-2:] if len(text) > 6 else "")


def name(text: str) -> str:
    """The first letter: `A•••`."""
    return text and text[:1] + DOTS


def text(words: str) -> str:
    """A text with the addresses and numbers in it masked."""
    without = _EMAIL.sub(lambda found: email(found[0]), words)
    return _PHONE.sub(lambda found: phone(found[0]), without)


def address(text: str) -> str:
    """An e-mail address or a phone number, whichever it is."""
    return email(text) if "@" in text else phone(text)


def hidden(text: str) -> str:
    """Nothing but that there is something."""
    return text and DOTS


def cells(row: list[str]) -> list[str]:
    """Every cell of a row hidden."""
    return [hidden(cell) for cell in row]


def body(raw: bytes) -> bytes:
    """Nothing but that something came."""
    return DOTS.encode() if raw else raw


def facts(given: Any, name: str = "") -> Any:
    """Any plain value with every text in it hidden that may tell who somebody is.

    Its form is kept, and so are short numbers, yes and no, and the words of our own trade.
    """
    if isinstance(given, Mapping):
        return {text(str(key)): facts(inner, str(key)) for key, inner in given.items()}
    if isinstance(given, list | tuple):
        return [facts(inner, name) for inner in given]
    if isinstance(given, str):
        return text(given) if name in _TRADE else hidden(given)
    if isinstance(given, int | float) and abs(given) >= _LONG_NUMBER:
        return DOTS
    return given
