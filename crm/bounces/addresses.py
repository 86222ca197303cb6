"""Addresses in free text, found by walking out from each “@”: linear, whatever the text is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LOCAL = 128
MAX_DOMAIN = 253
MAX_FOUND = 200
_LOCAL = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+/=?^_`{|}~.-"
)
_DOMAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")
_SYSTEM = frozenset({"mailer-daemon", "mailerdaemon", "postmaster", "mail-daemon", "maildaemon"})
# What some write before an address without a space: SMTP=ada@shop.example.
_LABELS = frozenset({"smtp", "rfc822", "to", "addr", "orcpt"})
# X.400 gateways carry the address within theirs: DDA:RFC-822=user(a)host.
_GATEWAY = re.compile(
    r"(?:dda:)?(?:rfc-?822|smtp)\s?[=:]\s?([\w.+-]{1,64})\((?:a|at)\)([\w.-]{1,200})", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Found:
    """An address and where it stands in its text."""

    address: str
    start: int
    end: int


def find(text: str) -> list[Found]:
    """Every address in a text, in order, at most MAX_FOUND of them."""
    found: list[Found] = []
    position = text.find("@")
    while position >= 0 and len(found) < MAX_FOUND:
        one = _around(text, position)
        if one is not None:
            found.append(one)
        position = text.find("@", one.end if one else position + 1)
    return found


def first_in(text: str) -> str:
    """The first address in a text, or nothing; X.400 forms are read too."""
    gateway = _GATEWAY.search(text[:2_000])
    if gateway:
        return f"{gateway[1]}@{gateway[2]}"
    return next((one.address for one in find(text[:4_000])), "")


def without(text: str) -> str:
    """The text with each address made “@”, so that a name in it is not read as a word."""
    pieces: list[str] = []
    position = 0
    for one in find(text):
        pieces += [text[position : one.start].removesuffix("<"), "@"]
        position = one.end + (text[one.end : one.end + 1] == ">")
    return "".join([*pieces, text[position:]])


def is_system(address: str) -> bool:
    """Whether it belongs to a mail server, not to a person."""
    return address.partition("@")[0].lower() in _SYSTEM


def distinct(addresses: Iterator[str] | list[str]) -> list[str]:
    """Each address once, whatever its case, in order."""
    return list({address.lower(): address for address in reversed(list(addresses))}.values())[::-1]


def _around(text: str, at: int) -> Found | None:
    start = _quoted_start(text, at) if text[at - 1 : at] == '"' else _plain_start(text, at)
    end = at + 1
    limit = min(len(text), at + 1 + MAX_DOMAIN)
    while end < limit and (text[end] in _DOMAIN or _is_letter(text[end])):
        end += 1
    while end > at + 1 and text[end - 1] in ".-_":
        end -= 1
    if start == at or end == at + 1 or not _is_domain(text[at + 1 : end]):
        return None
    return Found(text[start:end], start, end)


def _plain_start(text: str, at: int) -> int:
    start = at
    floor = max(0, at - MAX_LOCAL)
    while start > floor and (text[start - 1] in _LOCAL or _is_letter(text[start - 1], local=True)):
        start -= 1
    # Quotation marks and marks of lists are not part of the address.
    while start < at and text[start] in "'`*=|/&?#!{}" and not text.startswith("=?", start):
        start += 1
    label = text[start : start + 7].lower().partition("=")[0]
    return start + len(label) + 1 if label in _LABELS and start + len(label) + 1 < at else start


def _quoted_start(text: str, at: int) -> int:
    opening = text.rfind('"', max(0, at - MAX_LOCAL), at - 1)
    return opening if opening >= 0 else at


def _is_domain(domain: str) -> bool:
    return "." in domain and ".." not in domain and not domain.replace(".", "").isdigit()


def _is_letter(letter: str, *, local: bool = False) -> bool:
    # Internationalised addresses; scripts without spaces would swallow the sentence before them.
    return letter > "\x7f" and letter.isalpha() and (not local or letter < "\u2e80")
