"""Whatever staff write into an account: nothing on our own network is called by it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from crm.accounts import places
from crm.channels import http_client, registry
from crm.channels.base import (
    FAILED,
    UNREACHABLE,
    Account,
    Checks,
    LooksUp,
    Outcome,
    ProviderAway,
    legible,
)
from crm.channels.http_many import failed
from crm.channels.http_wire import Answer
from crm.postboxes import BoxError, Place, open_box
from tests.contracts import RememberingJournal, outgoing

# This machine by other names; what a resolver does not take leads nowhere anyhow.
HERE = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0x7f000001",
    "0x7f.0.0.1",
    "2130706433",
    "017700000001",
    "0177.0.0.01",
    "0",
    "0.0.0.0",
    "localhost",
    "LOCALHOST.",
    "127.0.0.1.",
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
    "127\u3002\uff10\uff0e0\uff611",
    "[::]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "user@127.0.0.1",
    "api.example@127.0.0.1",
    "api.example%40127.0.0.1",
    "api.example\\@127.0.0.1",
]
METADATA = ["169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "192.0.0.192", "0xa9fea9fe"]
HTTP_PROVIDERS = sorted(
    name
    for name in registry.PROVIDERS
    if name not in {"email", "smpp", "memory", "web_push", "webhook"}
)


# A key as providers hand it out.
PEM = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    .decode()
)
_SECRET = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"


class Inside:
    """A server that nobody outside is to reach; it counts who has come nevertheless."""

    def __init__(self) -> None:
        self.visitors = 0
        self.answer = _SECRET
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            visitor, _place = self._socket.accept()
            with visitor:
                if visitor.recv(100_000) == b"enough":
                    return
                self.visitors += 1
                with suppress(OSError):
                    visitor.sendall(self.answer)

    def close(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.sendall(b"enough")
        self._thread.join()
        self._socket.close()


@pytest.fixture(scope="module")
def _inside() -> Iterator[Inside]:
    server = Inside()
    yield server
    server.close()


@pytest.fixture
def inside(_inside: Inside) -> Inside:
    _inside.visitors, _inside.answer = 0, _SECRET
    return _inside


@contextmanager
def opened(provider: str, url: str) -> Iterator[Any]:
    """An adapter as an account of staff has it, whatever the adapter asks for."""
    kind: Any = registry.adapter_class(provider)
    fields = getattr(kind, "fields", ())
    options = tuple((one.name, one.default or "1") for one in fields if not one.is_secret)
    known = {"private_key": PEM}
    secrets = tuple((one.name, known.get(one.name, "c2VjcmV0")) for one in fields if one.is_secret)
    options = tuple((name, value) for name, value in options if name != "prices")
    adapter = kind(Account(provider, url, "key", "s", options=options, secrets=secrets))
    try:
        yield adapter
    finally:
        adapter.close()


def sent(provider: str, url: str) -> Outcome:
    is_mail = registry.adapter_class(provider).channel == "email"
    person = "Ann <ann@people.example>" if is_mail else "+441134960100"
    with opened(provider, url) as adapter:
        (outcome,) = adapter.send_many([outgoing(1, person)], journal=RememberingJournal())
    return outcome


@pytest.mark.parametrize("host", HERE)
def test_no_form_of_an_address_leads_an_account_to_this_machine(inside: Inside, host: str) -> None:
    url = f"http://{host}:{inside.port}/"

    refused = pytest.raises((httpx.HTTPError, httpx.InvalidURL))
    with http_client.provider_client(()) as client, refused:
        client.get(url)
    outcome = sent("sms_http", url)

    assert (outcome.state, inside.visitors) == (FAILED, 0)


@pytest.mark.parametrize("host", METADATA)
def test_the_secrets_of_a_cloud_are_not_asked_for(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connecting(*_: Any, **__: Any) -> None:
        raise AssertionError("the guard let a connection through")

    monkeypatch.setattr(socket.socket, "connect", connecting)
    monkeypatch.setattr("asyncio.open_connection", connecting)

    outcome = sent("sms_http", f"http://{host}/latest/meta-data/")

    assert "not a public address" in outcome.detail


@pytest.mark.parametrize("provider", HTTP_PROVIDERS)
def test_no_provider_is_handed_asked_or_searched_inside(provider: str, inside: Inside) -> None:
    url = f"http://127.0.0.1:{inside.port}"

    outcome = sent(provider, url)
    with opened(provider, url) as adapter:
        wrong = said_by_check(adapter)
        if isinstance(adapter, LooksUp):
            with pytest.raises(ProviderAway):
                adapter.look_up([outgoing(1, "+441134960100")])

    assert (outcome.reason, inside.visitors) == (UNREACHABLE, 0)
    assert "not a public address" in outcome.detail
    assert "not a public address" in wrong


def said_by_check(adapter: Any) -> str:
    """What the light of the account would say."""
    if not isinstance(adapter, Checks):
        return "It is not a public address that is asked: nobody is."
    try:
        return adapter.check()
    except httpx.HTTPError as error:
        return str(error)


@pytest.mark.parametrize("provider", ["email", "smpp"])
def test_no_mail_server_and_no_sms_centre_is_spoken_to_inside(
    provider: str, inside: Inside
) -> None:
    scheme = {"email": "smtp", "smpp": "smpp"}[provider]
    url = f"{scheme}://127.0.0.1:{inside.port}"

    outcome = sent(provider, url)
    with opened(provider, url) as adapter, suppress(OSError):
        assert "not a public address" in adapter.check()

    assert (outcome.reason, inside.visitors) == (UNREACHABLE, 0)
    assert "not a public address" in outcome.detail


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_no_mailbox_is_opened_inside(protocol: str, security: str, inside: Inside) -> None:
    place = Place(protocol, "127.0.0.1", inside.port, security, "ada", "secret")

    with pytest.raises(BoxError, match="not a public address"):
        open_box(place)

    assert inside.visitors == 0


def test_a_name_that_changes_its_mind_leads_nowhere(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Public when the account is kept, private when it is called, and public again."""
    numbers = iter(["93.184.216.34", "127.0.0.1", "93.184.216.34"])

    def looked_up(host: str, port: int, **_: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(numbers), port))]

    monkeypatch.setattr("crm.reach.socket.getaddrinfo", looked_up)
    places.check_url(url=f"http://rebinding.example:{inside.port}/")

    outcome = sent("sms_http", f"http://rebinding.example:{inside.port}/")

    assert "not a public address" in outcome.detail
    assert inside.visitors == 0


