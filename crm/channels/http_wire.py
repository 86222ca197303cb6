"""HTTP/1.1 over one kept connection: one request at a time, and the truth about how far it got."""

import asyncio
import json
import ssl
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from urllib.parse import urlsplit

import certifi
import h11

from crm import reach
from crm.channels.base import ProviderAway, legible

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
# Servers close what is idle without a word; what was idle for longer is not trusted any more.
IDLE_SECONDS = 10.0
_MAX_ANSWER = 1_000_000
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it leaves."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the request was taken, as far as HTTP says."""
        return 200 <= self.status < 300

    def text(self) -> str:
        """The beginning of the body, as it may be shown to staff."""
        return legible(self.body[:2000].decode("utf-8", "replace"))

    def json(self) -> dict[str, object]:
        """The body's JSON object; empty where it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


class Unreached(ProviderAway):
    """No connection could be made: nothing of the request has left."""


class Forbidden(Unreached):
    """The address leads where none of this kind may go: nothing has left."""


class Unanswered(Exception):  # noqa: N818 - it names what happened
    """The request may have arrived, and no whole answer came."""


class Unfit(Exception):  # noqa: N818 - it names what happened
    """The request cannot be sent at all: its address or a header is none."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection leads; requests of one origin share connections."""

    host: str
    port: int
    is_tls: bool


@lru_cache(1024)
def parts_of(url: str) -> tuple[Origin, str, str]:
    """The origin, the name for Host and the request target of a web address."""
    try:
        parts = urlsplit(url)
        host, port = reach.in_ascii(parts.hostname or ""), parts.port
    except ValueError as error:
        raise Unfit(f"This is no web address: {error}") from error
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
        raise Unfit(f"{parts.scheme or 'this'} is no web address.")
    is_tls = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    bracketed = f"[{host}]" if ":" in host else host
    authority = bracketed if port is None else f"{bracketed}:{port}"
    return Origin(host, port or (443 if is_tls else 80), is_tls), authority, target


class Wire:
    """One kept connection."""

    def __init__(
        self, origin: Origin, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.origin = origin
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.CLIENT)
        self._idle_since = asyncio.get_running_loop().time()

    @property
    def is_fresh(self) -> bool:
        """Whether the other side has not hung up and is not about to."""
        idle = asyncio.get_running_loop().time() - self._idle_since
        gone = self._reader.at_eof() or self._writer.transport.is_closing()
        return not gone and idle < IDLE_SECONDS and self._http.our_state is h11.IDLE

    def written(self, call: Call) -> bytes:
        """The bytes of a request; Unfit if HTTP has no way to say it."""
        _, authority, target = parts_of(call.url)
        head = [("Host", authority), ("Accept-Encoding", "identity"), *call.headers]
        head.append(("Content-Length", str(len(call.body))))
        try:
            request = h11.Request(method=call.method, target=target, headers=head)
            started = self._http.send(request) or b""
        except (h11.LocalProtocolError, UnicodeError) as error:
            self.close()
            raise Unfit(f"The request cannot be written: {error}") from error
        sent = self._http.send(h11.Data(data=call.body)) or b""
        return started + sent + (self._http.send(h11.EndOfMessage()) or b"")

    async def ask(self, request: bytes) -> Answer:
        """Send the bytes and read the answer; Unanswered if there is none."""
        try:
            self._writer.write(request)
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._answer()
        except (OSError, TimeoutError, h11.RemoteProtocolError) as error:
            self.close()
            raise Unanswered(str(error) or type(error).__name__) from error
        except asyncio.CancelledError:
            self.close()
            raise
        self._idle_since = asyncio.get_running_loop().time()
        return answer

    def close(self) -> None:
        """Hang up."""
        self._writer.transport.abort()

    async def _answer(self) -> Answer:
        status, headers, body = 0, {}, bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(_CHUNK))
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = {
                    name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers
                }
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > _MAX_ANSWER:
                    self.close()
                    return Answer(status, headers, bytes(body))
            elif isinstance(event, h11.EndOfMessage):
                self._next_cycle()
                return Answer(status, headers, bytes(body))
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionError("The provider hung up without an answer.")

    def _next_cycle(self) -> None:
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self.close()


async def connect(origin: Origin, *, guarded_but: Collection[str] | None = None) -> Wire:
    """Open a connection for HTTP; see `open_stream`."""
    reader, writer = await open_stream(origin, guarded_but=guarded_but)
    return Wire(origin, reader, writer)


async def open_stream(
    origin: Origin, *, guarded_but: Collection[str] | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect; Unreached where nobody answers, Forbidden where the address is private.

    With `guarded_but`, only public addresses are connected to, but for the places it names.
    """
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            hosts = [origin.host]
            if guarded_but is not None:
                hosts = await asyncio.to_thread(
                    reach.addresses, origin.host, origin.port, but=guarded_but
                )
            return await _first_open(origin, hosts)
    except reach.AddressRefused as error:
        # A name that nobody knows today may be known tomorrow; a private address stays one.
        raise (Unreached if error.__cause__ else Forbidden)(str(error)) from error
    except (OSError, TimeoutError) as error:
        raise Unreached(str(error) or "No connection in time.") from error


async def _first_open(
    origin: Origin, hosts: Sequence[str]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the first of the addresses that answers."""
    *others, last = hosts
    for host in others:
        with suppress(OSError):
            return await _opened(origin, host)
    return await _opened(origin, last)


async def _opened(origin: Origin, host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to one address; its certificate must be for the name."""
    if not origin.is_tls:
        return await asyncio.open_connection(host, origin.port)
    return await asyncio.open_connection(host, origin.port, ssl=tls(), server_hostname=origin.host)


@cache
def tls() -> ssl.SSLContext:
    """What connections under TLS are checked by; read once."""
    return ssl.create_default_context(cafile=certifi.where())
