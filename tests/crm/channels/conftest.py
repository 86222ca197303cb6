"""The simulator of providers inside the tests: a server that keeps everything in memory."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from crm.channels.base import CallbackRequest
from crm.simulator.http import serve
from crm.simulator.provider import Provider
from tests.contracts import SECRET


class Memory:
    """Where the simulator keeps messages, and the callbacks that it would have sent."""

    def __init__(self):
        self.caught, self.notices, self.secret = [], [], SECRET

    async def keep(self, caught):
        self.caught.append(caught)

    def fire_as(self, write, *, after=0.0):
        self.notices.append(write)

    def callback(self):
        """The oldest callback, as our web would see it."""
        posted = self.notices.pop(0)()
        headers = {name.lower(): value for name, value in posted.headers}
        return CallbackRequest(headers, posted.body, posted.url, datetime.now(UTC))


@pytest.fixture(scope="session")
def _simulator():
    loop, memory = asyncio.new_event_loop(), Memory()
    provider = Provider(
        store=memory, notifier=memory, api_key="simulator", callback_base="https://shop.example"
    )

    async def start():
        return await asyncio.start_server(
            lambda reader, writer: serve(provider.handle, reader, writer), "127.0.0.1", 0
        )

    server = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    memory.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    memory.provider = provider
    yield memory
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    for task in asyncio.all_tasks(loop):
        task.cancel()
        loop.run_until_complete(asyncio.wait({task}))
    loop.close()


@pytest.fixture
def simulator(_simulator):
    """The simulator, empty; its address is in `url`."""
    _simulator.caught.clear()
    _simulator.notices.clear()
    _simulator.provider._put_off.clear()
    _simulator.provider.mail.put_off.clear()
    return _simulator


class RsaKey:
    """A key as providers hand it out, and the public half to check with."""

    def __init__(self):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.public = key.public_key()
        self.pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()


@pytest.fixture(scope="session")
def rsa_key():
    return RsaKey()