def test_a_provider_that_points_elsewhere_is_not_followed(inside: Inside) -> None:
    there = f"http://127.0.0.1:{inside.port}/"
    inside.answer = b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (
        there.encode()
    )

    with http_client.provider_client((f"127.0.0.1:{inside.port}",)) as client:
        answer = client.get(there)

    assert (answer.status_code, inside.visitors) == (302, 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"Transfer-Encoding: chunked\r\n\r\n" + b"10000\r\n%s\r\n" % (b"x" * 65_536) * 130,
        b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nxyz",
    ],
)
def test_an_answer_without_an_end_and_one_that_is_packed_are_not_read(
    inside: Inside, answer: bytes
) -> None:
    inside.answer = b"HTTP/1.1 200 OK\r\n" + answer

    with (
        http_client.provider_client((f"127.0.0.1:{inside.port}",)) as client,
        pytest.raises(http_client.AnswerTooLong),
    ):
        client.get(f"http://127.0.0.1:{inside.port}/")


UNSEEN = "\x1b[31mred\x00\r\nSet-Cookie: a=b\t\u202e\u2066evil\u2028next\ud800"


def test_what_a_provider_said_is_shown_on_one_line_and_without_what_is_unseen() -> None:
    seen = "[31mred Set-Cookie: a=b evil next\ufffd"

    assert legible(UNSEEN) == seen
    assert legible("x" * 5_000) == "x" * 500
    assert legible("Größe 中文 🙂") == "Größe 中文 🙂"
    assert failed(outgoing(1), "rejected", UNSEEN).detail == seen
    assert Answer(400, {}, b"a\x00\x1b[2J\xff").text() == "a [2J\ufffd"
