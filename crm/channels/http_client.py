"""The one way out by HTTP: kept connections, no redirects, and no way into the private network."""

from collections.abc import Collection, Iterator
from typing import Any

import httpcore
import httpx

from crm import reach
from crm.channels.http_deadline import TimelyBackend, steps
from crm.channels.http_wire import ANSWER_SECONDS, CONNECT_SECONDS, tls

# Who says nothing at all is given up sooner than who is still talking.
SILENCE_SECONDS = 10.0
_MOST_CONNECTIONS = 100
# As much as is read of what a provider answers.
_MOST_BYTES = 8_000_000


class AddressRefused(httpx.ConnectError):
    """The address leads into a private network, or is no web address."""


class AnswerTooLong(httpx.ReadError):
    """The answer has no end, or is packed although nobody asked for that."""


def trusted_client(*, timeout: float = 10.0, connections: int = 50) -> httpx.Client:
    """A client for addresses of this installation itself, such as that of its own web."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.Client(timeout=timeout, limits=limits, trust_env=False)


def guarded_client(
    *,
    allowed_hosts: Collection[str] = (),
    silence: float = SILENCE_SECONDS,
    seconds: float = ANSWER_SECONDS,
) -> httpx.Client:
    """A client for addresses that staff or customers gave: public hosts only, unless allowed.

    A request takes at most `seconds`, from the search for its host to the end of the answer.
    """
    return httpx.Client(timeout=_steps(silence), transport=_Guard(allowed_hosts, seconds))


def provider_client(guarded_but: Collection[str] | None) -> httpx.Client:
    """A client for the provider of an account (see Account.guarded_but); answers have an end."""
    return httpx.Client(
        timeout=_steps(SILENCE_SECONDS),
        transport=_Bounded(guarded_but, ANSWER_SECONDS),
        headers={"Accept-Encoding": "identity"},
    )


def _steps(silence: float) -> httpx.Timeout:
    return httpx.Timeout(silence, connect=min(CONNECT_SECONDS, silence))


class _Guard(httpx.HTTPTransport):
    def __init__(self, allowed: Collection[str] | None, seconds: float) -> None:
        super().__init__(verify=tls(), trust_env=False, retries=0)
        # The transport takes no backend; a pool does.
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls(), max_connections=_MOST_CONNECTIONS, network_backend=TimelyBackend()
        )
        self._allowed = allowed
        self._seconds = seconds

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        timeouts = steps(request.extensions["timeout"], seconds=self._seconds)
        request.extensions = {**request.extensions, "timeout": timeouts}
        url = request.url
        if url.scheme not in {"http", "https"} or url.userinfo:
            raise AddressRefused(f"{url.scheme or 'this'} is no web address.", request=request)
        if self._allowed is None:
            return super().handle_request(request)
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            numbers = reach.addresses(url.host, port, but=self._allowed)
        except reach.AddressRefused as error:
            raise AddressRefused(str(error), request=request) from error
        for number in numbers[:-1]:
            try:
                return super().handle_request(_at(request, number))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue  # nothing of it has left: the next address may answer
        return super().handle_request(_at(request, numbers[-1]))


class _Bounded(_Guard):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        if answer.headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
            answer.close()
            raise AnswerTooLong("The answer is packed.", request=request)
        assert isinstance(answer.stream, httpx.SyncByteStream)
        answer.stream = _Measured(answer.stream)
        return answer


class _Measured(httpx.SyncByteStream):
    """An answer that ends, whatever the other side would like."""

    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._stream:
            size += len(piece)
            if size > _MOST_BYTES:
                raise AnswerTooLong("The answer has no end.")
            yield piece

    def close(self) -> None:
        self._stream.close()


def _at(request: httpx.Request, number: str) -> httpx.Request:
    """The same request to an address that was checked."""
    extensions: dict[str, Any] = {**request.extensions, "sni_hostname": request.url.host}
    return httpx.Request(
        request.method,
        request.url.copy_with(host=number),
        headers=request.headers,  # Host stays the name that was asked for
        stream=request.stream,
        extensions=extensions,
    )
