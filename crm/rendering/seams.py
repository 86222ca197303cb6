"""Where lines begin with a dot, known before a mail is put together: nobody looks through each.

SMTP doubles such dots (RFC 5321, 4.5.2), and no line may be longer than mail allows. What all
mails have alike is looked through once, and its dots are doubled; what stands in between is a
word or two, mostly, which neither begin a line with a dot nor make one too long.
"""

import re
from collections.abc import Callable, Sequence
from operator import itemgetter

from crm.mail_parts import MAX_LINE, Part

_DOT = re.compile(rb"(?<=\n)\.")


class Seams:
    """The pieces that all mails have alike, with gaps (None) where something is made for each."""

    __slots__ = ("_dotted", "_doubled", "_is_ascii", "_made", "_room")

    def __init__(self, alike: Sequence[bytes | None]) -> None:
        texts = [text or b"" for text in alike]
        self._is_ascii = all(map(bytes.isascii, texts))
        self._room = MAX_LINE - max(map(len, b"".join(texts).split(b"\r\n")))
        doubled = [_with_doubled(text, is_first=not place) for place, text in enumerate(texts)]
        self._doubled = [
            (place, text) for place, text in enumerate(doubled) if text != texts[place]
        ]
        self._made = _getter([place for place, text in enumerate(alike) if text is None])
        # Were what goes before them empty, or the end of a line, their dot would begin one.
        self._dotted = [place - 1 for place, text in enumerate(texts) if place and text[:1] == b"."]

    def part(self, pieces: Sequence[bytes], size: int) -> Part:
        """These pieces as a part, its dots doubled where what was made allows to tell."""
        # Looked through at once; what is put between them is in no text that mails carry.
        made = b"\0".join((b"", *self._made(pieces)))
        if len(made) > self._room or b"\0." in made or b"\n." in made:
            return Part(pieces, size)
        if self._dotted and (b"\n" in made or not all(pieces[place] for place in self._dotted)):
            return Part(pieces, size)
        stuffed = pieces
        if self._doubled:
            stuffed = list(pieces)
            for place, text in self._doubled:
                stuffed[place] = text
        return Part(pieces, size, stuffed, self._is_ascii and made.isascii())


def _getter(places: list[int]) -> Callable[[Sequence[bytes]], Sequence[bytes]]:
    """What takes the pieces at these places out of a row."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda pieces: [pieces[place] for place in places]


def _with_doubled(text: bytes, *, is_first: bool) -> bytes:
    text = _DOT.sub(b"..", text)
    return b"." + text if is_first and text.startswith(b".") else text
