"""What mail servers say, in families of phrases that stand in phrases.txt beside this.

“@” stands for an address, “*” for up to sixty letters of anything, “^” for the beginning.
"""

from pathlib import Path

from crm.bounces.words import Reason

_GAP = 60
_BEGINNINGS = 8
# Words up to this length are looked for by themselves: “url” is no part of “curl”.
_SHORT = 5
Pieces = tuple[str, ...]


def reason_in(words: str) -> Reason | None:
    """What a text says, made small and plain before; the first family that fits."""
    text = f"^{words}"
    for reason, phrases in _FAMILIES:
        if any(_has(text, pieces) for pieces in phrases):
            return reason
    return None


def _read() -> tuple[tuple[Reason, tuple[Pieces, ...]], ...]:
    families: list[tuple[Reason, list[Pieces]]] = []
    for line in Path(__file__).with_name("phrases.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            families.append((Reason(line.strip("[]")), []))
        elif line.strip() and not line.startswith("#"):
            families[-1][1].append(tuple(line.split("*")))
    return tuple((reason, tuple(phrases)) for reason, phrases in families)


def _has(text: str, pieces: Pieces) -> bool:
    if len(pieces) == 1:
        return pieces[0] in text and (len(pieces[0]) > _SHORT or _has_word(text, pieces[0]))
    if any(piece not in text for piece in pieces):
        return False
    start = text.find(pieces[0])
    for _ in range(_BEGINNINGS):
        if start < 0:
            return False
        if _follow(text, start + len(pieces[0]), pieces[1:]):
            return True
        start = text.find(pieces[0], start + 1)
    return False


def _has_word(text: str, word: str) -> bool:
    """Whether a short phrase stands there by itself, not as a piece of another word."""
    start = text.find(word)
    for _ in range(_BEGINNINGS):
        if start < 0:
            return False
        before, after = text[start - 1 : start], text[start + len(word) : start + len(word) + 1]
        if not ((before.isascii() and before.isalnum()) or (after.isascii() and after.isalnum())):
            return True
        start = text.find(word, start + 1)
    return False


def _follow(text: str, position: int, pieces: Pieces) -> bool:
    for piece in pieces:
        position = text.find(piece, position, position + _GAP + len(piece))
        if position < 0:
            return False
        position += len(piece)
    return True


_FAMILIES = _read()
