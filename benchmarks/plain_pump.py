"""Sends the same mail again and again over a few pipelined connections, and does nothing else.

`python -m benchmarks.plain_pump PORT MAILS BYTES CONNECTIONS`, for machines without smtp-source.
"""

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import BinaryIO

_ENVELOPE = b"MAIL FROM:<pump@bench.example>\r\nRCPT TO:<sink@bench.example>\r\nDATA\r\n"
_HEAD = b"From: pump@bench.example\r\nTo: sink@bench.example\r\nSubject: plain\r\n\r\n"
_LINE = b"x" * 76 + b"\r\n"
_ANSWERS_TO_ENVELOPE = 3


def mail_of(size: int) -> bytes:
    """A mail of about this many bytes, its final dot included."""
    lines = max(1, (size - len(_HEAD)) // len(_LINE))
    return _HEAD + _LINE * lines + b".\r\n"


def run(port: int, mails: int, size: int, connections: int) -> None:
    """Send all mails, each connection one at a time, the connections in turn."""
    mail = mail_of(size)
    with ExitStack() as held:
        lanes = [_lane(held, port, mail, count) for count in _shares(mails, connections)]
        while lanes:
            lanes = [lane for lane in lanes if next(lane, None) is not None]


def _shares(mails: int, connections: int) -> list[int]:
    share, rest = divmod(mails, connections)
    return [share + (number < rest) for number in range(connections)]


def _lane(held: ExitStack, port: int, mail: bytes, count: int) -> Iterator[bool]:
    """One connection: the body of a mail and the envelope of the next go in one write."""
    wire = held.enter_context(socket.create_connection(("127.0.0.1", port)))
    answers = held.enter_context(wire.makefile("rb"))
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _expect(answers, 1)
    wire.sendall(b"EHLO pump\r\n")
    while answers.readline()[3:4] == b"-":
        continue
    return _mails(wire, answers, mail, count)


def _mails(wire: socket.socket, answers: BinaryIO, mail: bytes, count: int) -> Iterator[bool]:
    if count:
        wire.sendall(_ENVELOPE)
    for number in range(count):
        _expect(answers, _ANSWERS_TO_ENVELOPE)
        wire.sendall(mail + (_ENVELOPE if number < count - 1 else b""))
        yield True
        _expect(answers, 1)


def _expect(answers: BinaryIO, count: int) -> None:
    for _ in range(count):
        answer = answers.readline()
        if answer[:1] not in b"23":
            raise ConnectionError(answer.decode(errors="replace"))


if __name__ == "__main__":
    run(*map(int, sys.argv[1:]))
