"""An end to a whole call, where an HTTP client only limits each of its reads."""

import socket
import time
from contextlib import suppress
from threading import Lock, Timer
from typing import Any, Self

_OPENED = ("connection.connect_tcp.complete", "connection.start_tls.complete")


class Deadline:
    """Shuts the connection of a call when its time is over, however slowly the answer drips.

    Give `trace` to the call as its extension of that name, and ask for a connection of its own.
    """

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._timer = Timer(seconds, self._shut)
        self._timer.daemon = True
        self._lock = Lock()
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            self._socket = None

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._ends_at

    def trace(self, name: str, info: dict[str, Any]) -> None:
        """Take notice of the connection as soon as there is one."""
        if name not in _OPENED:
            return
        with self._lock:
            self._socket = info["return_value"].get_extra_info("socket")
        if self.is_over:
            self._shut()

    def _shut(self) -> None:
        with self._lock:
            if self._socket is None:
                return
            # Whoever reads from it wakes up with an error; it may be closed already.
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
