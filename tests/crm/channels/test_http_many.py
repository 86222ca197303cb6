"""Many requests at once: how far each got, the pauses asked for, the rate kept."""

import asyncio
import itertools
import json
import threading
import time
from email.utils import formatdate

import pytest

from benchmarks.loops import ThreadLoop
from crm.channels import http_many, pace
from crm.channels import journal as states
from crm.channels.base import SENT, Outcome
from crm.channels.http_many import ManyRequests, sent
from crm.channels.http_wire import Answer, Call, Unfit, parts_of
from crm.channels.posting import refused, wait_told
from tests.contracts import RememberingJournal, outgoing

HANGS_UP, IS_CUT, IS_CHUNKED = "/hangs-up", "/is-cut", "/is-chunked"


class Provider:
    """A provider on raw sockets: what it says, and when it hangs up, is up to the path."""

    def __init__(self, loop):
        self.loop = loop
        self.connections = self.open = self.most_open = 0
        self.seen = []
        self.retry_after = "1"
        self.gate = asyncio.Event()
        self.url = f"http://127.0.0.1:{loop.serve(self._serve)}"

    async def _serve(self, reader, writer):
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _answer(self, head, reader, writer):
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body, path = await reader.readexactly(length), head.split(b" ")[1].decode()
        self.seen.append(json.loads(body)["id"])
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        if path == "/waits":
            await self.gate.wait()
        self.open -= 1
        if path == HANGS_UP:
            raise ConnectionError
        if path == IS_CUT:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort")
            raise ConnectionError
        if path == IS_CHUNKED:
            parts = b'5\r\n{"id"\r\n9\r\n: "late"}\r\n0\r\n\r\n'
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + parts)
            return
        said = json.dumps({"id": "p"}).encode()
        pause = f"Retry-After: {self.retry_after}\r\n".encode() if path == "/429" else b""
        code = path[1:].encode() if path[1:].isdigit() else b"200"
        writer.write(
            b"HTTP/1.1 %s X\r\n%sContent-Length: %d\r\n\r\n%s" % (code, pause, len(said), said)
        )


class Clock:
    """A clock that sleepers move on."""

    def __init__(self):
        self.now = 0.0

    def get_running_loop(self):
        return self

    def time(self):
        return self.now + 1000.0

    async def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def provider():
    with ThreadLoop() as loop:
        yield Provider(loop)


@pytest.fixture
def requests():
    requests = ManyRequests(in_flight=3)
    yield requests
    requests.close()


def send(requests, provider, *paths, journal=None):
    def write(message):
        path = paths[message.message_id - 1]
        url = path if "://" in path else provider.url + path
        return Call(url, (), json.dumps({"id": message.message_id}).encode())

    def read(message, answer):
        if answer.is_success:
            return sent(message, answer.json().get("id"))
        return refused(message, answer)

    batch = [outgoing(number) for number in range(1, len(paths) + 1)]
    journal = journal or RememberingJournal()
    outcomes = list(requests.send_many(batch, journal=journal, write=write, read=read))
    return {outcome.message_id: outcome for outcome in outcomes}


def test_as_many_are_on_their_way_as_allowed_and_no_more(requests, provider):
    threading.Timer(0.05, lambda: provider.loop.call_soon_threadsafe(provider.gate.set)).start()

    outcomes = send(requests, provider, *["/waits"] * 7)

    assert provider.most_open == 3
    assert provider.connections == 3
    assert {outcome.state for outcome in outcomes.values()} == {SENT}


def test_connections_are_kept_from_one_batch_to_the_next(requests, provider):
    send(requests, provider, "/200")
    send(requests, provider, "/200")

    assert provider.connections == 1


def test_what_hung_up_since_is_not_written_to(requests, provider):
    send(requests, provider, HANGS_UP)

    outcomes = send(requests, provider, "/200")

    assert outcomes[1].state == SENT
    assert provider.seen == [1, 1]


