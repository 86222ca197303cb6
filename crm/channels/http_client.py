"""The one way out by HTTP: kept connections, no redirects, and no way into the private network."""

import time
from collections.abc import Collection, Iterator
from typing import Any

import httpx

from crm import reach

# As much as is read of what a provider answers, and for how long.
_MOST_BYTES = 8_000_000
_MOST_SECONDS = 60.0


class AddressRefused(httpx.ConnectError):
    """The address leads into a private network, or is no web address."""


class AnswerTooLong(httpx.ReadError):
    """The answer does not end in time, or is packed although nobody asked for that."""


def trusted_client(*, timeout: float = 10.0, connections: int = 50) -> httpx.Client:
    """A client for addresses of this installation itself, such as that of its own web."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.Client(timeout=timeout, limits=limits, trust_env=False)


def guarded_client(*, allowed_hosts: Collection[str] = (), timeout: float = 10.0) -> httpx.Client:
    """A client for addresses that staff or customers gave: public hosts only, unless allowed."""
    return httpx.Client(timeout=timeout, transport=_Guard(allowed_hosts))


def provider_client(guarded_but: Collection[str] | None, *, timeout: float = 10.0) -> httpx.Client:
    """A client for the provider of an account (see Account.guarded_but); answers have an end."""
    return httpx.Client(
        timeout=timeout, transport=_Bounded(guarded_but), headers={"Accept-Encoding": "identity"}
    )


class _Guard(httpx.HTTPTransport):
    def __init__(self, allowed: Collection[str] | None) -> None:
        super().__init__(trust_env=False, retries=0)
        self._allowed = allowed

    def handle_request(self, request: httpx.Request) -> httpx.Response:
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
        size, until = 0, time.monotonic() + _MOST_SECONDS
        for piece in self._stream:
            size += len(piece)
            if size > _MOST_BYTES or time.monotonic() > until:
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
