"""What mail servers say, in families of phrases that stand in phrases.txt beside this.

“@” stands for an address, “*” for up to sixty letters of anything, “^” for the beginning.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from crm.bounces.words import Reason

PARAGRAPH = "\u00b6"
_GAP = 60
_BEGINNINGS = 8
# Words up to this length are looked for by themselves: “url” is no part of “curl”.
_SHORT = 5


@dataclass(frozen=True, slots=True)
class _Family:
    """Phrases that mean the same: whole ones, short words, and those with gaps."""

    reason: Reason
    whole: tuple[str, ...]
    short: tuple[str, ...]
    gapped: tuple[tuple[str, ...], ...]

    def is_in(self, text: str) -> bool:
        """Whether one of them stands in a text."""
        return (
            any(phrase in text for phrase in self.whole)
            or any(word in text and _has_word(text, word) for word in self.short)
            or any(pieces[0] in text and _has_gapped(text, pieces) for pieces in self.gapped)
        )


def reason_in(words: str) -> Reason | None:
    """What a text says, made small and plain before; the first family that fits."""
    text = f"^{words}"
    return next((family.reason for family in _FAMILIES if family.is_in(text)), None)


def says_plainly(words: str, reason: Reason) -> bool:
    """Whether a text has a phrase of the first, the specific family of a reason."""
    return next(family for family in _FAMILIES if family.reason is reason).is_in(f"^{words}")


def found_in(words: str) -> list[str]:
    """Every phrase that stands in a text, by itself; slow, for measuring."""
    text = f"^{words}"
    return [line for line, family in _singles().items() if family.is_in(text)]


@cache
def _singles() -> dict[str, _Family]:
    text = Path(__file__).with_name("phrases.txt").read_text("utf-8")
    lines = {line for line in text.splitlines() if line and line[0] not in "[#"}
    return {line: _family(Reason.UNDEFINED, [line]) for line in sorted(lines)}


def forget(struck: frozenset[str]) -> None:
    """Read on without some phrases, for measuring; none brings all back."""
    _FAMILIES[:] = _read(struck)


def _read(struck: frozenset[str] = frozenset()) -> tuple[_Family, ...]:
    families: list[tuple[Reason, list[str]]] = []
    for line in Path(__file__).with_name("phrases.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            families.append((Reason(line.strip("[]")), []))
        elif line.strip() and not line.startswith("#") and line not in struck:
            families[-1][1].append(line)
    return tuple(_family(reason, phrases) for reason, phrases in families)


def _family(reason: Reason, phrases: list[str]) -> _Family:
    gapped = [phrase for phrase in phrases if "*" in phrase]
    short = [phrase for phrase in phrases if len(phrase) <= _SHORT and phrase not in gapped]
    whole = [phrase for phrase in phrases if phrase not in gapped and phrase not in short]
    # A phrase that contains another of its family adds nothing.
    telling = [x for x in whole if not any(y in x for y in whole if y != x)]
    pieces = tuple(tuple(phrase.split("*")) for phrase in gapped)
    return _Family(reason, tuple(telling), tuple(short), pieces)


def _has_word(text: str, word: str) -> bool:
    """Whether a short phrase stands there by itself, not as a piece of another word."""
    start = text.find(word)
    for _ in range(_BEGINNINGS):
        if start < 0:
            return False
        before, after = text[start - 1 : start], text[start + len(word) : start + len(word) + 1]
        if not any(letter.isascii() and letter.isalnum() for letter in (before, after)):
            return True
        start = text.find(word, start + 1)
    return False


def _has_gapped(text: str, pieces: tuple[str, ...]) -> bool:
    if any(piece not in text for piece in pieces[1:]):
        return False
    start = text.find(pieces[0])
    for _ in range(_BEGINNINGS):
        if start < 0:
            return False
        if _follow(text, start + len(pieces[0]), pieces[1:]):
            return True
        start = text.find(pieces[0], start + 1)
    return False


def _follow(text: str, position: int, pieces: tuple[str, ...]) -> bool:
    for piece in pieces:
        found = text.find(piece, position, position + _GAP + len(piece))
        if found < 0 or PARAGRAPH in text[position:found]:
            return False
        position = found + len(piece)
    return True


_FAMILIES = list(_read())
