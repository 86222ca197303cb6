"""Parts of one program as processes of their own: forked from what is loaded once, kept alive.

The first process does nothing but watch, so that whatever it forks later is as clean as the first.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from marketing.runtime import launch

LOOK_EVERY = 0.2
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
STABLE_AFTER = 60.0
_STOPS = (signal.SIGTERM, signal.SIGINT)


@dataclass
class _Part:
    """One process: its number while it runs, and when it is to be started."""

    name: str
    pid: int = 0
    started_at: float = 0.0
    due_at: float = 0.0
    delay: float = field(default=0.0)

    def ended(self, now: float) -> None:
        """Start it again soon, and later each time it ends soon."""
        is_first = not self.delay or now - self.started_at >= STABLE_AFTER
        self.delay = FIRST_DELAY if is_first else min(self.delay * 2, LONGEST_DELAY)
        self.pid, self.due_at = 0, now + self.delay


class Forks:
    """Keeps the parts alive until TERM."""

    def __init__(self, names: Sequence[str]) -> None:
        self._parts = [_Part(name) for name in names]
        self._is_wanted = True

    def run(self) -> str:
        """Give each child the name of the part it is to be; the parent nothing, once all ended."""
        for number in _STOPS:
            signal.signal(number, self._stop)
        while self._is_wanted:
            for part in self._parts:
                if not part.pid and part.due_at <= time.monotonic() and _fork(part):
                    return part.name
            time.sleep(LOOK_EVERY)
            self._reap()
        self._end()
        return ""

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._is_wanted = False

    def _reap(self) -> None:
        for part in self._parts:
            if not part.pid:
                continue
            pid, status = os.waitpid(part.pid, os.WNOHANG)
            if pid:
                part.ended(time.monotonic())
                code = os.waitstatus_to_exitcode(status)
                said = f"{part.name} ended with {code}; starting it again in {part.delay:g} s"
                print(said, file=sys.stderr, flush=True)

    def _end(self) -> None:
        """Let all end in order; whoever started us has patience for so long and no longer."""
        running = [part.pid for part in self._parts if part.pid]
        for pid in running:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        for pid in running:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _fork(part: _Part) -> bool:
    """Whether this is the child; a signal that comes meanwhile waits until it is itself."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    part.started_at = time.monotonic()
    part.pid = os.fork()
    if not part.pid:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        name(part.name)
        launch.follow_parent()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    return not part.pid


def name(title: str) -> None:
    """Tell `manage.py status`, and other tools that list processes, what this one is."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(title, encoding="ascii")
