"""Letters without their accents: many servers write a language in the letters of ASCII."""

import unicodedata
from collections.abc import Iterator

# Latin with what was added to it, Greek, and Vietnamese.
_RANGES = ((0x00C0, 0x0250), (0x0370, 0x0400), (0x1E00, 0x2000))
_ACCENTS = range(0x0300, 0x0370)
# Letters that have no plain one within them.
_OTHERS = {"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "đ": "d", "ł": "l", "ı": "i", "ё": "е"}
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


def without(text: str) -> str:
    """A text in small letters, each without its accents."""
    return text if text.isascii() else text.translate(_PLAIN)


def spellings(phrase: str) -> set[str]:
    """How a phrase is found in texts without accents: “für” is written as “fur” and as “fuer”."""
    return {without(phrase), without(phrase.translate(_UMLAUTS))}


def _letters() -> Iterator[tuple[int, str | None]]:
    for first, last in _RANGES:
        for code in range(first, last):
            plain = unicodedata.normalize("NFD", chr(code))[0]
            if plain != chr(code):
                yield code, plain
    for code in _ACCENTS:
        yield code, None
    for letter, plain in _OTHERS.items():
        yield ord(letter), plain


_PLAIN = dict(_letters())
