"""What mail servers say, in families of phrases that stand in phrases.txt beside this.

“@” stands for an address, “*” for up to sixty letters of anything, “^” for the beginning, and
“(user|account)” for either of them.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from crm.bounces import accents
from crm.bounces.words import Reason

PARAGRAPH = "\u00b6"
_GAP = 60
# What no phrase goes beyond: a paragraph, and the beginning of a reply.
_ENDS = (PARAGRAPH, "^")
_BEGINNINGS = 8
# Words up to this length are looked for by themselves: “url” is no part of “curl”.
_SHORT = 5
# A mail's few texts are each asked several times.
_TEXTS = 64
# How many letters of a phrase are looked up first: of other scripts fewer make a word.
_LETTERS, _FOREIGN = 4, 2
_EITHER = re.compile(r"\(([^()]*\|[^()]*)\)")


@dataclass(frozen=True, slots=True)
class _Phrase:
    """What a family says, in the pieces between its gaps."""

    pieces: tuple[str, ...]

    def is_in(self, text: str) -> bool:
        """Whether it stands in a text."""
        first, *rest = self.pieces
        if rest:
            return _has_gapped(text, first, rest)
        return _has_word(text, first) if len(first) <= _SHORT else first in text

    def letters(self) -> list[str]:
        """Letters that each text with this phrase has."""
        return [key for piece in self.pieces for key in _keys(piece, _length(piece))]


@dataclass(frozen=True, slots=True)
class _Family:
    """Phrases that mean the same."""

    reason: Reason
    phrases: tuple[_Phrase, ...]

    def is_in(self, text: str) -> bool:
        """Whether one of them stands in a text."""
        return any(phrase.is_in(text) for phrase in self.phrases)


class _Families:
    """Families in their order, each phrase found by letters that few others have."""

    def __init__(self, families: Iterable[_Family]) -> None:
        self.reasons: list[Reason] = []
        self._by_key: dict[str, list[tuple[int, _Phrase]]] = {}
        self._keyless: list[tuple[int, _Phrase]] = []
        ranked = []
        for rank, family in enumerate(families):
            self.reasons.append(family.reason)
            ranked += [(rank, phrase) for phrase in family.phrases]
        counted = Counter(key for _, phrase in ranked for key in phrase.letters())
        for rank, phrase in ranked:
            key = min(phrase.letters(), key=lambda key: counted[key], default=None)
            at = self._by_key.setdefault(key, []) if key else self._keyless
            at.append((rank, phrase))

    def ranks_in(self, text: str) -> Iterator[int]:
        """Which families have a phrase in a text, the first of them first."""
        keys = set(_keys(text, _LETTERS))
        if not text.isascii():
            keys.update(_keys(text, _FOREIGN))
        likely = [one for key in keys & self._by_key.keys() for one in self._by_key[key]]
        likely = sorted([*likely, *self._keyless], key=_rank)
        for rank, ones in itertools.groupby(likely, key=_rank):
            if any(phrase.is_in(text) for _, phrase in ones):
                yield rank


@lru_cache(_TEXTS)
def reason_in(words: str) -> Reason | None:
    """What a text says, made small and plain before; the first family that fits."""
    rank = next(_families().ranks_in(f"^{words}"), None)
    return None if rank is None else _families().reasons[rank]


@lru_cache(_TEXTS)
def says_plainly(words: str, reason: Reason) -> bool:
    """Whether a text has a phrase of the first, the specific family of a reason."""
    return _families().reasons.index(reason) in _families().ranks_in(f"^{words}")


def found_in(words: str) -> list[str]:
    """Every phrase that stands in a text, by itself; slow, for measuring."""
    text = f"^{words}"
    return [line for line, family in _singles().items() if family.is_in(text)]


def forget(struck: frozenset[str]) -> None:
    """Read on without some phrases, for measuring; none brings all back."""
    _KEPT[0] = _Families(_read(struck))
    reason_in.cache_clear()
    says_plainly.cache_clear()


@cache
def _singles() -> dict[str, _Family]:
    text = Path(__file__).with_name("phrases.txt").read_text("utf-8")
    lines = {line for line in text.splitlines() if line and line[0] not in "[#"}
    return {line: _family(Reason.UNDEFINED, [line]) for line in sorted(lines)}


def _families() -> _Families:
    return _KEPT[0]


def _read(struck: frozenset[str] = frozenset()) -> tuple[_Family, ...]:
    families: list[tuple[Reason, list[str]]] = []
    for line in Path(__file__).with_name("phrases.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            families.append((Reason(line.strip("[]")), []))
        elif line.strip() and not line.startswith("#") and line not in struck:
            families[-1][1].append(line)
    return tuple(_family(reason, lines) for reason, lines in families)


def _family(reason: Reason, lines: list[str]) -> _Family:
    spelt = (accents.spellings(one) for line in lines for one in _each(line))
    phrases = dict.fromkeys(phrase for some in spelt for phrase in sorted(some))
    return _Family(reason, tuple(_Phrase(tuple(phrase.split("*"))) for phrase in phrases))


def _each(line: str) -> list[str]:
    """The phrases that a line stands for, one for each choice of words."""
    pieces = _EITHER.split(line)
    choices = [x.split("|") if at % 2 else [x] for at, x in enumerate(pieces)]
    return ["".join(words) for words in itertools.product(*choices)]


def _rank(ranked: tuple[int, _Phrase]) -> int:
    return ranked[0]


def _length(piece: str) -> int:
    return _LETTERS if piece.isascii() else _FOREIGN


def _keys(text: str, length: int) -> list[str]:
    """Each run of some letters in a text."""
    return [text[at : at + length] for at in range(len(text) - length + 1)]


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


def _has_gapped(text: str, first: str, rest: list[str]) -> bool:
    if any(piece not in text for piece in rest):
        return False
    start = text.find(first)
    for _ in range(_BEGINNINGS):
        if start < 0:
            return False
        if _follow(text, start + len(first), rest):
            return True
        start = text.find(first, start + 1)
    return False


def _follow(text: str, position: int, pieces: list[str]) -> bool:
    for piece in pieces:
        found = text.find(piece, position, position + _GAP + len(piece))
        if found < 0 or any(mark in text[position:found] for mark in _ENDS):
            return False
        position = found + len(piece)
    return True


_KEPT = [_Families(_read())]