@pytest.mark.parametrize("path", [HANGS_UP, IS_CUT])
def test_a_lost_answer_leaves_one_message_in_doubt_and_no_other(requests, provider, path):
    journal = RememberingJournal()

    outcomes = send(requests, provider, "/200", path, "/200", journal=journal)

    assert {key: one.state for key, one in outcomes.items()} == {1: SENT, 2: "in_doubt", 3: SENT}
    assert journal.last()[1] in {states.HANDING_OVER, states.HANDED_OVER}
    assert journal.last()[0] == journal.last()[2] == states.CONFIRMED


def test_a_message_is_marked_before_it_leaves_and_after_the_answer(requests, provider):
    journal = RememberingJournal()

    send(requests, provider, "/200", journal=journal)

    assert journal.marks == [(0, states.HANDING_OVER), (0, states.CONFIRMED)]


def test_what_never_reached_anybody_is_not_in_doubt(requests, provider):
    journal = RememberingJournal()

    outcomes = send(requests, provider, "http://127.0.0.1:1/", journal=journal)

    assert (outcomes[1].reason, outcomes[1].retry_after) == ("unreachable", 30.0)
    assert journal.marks == [(0, states.CLAIMED)]


def test_a_provider_that_is_down_is_not_asked_for_every_message(requests, provider):
    outcomes = send(requests, provider, *["http://127.0.0.1:1/"] * 50)

    assert {outcome.reason for outcome in outcomes.values()} == {"unreachable"}
    assert "Nobody answers" in outcomes[50].detail


def test_an_answer_in_pieces_is_read_whole(requests, provider):
    assert send(requests, provider, IS_CHUNKED)[1].provider_message_id == "late"


def test_a_short_pause_is_waited_for(requests, provider, monkeypatch):
    monkeypatch.setattr(pace, "PATIENCE", 5.0)
    slow = ManyRequests(in_flight=1)
    provider.retry_after = "1"
    waited = []

    async def sleep(seconds):
        waited.append(seconds)
        slow._pace._held_until = 0.0

    monkeypatch.setattr(pace.asyncio, "sleep", sleep)
    outcomes = send(slow, provider, "/429", "/200")
    slow.close()

    assert (outcomes[1].reason, outcomes[2].state) == ("rate_limited", SENT)
    assert any(0.5 < seconds <= 1 for seconds in waited)


def test_a_long_pause_puts_off_what_has_not_left(provider):
    slow, journal = ManyRequests(in_flight=1), RememberingJournal()
    provider.retry_after = "60"

    outcomes = send(slow, provider, "/429", "/200", "/200", journal=journal)
    again = send(slow, provider, "/200")
    slow.close()

    assert provider.seen == [1]
    assert {one.reason for one in outcomes.values()} == {"rate_limited"}
    assert 58 < outcomes[3].retry_after <= 60
    assert again[1].reason == "rate_limited"
    assert journal.last() == dict.fromkeys(range(3), states.PUT_OFF)


SAID = "Mon, 23 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("120", 120),
        ("Mon, 23 Nov 2026 10:02:00 GMT", 120),
        ("Mon, 23 Nov 2026 09:00:00 GMT", 1),
        ("Thu, 23 Nov 2028 10:00:00 GMT", 3600),
        ("99999999999999999999", 3600),
        ("inf", 3600),
        ("nan", 30),
        ("-5", 1),
        ("soon", 30),
        ("Mon, 99 Nov 2026 99:00:00 GMT", 30),
        ("Mon, 01 Jan 0001 00:00:00 +9999", 30),
        ("", 30),
    ],
)
def test_retry_after_is_a_number_a_date_or_nothing(told, seconds):
    answer = Answer(429, {"retry-after": told, "date": SAID}, b"")

    assert wait_told(answer) == seconds


def test_a_date_is_by_our_clock_where_the_provider_says_no_time():
    at = formatdate(time.time() + 100, usegmt=True)

    assert 95 < wait_told(Answer(429, {"retry-after": at}, b"")) <= 100


def test_a_provider_that_says_when_it_is_back_is_left_alone_until_then():
    named = refused(outgoing(), Answer(503, {"retry-after": "90"}, b"maintenance"))
    unnamed = refused(outgoing(), Answer(503, {}, b"oops"))

    assert (named.reason, named.retry_after) == ("rate_limited", 90)
    assert unnamed.reason == "deferred"


