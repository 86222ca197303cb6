"""Who answers byte by byte is heard for so long and no longer, and it is clear what came of it."""

import asyncio
import threading
import time
from collections.abc import Iterator
from functools import partial

import httpx
import pytest

from benchmarks.loops import ThreadLoop
from crm.channels import fetching, http_client, http_wire
from crm.channels import journal as states
from crm.channels.asking import ask_once
from crm.channels.base import Account, ProviderAway
from crm.channels.http_many import ManyRequests, sent
from crm.channels.http_wire import Call
from crm.channels.posting import asked
from tests.contracts import RememberingJournal, outgoing

HERE = ("127.0.0.1",)
SECONDS = 0.3
# Far more than the deadline, far less than a drip takes.
SOON = 3.0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BEGINNINGS = {
    "/status": b"HTTP/1.1 ",
    "/headers": HEAD + b"X-Slow: ",
    "/body": HEAD + b"Content-Length: 5000\r\n\r\n",
    "/chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5000\r\n",
}
DRIPS = sorted(BEGINNINGS)


class Dripper:
    """A provider that answers a byte at a time, but for those who ask for something else."""

    def __init__(self, loop: ThreadLoop) -> None:
        self.port = loop.serve(self._serve)
        self.url = f"http://127.0.0.1:{self.port}"
        self.connections = 0
        self.left = threading.Semaphore(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                await self._answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.transport.abort()
            self.left.release()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n")
        if not head.startswith((b"GET", b"POST")):
            await self._drip(reader, writer, b"\x16\x03\x03\x20\x00")  # as TLS would begin
        head += await reader.readuntil(b"\r\n\r\n")
        if b"Content-Length: " in head:
            await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r")[0]))
        path = head.split(b" ")[1].decode()
        if path in BEGINNINGS:
            await self._drip(reader, writer, BEGINNINGS[path])
        writer.write(HEAD + b"Content-Length: 2\r\n\r\n{}")

    @staticmethod
    async def _drip(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, beginning: bytes
    ) -> None:
        writer.write(beginning)
        while not reader.at_eof():
            writer.write(b"1")
            await writer.drain()
            await asyncio.sleep(0.02)
        raise ConnectionError


@pytest.fixture
def dripper() -> Iterator[Dripper]:
    with ThreadLoop() as loop:
        yield Dripper(loop)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (http_client, http_wire):
        monkeypatch.setattr(module, "ANSWER_SECONDS", SECONDS)


@pytest.fixture(autouse=True)
def _soon() -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < SOON


@pytest.mark.parametrize("path", DRIPS)
def test_an_answer_that_drips_is_not_waited_for_and_its_connection_is_closed(
    dripper: Dripper, path: str
) -> None:
    with (
        http_client.provider_client(HERE) as client,
        pytest.raises(httpx.ReadTimeout, match=r"No whole answer within 0\.3 seconds"),
    ):
        client.get(dripper.url + path)

    assert dripper.left.acquire(timeout=SOON)


def test_a_greeting_that_drips_is_no_connection(dripper: Dripper) -> None:
    with (
        http_client.provider_client(HERE) as client,
        pytest.raises(httpx.ConnectTimeout, match="No whole answer"),
    ):
        client.get(f"https://127.0.0.1:{dripper.port}/")

    assert dripper.left.acquire(timeout=SOON)


def test_who_says_nothing_is_given_up_sooner(dripper: Dripper) -> None:
    client = http_client.guarded_client(allowed_hosts=HERE, silence=0.01, seconds=60.0)

    with client, pytest.raises(httpx.ReadTimeout, match="timed out"):
        client.get(f"{dripper.url}/body")


def test_each_request_over_one_connection_has_its_own_time(dripper: Dripper) -> None:
    with http_client.provider_client(HERE) as client:
        client.get(dripper.url)
        time.sleep(SECONDS)
        answer = client.get(dripper.url)

    assert answer.json() == {}
    assert dripper.connections == 1


@pytest.mark.parametrize("path", DRIPS)
def test_a_provider_that_drips_cannot_be_asked(dripper: Dripper, path: str) -> None:
    account = Account("twilio", dripper.url, name="drips", guarded_but=HERE)

    with pytest.raises(ProviderAway, match="ReadTimeout"):
        ask_once(account, Call(dripper.url + path, method="GET"))

    assert asked(account, dripper.url + path, headers={}).startswith("ReadTimeout: No whole")


def test_what_is_held_for_us_and_drips_is_not_had(
    dripper: Dripper, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = partial(http_client.guarded_client, seconds=SECONDS)
    monkeypatch.setattr(fetching, "guarded_client", short)

    with pytest.raises(ProviderAway, match="ReadTimeout"):
        fetching.fetch(f"{dripper.url}/body", allowed_hosts=HERE)

    assert dripper.left.acquire(timeout=SOON)


def outcomes_of(*urls: str) -> tuple[list[tuple[str, str]], RememberingJournal]:
    """What became of a message to each, and what was noted of them."""
    requests, journal = ManyRequests(guarded_but=HERE), RememberingJournal()
    batch = [outgoing(number) for number in range(1, len(urls) + 1)]
    found = requests.send_many(
        batch,
        journal=journal,
        write=lambda message: Call(urls[message.message_id - 1], (), b"hi"),
        read=lambda message, _: sent(message, "1"),
    )
    by_message = sorted(found, key=lambda outcome: outcome.message_id)
    requests.close()
    return [(outcome.state, outcome.reason) for outcome in by_message], journal


def test_messages_whose_answers_drip_are_in_doubt_and_the_others_are_sent(
    dripper: Dripper,
) -> None:
    paths = [*DRIPS, "/"]

    outcomes, _ = outcomes_of(*(dripper.url + path for path in paths))

    assert outcomes == [("in_doubt", "unanswered")] * len(DRIPS) + [("sent", "")]
    for _ in paths:
        assert dripper.left.acquire(timeout=SOON)


def test_a_message_whose_provider_never_ends_its_greeting_has_not_left(
    dripper: Dripper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_wire, "CONNECT_SECONDS", SECONDS)

    outcomes, journal = outcomes_of(f"https://127.0.0.1:{dripper.port}/")

    assert outcomes == [("failed", "unreachable")]
    assert states.HANDING_OVER not in dict(journal.marks).values()
    assert dripper.left.acquire(timeout=SOON)
