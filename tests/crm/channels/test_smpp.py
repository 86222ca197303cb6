"""SMS over SMPP: parts that join, receipts that are kept before they are acknowledged."""

import builtins
from dataclasses import replace

import pytest

from benchmarks.loops import ThreadLoop
from crm.channels import journal as states
from crm.channels import segments, smpp
from crm.channels.base import Account, CallbackNews, CallbackRefused, CallbackRequest, Inbound
from crm.channels.smpp import SmppAdapter
from crm.channels.smpp_session import LibraryMissing
from crm.simulator.smsc import SmsCentre
from tests.contracts import NOW, RememberingJournal, SendingContract, outgoing

pytest.importorskip("aiosmpplib")
THROTTLED, FAULT = 0x58, 0x08
LONG = "Grüße {nr} [€] " * 20
CHINESE = "你好，世界😀" * 30


class Kept:
    """The store of the centre."""

    def __init__(self):
        self.caught = []

    async def keep(self, caught):
        self.caught.append(caught)


@pytest.fixture
def centre():
    store = Kept()
    centre = SmsCentre(store=store, password="simulate")
    with ThreadLoop() as loop:
        centre.url = f"smpp://127.0.0.1:{loop.serve(centre.serve)}"
        centre.caught = store.caught
        yield centre


@pytest.fixture
def account(centre):
    return Account(
        "smpp",
        centre.url,
        options=(("system_id", "shop"), ("window", "3")),
        secrets=(("password", "simulate"),),
        guarded_but=("127.0.0.1",),
    )


@pytest.fixture
def adapter(account):
    adapter = SmppAdapter(account)
    yield adapter
    adapter.close()


class TestSmppAdapterKeepsTheContract(SendingContract):
    @pytest.fixture
    def adapter(self, adapter):
        return adapter

    @pytest.fixture
    def batch(self):
        endings = ("0100", "0003", "0004", "0001", "0101", "0102", "0103")
        return [outgoing(n, f"+44113496{end}") for n, end in enumerate(endings, 1)]


def send(adapter, ending="0100", journal=None, **changes):
    message = outgoing(1, f"+44113496{ending}", sender="+441134960000", **changes)
    (outcome,) = adapter.send_many([message], journal=journal or RememberingJournal())
    return outcome


def fetched(adapter):
    kept = []
    adapter.fetch(seconds=0.1, keep=kept.append)
    read = [adapter.read_callback(CallbackRequest({}, body, "", NOW)) for body in kept]
    return [one for (one,) in read]


@pytest.mark.parametrize("joining", ["udh", "sar", "payload"])
@pytest.mark.parametrize("text", ["Hello", CHINESE])
def test_a_text_arrives_whole_however_long_it_is(account, centre, joining, text):
    adapter = SmppAdapter(replace(account, options=(*account.options, ("joining", joining))))

    outcome = send(adapter, text=text)
    adapter.close()

    (caught,) = centre.caught
    assert (outcome.state, outcome.provider_message_id) == ("sent", caught.provider_message_id)
    assert caught.raw.decode() == text
    parts = 1 if joining == "payload" else segments.measure(text).segments
    assert len(centre.submitted) == parts
    assert [one.wants_receipt for one in centre.submitted] == [False] * (parts - 1) + [True]


def test_no_part_is_longer_than_an_sms(adapter, centre):
    send(adapter, text=LONG)

    assert len(centre.submitted) == segments.measure(LONG).segments
    assert all(len(one.body) <= 153 for one in centre.submitted)
    assert sum(len(one.body) for one in centre.submitted) == segments.measure(LONG).units
    assert {one.coding for one in centre.submitted} == {0}


@pytest.mark.parametrize(
    ("ending", "reason"), [("0003", "invalid_address"), ("0004", "rate_limited")]
)
def test_a_refusal_is_told_in_our_words(adapter, ending, reason):
    assert send(adapter, ending).reason == reason


@pytest.mark.parametrize(("ending", "kind"), [("0100", "delivered"), ("0001", "failed")])
def test_a_receipt_waits_for_who_binds_and_finds_its_message(adapter, ending, kind):
    outcome = send(adapter, ending)

    (news,) = fetched(adapter)

    assert isinstance(news, CallbackNews)
    assert (news.kind, news.provider_message_id) == (kind, outcome.provider_message_id)
    assert fetched(adapter) == []


