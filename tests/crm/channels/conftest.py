"""The simulator of providers inside the tests: a server that keeps everything in memory."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks.loops import ThreadLoop
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
    memory = Memory()
    provider = Provider(
        store=memory, notifier=memory, api_key="simulator", callback_base="https://shop.example"
    )
    memory.provider = provider
    with ThreadLoop() as loop:
        port = loop.serve(lambda reader, writer: serve(provider.handle, reader, writer))
        memory.url = f"http://127.0.0.1:{port}"
        yield memory


@pytest.fixture
def simulator(_simulator, settings):
    """The simulator, empty, and named by the operator; its address is in `url`."""
    settings.PROVIDER_ALLOWED_HOSTS = [_simulator.url.removeprefix("http://")]
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
