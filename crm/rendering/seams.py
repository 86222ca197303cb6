"""Where lines begin with a dot, known before a mail is put together: nobody looks through each.

SMTP doubles such dots (RFC 5321, 4.5.2), and no line may be longer than mail allows. What all
mails have alike is looked through once; what stands in between is a word or two, mostly, which
neither begin a line nor end one.
"""

import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

# Offsets of dots that begin a line, none of which is too long; None: nobody has looked.
Dots = tuple[int, ...] | None

# Without its end (RFC 5322, 2.1.1).
_MAX_LINE = 998
_DOT = re.compile(rb"^\.|(?<=\n)\.")


class Seams:
    """The pieces of a part as bytes, with gaps where something is made for each mail."""

    __slots__ = ("_dots", "_dotted", "_made", "_room")

    def __init__(self, steps: Sequence[bytes | Callable[..., Any]]) -> None:
        alike = [step if isinstance(step, bytes) else None for step in steps]
        lines = b"".join(piece or b"" for piece in alike).replace(b"\r\n", b"\n").split(b"\n")
        self._room = _MAX_LINE - max(map(len, lines))
        self._dots: Dots = tuple(found.start() for found in _DOT.finditer(_first(alike)))
        if any(piece and b"\n." in piece for piece in alike[1:]):
            # Where they come to stand differs from mail to mail.
            self._dots = None
        gaps = [place for place, piece in enumerate(alike) if piece is None]
        self._made = _getter(gaps)
        # Were nothing in them, the dot behind them might begin a line.
        behind = zip(gaps, (alike[place + 1 : place + 2] for place in gaps), strict=True)
        self._dotted = [place for place, next_ in behind if next_ and _is_dotted(next_[0])]

    def dots(self, pieces: Sequence[bytes]) -> Dots:
        """Where dots begin a line of these pieces joined, if what was made allows to tell."""
        if self._dots is None:
            return None
        # Looked through at once; what is put between them is in no text that mails carry.
        made = b"\0".join((b"", *self._made(pieces)))
        if len(made) > self._room or b"\n" in made or b"\0." in made:
            return None
        if self._dotted and not all(pieces[place] for place in self._dotted):
            return None
        return self._dots


def _getter(places: list[int]) -> Callable[[Sequence[bytes]], Sequence[bytes]]:
    """What takes the pieces at these places out of a row."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda pieces: [pieces[place] for place in places]


def _is_dotted(piece: bytes | None) -> bool:
    return piece is not None and piece.startswith(b".")


def _first(alike: Sequence[bytes | None]) -> bytes:
    return (alike[0] if alike else None) or b""
