"""Texts cut short where a reader sees the end of a sign: no accent, flag or family is torn."""

import unicodedata

_JOINER = "\u200d"
_FLAGS = ("\U0001f1e6", "\U0001f1ff")
_JOINING = frozenset({"Mn", "Mc", "Me"})


def cut(text: str, length: int) -> str:
    """The beginning of a text, at most so many characters."""
    return text[: _end(text, length)]


def _end(text: str, place: int) -> int:
    """The last place up to this one that lies between two signs."""
    while 0 < place < len(text) and _is_within(text, place):
        place -= 1
    return place


def _is_within(text: str, place: int) -> bool:
    before, after = text[place - 1], text[place]
    if _JOINER in {before, after} or _joins(after):
        return True
    return _is_flag(after) and _flags_before(text, place) % 2 == 1


def _joins(character: str) -> bool:
    is_tone_or_tag = "\U0001f3fb" <= character <= "\U0001f3ff" or "\U000e0020" <= character <= (
        "\U000e007f"
    )
    return is_tone_or_tag or unicodedata.category(character) in _JOINING


def _is_flag(character: str) -> bool:
    return _FLAGS[0] <= character <= _FLAGS[1]


def _flags_before(text: str, place: int) -> int:
    count = 0
    while count < place and _is_flag(text[place - count - 1]):
        count += 1
    return count
