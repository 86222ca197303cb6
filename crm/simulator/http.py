"""A small HTTP/1.1 server and client on asyncio and h11: all the provider needs."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import h11

MAX_BODY = 1_000_000
_IDLE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Request:
    """A request with its whole body; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """A JSON answer, or nothing at all."""

    status: int
    data: object
    headers: tuple[tuple[str, str], ...] = field(default=())


Handler = Callable[[Request], Awaitable[Response]]


async def serve(
    handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer the requests of one connection until it closes."""
    wire = h11.Connection(h11.SERVER)
    try:
        while (request := await _next_request(wire, reader)) is not None:
            response = await handler(request)
            writer.write(_written(wire, response))
            await writer.drain()
            if wire.our_state is not h11.DONE or wire.their_state is not h11.DONE:
                break
            wire.start_next_cycle()
    except (h11.RemoteProtocolError, ConnectionError, TimeoutError):
        return
    finally:
        writer.close()


@dataclass(frozen=True, slots=True)
class Posted:
    """One request that we make of somebody."""

    url: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "POST"


def origin_of(url: str) -> str:
    """What requests must share to share a connection."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class Poster:
    """Posts to one origin over a kept connection."""

    def __init__(self, origin: str) -> None:
        parts = urlsplit(origin)
        self._host = parts.hostname or ""
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._authority = parts.netloc.rpartition("@")[2]
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._wire = h11.Connection(h11.CLIENT)

    async def post(self, posted: Posted) -> int:
        """Post and give the status; OSError if the other side cannot be reached."""
        try:
            async with asyncio.timeout(10):
                return await self._post(posted)
        except (h11.ProtocolError, TimeoutError, asyncio.IncompleteReadError) as error:
            self.close()
            raise ConnectionError(str(error) or "no answer in time") from error
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Drop the kept connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _post(self, posted: Posted) -> int:
        reader, writer = await self._connected()
        parts = urlsplit(posted.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {
            "Host": self._authority,
            "Content-Type": "application/json",
            "Content-Length": str(len(posted.body)),
            **dict(posted.headers),
        }
        request = h11.Request(method=posted.method, target=target, headers=list(headers.items()))
        for event in (request, h11.Data(data=posted.body), h11.EndOfMessage()):
            writer.write(self._wire.send(event) or b"")
        await writer.drain()
        status = await self._status(reader)
        if self._wire.our_state is h11.DONE and self._wire.their_state is h11.DONE:
            self._wire.start_next_cycle()
        else:
            self.close()
        return status

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._wire = h11.Connection(h11.CLIENT)
            self._streams = await asyncio.open_connection(
                self._host, self._port, ssl=True if self._tls else None
            )
        return self._streams

    async def _status(self, reader: asyncio.StreamReader) -> int:
        status = 0
        while True:
            event = self._wire.next_event()
            if event is h11.NEED_DATA:
                self._wire.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.EndOfMessage):
                return status
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionError("The other side closed the connection.")


async def _next_request(wire: h11.Connection, reader: asyncio.StreamReader) -> Request | None:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = wire.next_event()
        if event is h11.NEED_DATA:
            async with asyncio.timeout(_IDLE_SECONDS):
                wire.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY:
                return None
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            headers = {
                name.decode().lower(): value.decode("latin-1") for name, value in head.headers
            }
            return Request(head.method.decode(), head.target.decode(), headers, bytes(body))
        else:
            return None


def _written(wire: h11.Connection, response: Response) -> bytes:
    data = response.data
    body = data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        *response.headers,
    ]
    events = (
        h11.Response(status_code=response.status, headers=headers),
        h11.Data(data=body),
        h11.EndOfMessage(),
    )
    return b"".join(wire.send(event) or b"" for event in events)
