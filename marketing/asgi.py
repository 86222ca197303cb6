"""A small process of its own for live streams: server-sent events fed by Valkey.

It does not load Django's apps: it needs only the settings, to check a signature.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from redis import asyncio as redis
from redis.exceptions import RedisError

from crm import live
from marketing.runtime.launch import follow_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
follow_parent()

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

PREFIX = "/live/"
COMMENT_EVERY = 15.0
STREAM_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    # The token is the right to listen; no cookie is looked at.
    (b"access-control-allow-origin", b"*"),
]


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Stream one channel to one page."""
    if scope["type"] == "lifespan":
        await _live_and_die(receive, send)
        return
    path: str = scope["path"]
    if path == "/healthz":
        await _answer(send, 200, b"ok")
        return
    channel = path.removeprefix(PREFIX)
    token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
    if not path.startswith(PREFIX) or not live.is_allowed(channel=channel, token=token):
        await _answer(send, 403, b"This page may not listen here.")
        return
    await _stream(channel, receive, send)


async def _live_and_die(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _stream(channel: str, receive: Receive, send: Send) -> None:
    """Send until the page leaves or Valkey does; a page asks again by itself."""
    await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
    feeding = asyncio.create_task(_feed(channel, send))
    leaving = asyncio.create_task(_left(receive))
    _, unfinished = await asyncio.wait({feeding, leaving}, return_when=asyncio.FIRST_COMPLETED)
    for task in unfinished:
        task.cancel()
    with suppress(asyncio.CancelledError, RedisError):
        await feeding
    if not leaving.done() or leaving.cancelled():
        await send({"type": "http.response.body", "body": b""})


async def _feed(channel: str, send: Send) -> None:
    async with redis.Redis.from_url(settings.REDIS_URL) as client, client.pubsub() as pubsub:
        await pubsub.subscribe(live.topic(channel))
        # The first message says that we are heard; from then on nothing is missed.
        await pubsub.get_message(timeout=COMMENT_EVERY)
        await _write(send, b"retry: 2000\n\n")
        while True:
            message = await pubsub.get_message(timeout=COMMENT_EVERY)
            words = b"data: %b" % message["data"] if message else b": still here"
            await _write(send, words + b"\n\n")


async def _write(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
