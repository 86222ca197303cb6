"""A mail server that counts whom it said 250 to, and kills who sends to it where it is told to.

What it has counted is the truth that the books are held against: the mails it took, by delivery.
Workers say their process number in EHLO, so that it can kill -9 the one whose mail it just took.
It takes no more than it is allowed to, so that a campaign gets no further than its next blow.
"""

import asyncio
import contextlib
import math
import os
import re
import signal
import time
from collections import Counter
from concurrent.futures import Future
from typing import Any, Self

from benchmarks.loops import ThreadLoop

_END = b"\r\n.\r\n"
_FEATURES = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
_DELIVERY = re.compile(rb"^Message-ID: <delivery-(\d+)-\d+@", re.MULTILINE | re.IGNORECASE)
_NAME = re.compile(rb"EHLO worker-(\d+)", re.IGNORECASE)

# Who says no number has 0.
_NOBODY = -1
# Where a worker can be killed by what it hears, or does not hear.
AFTER_250 = "after 250 before the commit"
BEFORE_250 = "after the dot before 250"
BODY_IN_KERNEL = "body in the kernel before it is read"
MOMENTS = (AFTER_250, BEFORE_250, BODY_IN_KERNEL)


class CountingSink:
    """Listens on the loopback in a thread of its own; `taken` counts mails by delivery."""

    def __init__(self) -> None:
        self.taken: Counter[int] = Counter()
        self.total = 0
        self.delay = 0.0
        self.allowed = math.inf
        self.favoured = _NOBODY
        self.held: set[_Dialogue] = set()
        self.armed = ""
        self.killed: Future[int] = Future()
        self.port = 0

    def __enter__(self) -> Self:
        self._loop = ThreadLoop().__enter__()
        self.port = self._loop.listen(lambda: _Dialogue(self))
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.__exit__(*error)

    def kill_at(self, moment: str) -> "Future[int]":
        """Kill the next worker that comes to this moment; gives its process number when done."""
        self.killed = Future()
        self.armed = moment
        return self.killed

    def disarm(self) -> None:
        """Kill nobody any more."""
        self.armed = ""

    def allow(self, total: float) -> None:
        """Take mails until there are so many in all."""
        self.allowed, self.favoured = total, _NOBODY
        self._loop.call_soon_threadsafe(self._let_go)

    def favour(self, pid: int) -> None:
        """Take the mails of this worker at once, however many there are already."""
        self.favoured = pid
        self._loop.call_soon_threadsafe(self._let_go)

    def takes_from(self, pid: int) -> bool:
        """Whether the next mail of this worker is taken."""
        return self.total < self.allowed or pid == self.favoured

    def _let_go(self) -> None:
        for dialogue in tuple(self.held):
            dialogue.go_on()

    def wait_for(self, total: int, *, seconds: float) -> bool:
        """Wait until so many mails have been taken; whether they were in time."""
        deadline = time.monotonic() + seconds
        while self.total < total and time.monotonic() < deadline:
            time.sleep(0.002)
        return self.total >= total

    def strike(self, pid: int, moment: str) -> bool:
        """Kill this worker if it is the moment for it."""
        if self.armed != moment or not pid:
            return False
        self.armed = ""
        os.kill(pid, signal.SIGKILL)
        self.killed.set_result(pid)
        return True

    def count(self, mail: bytes) -> None:
        """Write a mail down as taken."""
        self.total += 1
        if found := _DELIVERY.search(mail):
            self.taken[int(found[1])] += 1


class _Dialogue(asyncio.Protocol):
    """One connection; commands and bodies are read from one growing buffer."""

    def __init__(self, sink: CountingSink) -> None:
        self.sink = sink
        self.buffer = bytearray()
        self.in_body = False
        self.pid = 0
        self.later: list[asyncio.TimerHandle] = []

    def connection_made(self, transport: Any) -> None:
        """Greet."""
        self.transport: asyncio.Transport = transport
        transport.write(b"220 sink\r\n")

    def connection_lost(self, error: Exception | None) -> None:
        """Let go of answers that nobody waits for."""
        self.sink.held.discard(self)
        for handle in self.later:
            handle.cancel()

    def data_received(self, data: bytes) -> None:
        """Take everything that has arrived, up to a body that is taken slowly."""
        self.buffer += data
        if self not in self.sink.held:
            self.go_on()

    def go_on(self) -> None:
        """Read what is there; a delayed answer is waited for before the next is given."""
        self.later.clear()
        self.sink.held.discard(self)
        while not self.later and (self.body() if self.in_body else self.command()):
            continue

    def body(self) -> bool:
        end = self.buffer.find(_END)
        if end < 0:
            return False
        if not self.sink.takes_from(self.pid):
            self.sink.held.add(self)
            return False
        mail = bytes(self.buffer[:end])
        del self.buffer[: end + len(_END)]
        self.in_body = False
        # A server that has written the mail to its disk delivers it, whether 250 is heard or not.
        self.sink.count(mail)
        self.sink.strike(self.pid, BEFORE_250)
        if self.sink.delay and self.pid != self.sink.favoured:
            self.later.append(asyncio.get_running_loop().call_later(self.sink.delay, self.agree))
        else:
            self.transport.write(b"250 taken\r\n")
            self.sink.strike(self.pid, AFTER_250)
        return True

    def agree(self) -> None:
        self.transport.write(b"250 taken\r\n")
        self.sink.strike(self.pid, AFTER_250)
        self.go_on()

    def command(self) -> bool:
        end = self.buffer.find(b"\r\n")
        if end < 0:
            return False
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 2]
        self.transport.write(self.answer(line))
        return True

    def answer(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"DATA":
            self.in_body = True
            if self.sink.armed == BODY_IN_KERNEL:
                self.read_late()
            return b"354 go on\r\n"
        if verb == b"EHLO":
            if name := _NAME.match(line):
                self.pid = int(name[1])
            return _FEATURES
        if verb == b"QUIT":
            self.transport.close()
        return b"250 ok\r\n"

    def read_late(self) -> None:
        """Let the body wait in the kernel, kill who wrote it, then read what has arrived."""
        self.transport.pause_reading()

        def strike() -> None:
            self.sink.strike(self.pid, BODY_IN_KERNEL)
            with contextlib.suppress(RuntimeError):
                self.transport.resume_reading()

        asyncio.get_running_loop().call_later(0.02, strike)
