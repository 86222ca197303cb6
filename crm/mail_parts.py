"""A part of a mail in pieces: what all mails of a template have alike is one object in all."""

from collections.abc import Sequence

import msgspec

# Of a line of a mail, without its end (RFC 5322, 2.1.1).
MAX_LINE = 998


class Part(msgspec.Struct, frozen=True):
    """A part as a mail carries it: UTF-8, lines ending in CRLF; the pieces make `size` bytes.

    `stuffed` are the pieces with dots doubled where one begins a line, and no line is too long;
    None: nobody knows. `is_ascii` is told with them.
    """

    pieces: Sequence[bytes] = ()
    size: int = 0
    stuffed: Sequence[bytes] | None = None
    is_ascii: bool = False

    def whole(self) -> bytes:
        """The part in one."""
        return b"".join(self.pieces)


def in_one_piece(raw: bytes) -> Part:
    """A part of which nothing more is known."""
    return Part((raw,), len(raw))


NOTHING = Part()