def test_a_rate_is_kept_and_a_hiccup_made_up_for(monkeypatch):
    clock, left = Clock(), []
    monkeypatch.setattr(pace, "asyncio", clock)
    kept = pace.Pace(100)

    async def leave():
        for number in range(200):
            assert await kept.turn() == 0
            left.append(clock.now)
            # The machine is busy with something else for a while.
            clock.now += 0.05 if number == 100 else 0.0

    asyncio.run(leave())

    assert left[-1] - left[0] == pytest.approx(1.99)
    assert max(b - a for a, b in itertools.pairwise(left)) < 0.06


def test_who_was_idle_for_long_does_not_make_up_for_it(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pace, "asyncio", clock)
    kept = pace.Pace(100)

    async def leave():
        await kept.turn()
        clock.now += 60
        await kept.turn()
        await kept.turn()

    asyncio.run(leave())

    assert clock.now == pytest.approx(60.01)


@pytest.mark.parametrize(
    "url", ["ftp://shop.example/", "http:///x", "https://user:word@shop.example/", "no address"]
)
def test_what_is_no_web_address_is_refused(requests, provider, url):
    with pytest.raises(Unfit):
        parts_of(url)

    assert send(requests, provider, "http://:0/")[1].reason == "rejected"


def test_a_header_cannot_break_out_of_its_line(requests, provider):
    def write(message):
        return Call(provider.url, (("X-Name", "Ann\r\nX-Evil: yes"),))

    batch = [outgoing(1)]
    (outcome,) = requests.send_many(
        batch, journal=RememberingJournal(), write=write, read=lambda *_: Outcome(1, SENT)
    )

    assert outcome.reason == "rejected"
    assert provider.seen == []


def test_private_addresses_are_not_called_where_strangers_name_them(provider):
    guarded = ManyRequests(guarded_but=(), is_one_place=False)
    journal = RememberingJournal()

    outcomes = send(guarded, provider, "/200", "http://localhost:1/", journal=journal)
    guarded.close()

    assert {outcome.reason for outcome in outcomes.values()} == {"rejected"}
    assert provider.connections == 0


def test_a_batch_that_is_left_early_stops_what_is_on_its_way(provider):
    requests, journal = ManyRequests(in_flight=2), RememberingJournal()
    batch = [outgoing(number) for number in range(1, 5)]

    def write(message):
        path = "/200" if message.message_id == 1 else "/waits"
        return Call(provider.url + path, (), json.dumps({"id": message.message_id}).encode())

    sending = requests.send_many(
        batch, journal=journal, write=write, read=lambda message, _: sent(message, "1")
    )
    first = next(sending)
    sending.close()
    requests.close()

    assert first.message_id == 1
    assert journal.last()[1] == states.HANDING_OVER
    assert 3 not in journal.last()


def test_nothing_is_kept_after_closing(requests, provider):
    send(requests, provider, "/200")

    requests.close()
    requests.close()

    assert send(requests, provider, "/200")[1].state == SENT
    assert http_many.IN_FLIGHT == 200


@pytest.mark.parametrize("fails", ["write", "read"])
def test_a_message_that_cannot_be_written_or_answer_read_stops_no_other(requests, provider, fails):
    def write(message):
        if fails == "write" and message.message_id == 2:
            return Call(provider.url, (), "\ud800".encode())
        return Call(provider.url, (), json.dumps({"id": message.message_id}).encode())

    def read(message, answer):
        if fails == "read" and message.message_id == 2:
            raise AttributeError("'str' object has no attribute 'get'")
        return sent(message, "p")

    batch, journal = [outgoing(number) for number in (1, 2, 3)], RememberingJournal()
    found = list(requests.send_many(batch, journal=journal, write=write, read=read))

    states_of = {one.message_id: (one.state, one.reason) for one in found}
    wrong = ("failed", "rejected") if fails == "write" else ("in_doubt", "unanswered")
    assert states_of == {1: (SENT, ""), 2: wrong, 3: (SENT, "")}