def test_what_could_not_be_kept_is_delivered_again(adapter):
    send(adapter)

    def fail(_):
        raise OSError("no room")

    adapter.fetch(seconds=0.1, keep=fail)

    assert len(fetched(adapter)) == 1


def test_an_answer_of_a_person_is_read(adapter, centre):
    centre.say("+447700900123", "+441134960000", "Ja, 好!")

    (inbound,) = fetched(adapter)

    assert isinstance(inbound, Inbound)
    assert (inbound.sender, inbound.body) == ("+447700900123", "Ja, 好!")


def test_a_wrong_password_is_told_from_a_server_that_is_away(account):
    wrong = SmppAdapter(replace(account, secrets=(("password", "wrong"),)))
    away = SmppAdapter(replace(account, url="smpp://127.0.0.1:1"))
    journal = RememberingJournal()

    refused, unreached = send(wrong), send(away, journal=journal)

    assert (refused.reason, unreached.reason) == ("unauthorized", "unreachable")
    assert journal.last() == {0: states.PUT_OFF}
    assert "ESME_RINVPASWD" in wrong.check()
    assert away.check()
    wrong.close()
    away.close()


def test_an_account_can_be_checked(adapter):
    assert adapter.check() == ""


def test_a_connection_cut_before_the_answer_leaves_doubt(adapter, centre, monkeypatch):
    async def cut(_):
        raise ConnectionError

    monkeypatch.setattr(centre, "_take", cut)
    journal = RememberingJournal()

    outcome = send(adapter, journal=journal)

    assert (outcome.state, outcome.reason) == ("in_doubt", "unanswered")
    assert journal.last() == {0: states.HANDED_OVER}


def test_nothing_of_smpp_comes_by_http(adapter):
    with pytest.raises(CallbackRefused):
        adapter.verify_callback(CallbackRequest({}, b"{}", "", NOW))


def test_without_the_library_the_account_says_what_to_install(account, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name.startswith("aiosmpplib"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(LibraryMissing, match="pip install"):
        SmppAdapter(account)


def test_a_text_that_has_begun_to_leave_is_ended_after_the_pause_wanted(
    adapter, centre, monkeypatch
):
    monkeypatch.setattr(smpp, "_PAUSE", 0.01)
    take, seen = centre._take, []

    async def throttled_once(one):
        seen.append(one.place[2])
        return (THROTTLED, b"") if seen == [1, 2] else await take(one)

    monkeypatch.setattr(centre, "_take", throttled_once)

    outcome = send(adapter, text=LONG)

    assert (outcome.state, seen[:4]) == ("sent", [1, 2, 2, 3])
    assert len(centre.caught) == 1


def test_a_text_of_which_a_part_is_refused_is_in_doubt_and_not_sent_anew(
    adapter, centre, monkeypatch
):
    take = centre._take

    async def first_alone(one):
        return await take(one) if one.place[2] == 1 else (FAULT, b"")

    monkeypatch.setattr(centre, "_take", first_alone)

    outcome = send(adapter, text=LONG)

    assert (outcome.state, outcome.retry_after) == ("in_doubt", None)
    assert "after 1 of" in outcome.detail


def test_what_was_not_submitted_when_the_server_left_is_put_off(account, centre, monkeypatch):
    async def leaves(_):
        raise ConnectionError

    monkeypatch.setattr(centre, "_take", leaves)
    adapter = SmppAdapter(replace(account, options=(("system_id", "shop"), ("window", "1"))))
    journal = RememberingJournal()
    batch = [outgoing(n, "+441134960100", sender="SHOP") for n in range(1, 5)]

    found = list(adapter.send_many(batch, journal=journal))
    adapter.close()

    assert [one.reason for one in found] == ["unanswered", *["unreachable"] * 3]
    assert [journal.last()[n] for n in range(4)] == [states.HANDED_OVER, *[states.PUT_OFF] * 3]


def test_a_sender_that_smpp_cannot_say_stops_no_other_message(adapter):
    batch = [outgoing(n, "+441134960100", sender=one) for n, one in ((1, "Café"), (2, "SHOP"))]

    found = {one.message_id: one for one in adapter.send_many(batch, journal=RememberingJournal())}

    assert (found[1].reason, found[2].state) == ("rejected", "sent")
    assert "Café" in found[1].detail
