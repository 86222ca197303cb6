"""An end to a whole request, where an HTTP client only limits each of its steps.

Whoever answers byte by byte keeps every single read short. So the limits that a request carries
know when all of it has to be over, and the connections that it goes over ask them.
"""

import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpcore


class Step(float):
    """The seconds that one step of a request may take, within those of all of it."""

    __slots__ = ("_ends_at", "_whole")
    _ends_at: float
    _whole: float

    @classmethod
    def within(cls, step: float | None, *, whole: float, ends_at: float) -> "Step":
        """One step of a request that ends at a time of the monotonic clock."""
        made = cls(whole if step is None else step)
        made._whole, made._ends_at = whole, ends_at
        return made

    @property
    def left(self) -> float:
        """The seconds that the whole request has left."""
        return self._ends_at - time.monotonic()

    def over(self) -> str:
        """What to say when it has none."""
        return f"No whole answer within {self._whole:g} seconds."


def steps(timeouts: Mapping[str, float | None], *, seconds: float) -> dict[str, float | None]:
    """The limits of the steps of a request that begins now and may take so long in all."""
    ends_at = time.monotonic() + seconds
    return {
        name: Step.within(step, whole=seconds, ends_at=ends_at) for name, step in timeouts.items()
    }


class TimelyBackend(httpcore.NetworkBackend):
    """Opens connections that keep to the end of each request."""

    def __init__(self) -> None:
        self._real = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect within the step's time."""
        with _taken(timeout, httpcore.ConnectTimeout) as left:
            return _TimelyStream(
                self._real.connect_tcp(host, port, left, local_address, socket_options)
            )


class _TimelyStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _taken(timeout, httpcore.ReadTimeout) as left:
            return self._stream.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _taken(timeout, httpcore.WriteTimeout) as left:
            self._stream.write(buffer, left)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        with _taken(timeout, httpcore.ConnectTimeout) as left:
            return _TimelyStream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@contextmanager
def _taken(step: float | None, error: type[Exception]) -> Iterator[float]:
    """The seconds that a step may take now; the error where the request has none left."""
    assert isinstance(step, Step), "A request has come here without a deadline."
    if step.left <= 0:
        raise error(step.over())
    try:
        yield min(float(step), step.left)
    except error:
        if step.left > 0:
            raise
        raise error(step.over()) from None
