"""One Chromium for all browser tests of a process; each has a context of its own in it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.db import connections

from tests.conftest import chromium

# Every window had renderers of its own for what an address bar suggests: a third of its work.
# Whatever is named here stands in place of what Playwright switches off, which is the rest.
SWITCHED_OFF = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "AimEnabled", "LensOverlay", "MediaRouter"),
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "AvoidCorsURLLoaderRestartOnRedirect"),
    *("HttpsUpgrades", "HttpsFirstBalancedModeAutoEnable", "ThirdPartyStoragePartitioning"),
    *("DestroyProfileOnBrowserClose", "PaintHolding", "OptimizationHints", "PreconnectToSearch"),
    "NetworkTimeServiceQuerying",
)
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    f"--disable-features={','.join(SWITCHED_OFF)}",
]
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


class _Driver:
    """Playwright itself: a process and a loop in this thread, for tests that follow one another."""

    def __init__(self) -> None:
        self.started: Any = None
        self.in_use = 0
        self.is_needed = False
        self._patch = pytest.MonkeyPatch()

    def start(self) -> Any:
        """Start it, unless it is there."""
        from playwright.sync_api import sync_playwright

        if self.started is None:
            self.started = sync_playwright().start()
            # Beside its loop Django takes everything for asynchronous, also between two tests.
            self._patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        return self.started

    def rest(self) -> None:
        """Leave the thread to tests that need no browser, unless another one needs it."""
        if self.started is None or self.in_use or self.is_needed:
            return
        # Beside the loop Django opened connections of their own.
        connections.close_all()
        started, self.started = self.started, None
        started.stop()
        self._patch.undo()


_driver = _Driver()


@contextmanager
def browser() -> Iterator[Any]:
    """The program, as if it had just been started: nothing of other tests is in it."""
    program = _driver.start().chromium.connect_over_cdp(f"http://127.0.0.1:{_port()}")
    _driver.in_use += 1
    try:
        yield program
    finally:
        with suppress(Exception):
            program.close()
        _driver.in_use -= 1
        _driver.rest()


def look_ahead(*, is_needed: bool) -> None:
    """Whether the next test is one with a browser; told before what this test had is taken down."""
    _driver.is_needed = is_needed
    _driver.rest()


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
