"""One Chromium for all browser tests of a process; each has a context of its own in it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.conftest import chromium

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
PATIENCE = 60.0


class _Keeper(threading.Thread):
    """Keeps the program running: in a thread, as Playwright leaves a loop in its own."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.is_up, self.is_over = threading.Event(), threading.Event()
        self.problem: Exception | None = None

    def run(self) -> None:
        """Start it, and end it when it is not wanted any more."""
        from playwright.sync_api import sync_playwright

        try:
            with sync_playwright() as started:
                program = started.chromium.launch(
                    executable_path=chromium(),
                    args=[*ARGUMENTS, f"--remote-debugging-port={self.port}"],
                )
                self.is_up.set()
                self.is_over.wait()
                program.close()
        except Exception as error:
            self.problem = error
            self.is_up.set()


_keeper: _Keeper | None = None


@contextmanager
def browser() -> Iterator[Any]:
    """The program, as if it had just been started: nothing of other tests is in it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        program = started.chromium.connect_over_cdp(f"http://127.0.0.1:{_port()}")
        try:
            yield program
        finally:
            with suppress(Exception):
                program.close()


def end() -> None:
    """Leave nothing running."""
    global _keeper  # noqa: PLW0603 - one for the process
    if _keeper is not None:
        _keeper.is_over.set()
        _keeper.join(PATIENCE)
        _keeper = None


def _port() -> int:
    global _keeper  # noqa: PLW0603 - one for the process
    if _keeper is None or not _keeper.is_alive():
        _keeper = _Keeper()
        _keeper.start()
        assert _keeper.is_up.wait(PATIENCE), "Chromium does not start"
    if _keeper.problem is not None:
        raise _keeper.problem
    return int(_keeper.port)
