"""Mails broken at random: bits, cuts, swaps, splices, giants; what reading each of them takes."""

import random
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from crm.bounces import read

_SEED = 20_260_101
_JUNK = (
    b'\n\r\0@<>:;"=',
    b"=?utf-8?B?",
    b"--",
    b"\x1b$B",
    b"\xff" * 9,
    b"multipart/mixed; boundary=",
    b"message/rfc822",
    b"charset=punycode",
    b"Content-Transfer-Encoding: base64\n",
    b"Final-Recipient: rfc822;",
    b"a@" * 100,
    b"(" * 90,
    b"550 5.1.1 ",
    b"\n\n",
    b" " * 60,
)

Mutation = Callable[[bytes, random.Random], bytes]


def run(mails: Sequence[bytes], *, count: int) -> dict[str, Any]:
    """Break and read so many mails; an exception ends the run."""
    draw = random.Random(_SEED)
    taken = []
    for _ in range(count):
        mail = mutate(draw.choice(mails), draw)
        started = time.process_time()
        read(mail)
        taken.append(1000 * (time.process_time() - started))
    return {
        "mails": count,
        "median_milliseconds": round(median(taken or [0.0]), 2),
        "slowest_milliseconds": round(max(taken, default=0.0), 1),
    }


def mutate(mail: bytes, draw: random.Random) -> bytes:
    """A mail broken in one to three ways."""
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        mail = draw.choice(MUTATIONS)(mail, draw)
    return mail


def _flip_bits(mail: bytes, draw: random.Random) -> bytes:
    changed = bytearray(mail)
    for _ in range(draw.randint(1, 60) if changed else 0):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _cut(mail: bytes, draw: random.Random) -> bytes:
    return mail[: draw.randrange(len(mail) + 1)]


def _cut_out(mail: bytes, draw: random.Random) -> bytes:
    start, end = sorted(draw.randrange(len(mail) + 1) for _ in range(2))
    return mail[:start] + mail[end:]


def _swap_lines(mail: bytes, draw: random.Random) -> bytes:
    lines = mail.split(b"\n")
    for _ in range(9):
        one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def _put_junk(mail: bytes, draw: random.Random) -> bytes:
    for _ in range(draw.randint(1, 20)):
        at = draw.randrange(len(mail) + 1)
        mail = mail[:at] + draw.choice(_JUNK) + mail[at:]
    return mail


def _put_much_junk(mail: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(mail) + 1)
    return mail[:at] + draw.choice(_JUNK) * draw.choice((10, 1_000, 10_000)) + mail[at:]


def _repeat_line(mail: bytes, draw: random.Random) -> bytes:
    lines = mail.split(b"\n")
    at = draw.randrange(len(lines))
    lines[at] *= draw.choice((2, 50, 2_000))
    return b"\n".join(lines)[:3_000_000]


MUTATIONS: tuple[Mutation, ...] = (
    _flip_bits,
    _cut,
    _cut_out,
    _swap_lines,
    _put_junk,
    _put_much_junk,
    _repeat_line,
)
