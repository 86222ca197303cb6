"""Personal data as whoever may not see it is shown it: recognisable in kind, not in person."""

import re
from collections.abc import Mapping
from typing import Any

DOTS = "•••"
_EMAIL = re.compile(r"[^\s@<>\"',;:()\[\]]+@[^\s@<>\"',;:()\[\]]+")
_PHONE = re.compile(r"\+?\d(?:[\s().-]{0,2}\d){6,18}")


def email(text: str) -> str:
    """The first letter and the end of the domain: `a•••@•••.example`."""
    local, at, domain = text.rpartition("@")
    if not at:
        return text and DOTS
    _, dot, ending = domain.rpartition(".")
    return f"{local[:1]}{DOTS}@{DOTS}{dot}{ending if dot else ''}"


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


def value(given: Any) -> Any:
    """Any plain value with every text in it masked, its form kept."""
    if isinstance(given, str):
        return text(given)
    if isinstance(given, Mapping):
        return {key: value(inner) for key, inner in given.items()}
    if isinstance(given, list):
        return [value(inner) for inner in given]
    return given
