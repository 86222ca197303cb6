"""Open pages hear what happens on their channel, and on no other."""

import asyncio
import json
from typing import Any

import pytest

from crm import live
from marketing import asgi


class Page:
    """A browser's side of one stream."""

    def __init__(self, channel: str, token: str) -> None:
        self.scope = {
            "type": "http",
            "path": f"/live/{channel}",
            "query_string": f"token={token}".encode(),
        }
        self.status = 0
        self.chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self.left = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            await self.chunks.put(message["body"])

    async def hears(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.chunks.get()


def test_a_page_hears_its_channel_and_stops_when_it_leaves() -> None:
    async def story() -> tuple[int, bytes]:
        page = Page("inbox", live.token("inbox"))
        stream = asyncio.create_task(asgi.application(page.scope, page.receive, page.send))
        assert (await page.hears()).startswith(b"retry:")
        await asyncio.to_thread(live.publish, channel="inbox", data={"unread": 3})
        heard = await page.hears()
        page.left.set()
        async with asyncio.timeout(5):
            await stream
        return page.status, heard

    status, heard = asyncio.run(story())

    assert status == 200
    assert json.loads(heard.removeprefix(b"data: ")) == {"unread": 3}


@pytest.mark.parametrize("token", ["", "inbox", "campaign-7"])
def test_a_page_without_the_right_hears_nothing(token: str) -> None:
    signed = live.token(token) if token == "campaign-7" else token
    page = Page("inbox", signed)

    asyncio.run(asgi.application(page.scope, page.receive, page.send))

    assert page.status == 403


def test_an_address_carries_the_right_to_listen(settings: Any) -> None:
    settings.LIVE_URL = "http://127.0.0.1:8001"

    address = live.address(channel="inbox")

    assert address.startswith("http://127.0.0.1:8001/live/inbox?token=inbox:")
