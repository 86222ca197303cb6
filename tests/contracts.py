"""What every adapter must keep, as tests that each adapter's own tests inherit."""

import importlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from crm.channels.base import (
    FAILED,
    IN_DOUBT,
    NEWS_KINDS,
    REASONS,
    RETRYABLE_REASONS,
    SENT,
    Account,
    Adapter,
    CallbackNews,
    CallbackRefused,
    CallbackRequest,
    Checks,
    Inbound,
    LooksUp,
    Outcome,
    Outgoing,
    ProviderAway,
)
from crm.channels.callbacks import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from crm.channels.http_wire import Answer

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = "callback-secret"


class RememberingJournal:
    """A journal that keeps every mark, for tests to read."""

    def __init__(self) -> None:
        self.marks: list[tuple[int, int]] = []

    def mark(self, index: int, state: int) -> None:
        self.marks.append((index, state))

    def last(self) -> dict[int, int]:
        return dict(self.marks)


class StoppingJournal(RememberingJournal):
    """One that lets the first messages begin, and no other."""

    def __init__(self, *, after: int) -> None:
        super().__init__()
        self.after = after

    def may_begin(self, index: int) -> bool:
        return index < self.after


def outgoing(
    message_id: int = 1, recipient: str = "ann@example.com", **changes: object
) -> Outgoing:
    """A mail with every field filled in."""
    fields: dict[str, object] = {
        "message_id": message_id,
        "key": f"key-{message_id}",
        "sender": "Shop <shop@rapport.example>",
        "recipient": recipient,
        "subject": "Hello",
        "html": "<p>Hello</p>",
        "text": "Hello",
    }
    return Outgoing(**(fields | changes))  # type: ignore[arg-type]


def signed_callback(
    data: Mapping[str, object], *, secret: str = SECRET, at: datetime = NOW
) -> CallbackRequest:
    """A callback in our own signed format."""
    body, timestamp = json.dumps(data).encode(), str(int(at.timestamp()))
    proof = signature(secret=secret, timestamp=timestamp, body=body)
    headers = {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: proof}
    return CallbackRequest(headers, body, "https://shop.example/callbacks/x/", NOW)


class SendingContract:
    """Inherit it, give an `adapter` and a `batch` fixture, and the promises are tested."""

    @pytest.fixture
    def adapter(self) -> Adapter:
        raise NotImplementedError

    @pytest.fixture
    def batch(self) -> list[Outgoing]:
        return [outgoing(number) for number in range(1, 8)]

    def test_every_message_has_exactly_one_outcome(self, adapter, batch):
        outcomes = list(adapter.send_many(batch, journal=RememberingJournal()))

        assert sorted(one.message_id for one in outcomes) == [one.message_id for one in batch]

    def test_outcomes_speak_our_words(self, adapter, batch):
        outcomes = list(adapter.send_many(batch, journal=RememberingJournal()))

        assert all(_is_well_worded(outcome) for outcome in outcomes)

    def test_the_journal_says_how_far_each_message_went(self, adapter, batch):
        journal = RememberingJournal()

        list(adapter.send_many(batch, journal=journal))

        assert set(journal.last()) == set(range(len(batch)))

    def test_what_must_not_begin_is_passed_over(self, adapter, batch):
        journal = StoppingJournal(after=2)

        outcomes = list(adapter.send_many(batch, journal=journal))

        assert sorted(one.message_id for one in outcomes) == [1, 2]
        assert set(journal.last()) == {0, 1}

    def test_an_empty_batch_is_no_work(self, adapter):
        assert list(adapter.send_many([], journal=RememberingJournal())) == []

    def test_an_adapter_can_be_closed_twice(self, adapter):
        adapter.close()
        adapter.close()


class SignedCallbackContract:
    """For adapters that take our own signed JSON callbacks."""

    def test_a_signed_callback_is_accepted(self, adapter):
        adapter.verify_callback(signed_callback({"id": "1"}))

    def test_an_unsigned_callback_is_refused(self, adapter):
        request = CallbackRequest({}, b"{}", "https://shop.example/", NOW)

        with pytest.raises(CallbackRefused):
            adapter.verify_callback(request)

    def test_a_callback_signed_with_another_secret_is_refused(self, adapter):
        with pytest.raises(CallbackRefused):
            adapter.verify_callback(signed_callback({"id": "1"}, secret="other"))

    def test_an_old_callback_is_refused(self, adapter):
        with pytest.raises(CallbackRefused):
            adapter.verify_callback(signed_callback({}, at=NOW - timedelta(minutes=6)))

    def test_a_changed_body_is_refused(self, adapter):
        genuine = signed_callback({"status": "delivered"})
        forged = CallbackRequest(genuine.headers, b'{"status":"bounced"}', genuine.url, NOW)

        with pytest.raises(CallbackRefused):
            adapter.verify_callback(forged)

    def test_a_word_we_do_not_know_becomes_unknown(self, adapter):
        (news,) = adapter.read_callback(signed_callback({"id": "1", "status": "teleported"}))

        assert isinstance(news, CallbackNews)
        assert news.kind == "unknown"
        assert news.raw["status"] == "teleported"

    def test_every_word_of_the_provider_means_one_of_ours(self, adapter):
        words = __import__(type(adapter).__module__, fromlist=["WORDS"]).WORDS

        assert set(words.values()) <= NEWS_KINDS

    @pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"null"])
    def test_what_cannot_be_read_is_refused(self, adapter, body):
        with pytest.raises(CallbackRefused):
            adapter.read_callback(CallbackRequest({}, body, "https://shop.example/", NOW))


def _is_well_worded(outcome: Outcome) -> bool:
    if outcome.state == SENT:
        return outcome.reason == "" and bool(outcome.provider_message_id)
    if outcome.state == IN_DOUBT:
        return outcome.reason in REASONS
    may_retry = outcome.reason in RETRYABLE_REASONS
    return (
        outcome.state == FAILED
        and outcome.reason in REASONS
        and (outcome.retry_after is not None) == may_retry
    )


CALLBACK_URL = "https://shop.example/callbacks/mine/"
# What a text must survive on its way: quotes, braces, other scripts, what URLs and forms escape.
HARD_TEXT = "Grüße “ja” 'no' \"yes\" & 50 % = 1+1 {to} 你好 😀\nhttps://shop.example/?a=1&b=ü"


class VendorContract(SendingContract):
    """For adapters of providers that the simulator plays: give `adapter_class` and the rest."""

    adapter_class: Any
    vendor: str
    path = ""
    options: Mapping[str, str] = {}
    secrets: Mapping[str, str] = {}
    # How a number that is none is refused, and whether the provider signs what is in a callback.
    refusal = "invalid_address"
    is_content_signed = True
    recipient, person = "+44113496", "+447700900123"

    @pytest.fixture
    def account(self, simulator):
        return Account(
            self.vendor,
            f"{simulator.url}/{self.vendor}{self.path}",
            callback_url=CALLBACK_URL,
            callback_secret=SECRET,
            name="mine",
            options=tuple(self.options.items()),
            secrets=tuple(self.secrets.items()),
        )

    @pytest.fixture
    def adapter(self, account):
        adapter = self.adapter_class(account)
        yield adapter
        adapter.close()

    @pytest.fixture
    def batch(self):
        return [outgoing(n, f"{self.recipient}010{n}") for n in range(1, 8)]

    def sent(self, adapter, ending="0100", **changes):
        message = outgoing(1, f"{self.recipient}{ending}", sender="+441134960000", **changes)
        (outcome,) = adapter.send_many([message], journal=RememberingJournal())
        return outcome

    def test_a_message_is_taken_with_its_text_and_has_the_providers_id(self, adapter, simulator):
        outcome = self.sent(adapter, text=HARD_TEXT)

        (caught,) = simulator.caught
        assert (outcome.state, outcome.detail) == (SENT, "")
        assert outcome.provider_message_id == caught.provider_message_id
        assert json.loads(caught.raw)["body"] == HARD_TEXT
        assert caught.recipient.lstrip("+") in f"{self.recipient}0100"

    def test_a_number_that_is_none_is_refused_in_our_words(self, adapter):
        outcome = self.sent(adapter, "0003")

        assert (outcome.state, outcome.reason, outcome.retry_after) == (FAILED, self.refusal, None)

    def test_one_request_too_many_is_put_off(self, adapter):
        outcome = self.sent(adapter, "0004")

        assert (outcome.state, outcome.reason) == (FAILED, "rate_limited")
        assert 1 <= outcome.retry_after <= 2

    @pytest.mark.parametrize("status", [500, 502, 504])
    def test_a_provider_that_breaks_down_may_have_taken_the_message(self, adapter, status):
        outcome = adapter.understand(outgoing(1), Answer(status, {}, b"<html>oops"))

        assert (outcome.state, outcome.reason) == (IN_DOUBT, "unanswered")

    def test_wrong_credentials_are_told_from_everything_else(self, account):
        wrong = {name: "wrong" for name in self.secrets if name != "private_key"}
        adapter = self.adapter_class(replace(account, secrets=tuple(wrong.items())))

        outcome = self.sent(adapter)
        adapter.close()

        assert (outcome.state, outcome.reason) == (FAILED, "unauthorized")

    def test_an_account_can_be_checked(self, adapter, account):
        if not isinstance(adapter, Checks):
            return  # the provider has nothing that is free to ask
        wrong = {name: "wrong" for name in self.secrets if name != "private_key"}

        assert adapter.check() == ""
        assert self.adapter_class(replace(account, secrets=tuple(wrong.items()))).check()

    @pytest.mark.parametrize(("ending", "kind"), [("0100", "delivered"), ("0001", "failed")])
    def test_a_report_is_proven_and_finds_its_message(self, adapter, simulator, ending, kind):
        outcome = self.sent(adapter, ending)
        request = simulator.callback()

        adapter.verify_callback(request)
        (news,) = adapter.read_callback(request)

        assert isinstance(news, CallbackNews)
        assert (news.kind, news.provider_message_id) == (kind, outcome.provider_message_id)
        assert news.key == "key-1"
        assert not (news.reason and kind == "delivered")
        assert abs(news.occurred_at - request.received_at) < timedelta(minutes=1)
        assert json.dumps(dict(news.raw))

    def test_an_answer_of_a_person_is_proven_and_read(self, adapter, simulator):
        self.asked(simulator, {"from": self.person, "to": "+441134960000", "body": HARD_TEXT})
        request = simulator.callback()

        adapter.verify_callback(request)
        (inbound,) = adapter.read_callback(request)

        assert isinstance(inbound, Inbound)
        assert (inbound.channel, inbound.sender) == ("sms", self.person)
        assert (inbound.body, bool(inbound.provider_message_id)) == (HARD_TEXT, True)

    def asked(self, simulator, data):
        httpx.post(
            f"{simulator.url}/{self.vendor}/inbound",
            json=data,
            headers={"Authorization": "Bearer simulator"},
            trust_env=False,
        ).raise_for_status()

    def test_a_callback_of_somebody_else_is_refused(self, adapter, account, simulator):
        self.sent(adapter)
        request = simulator.callback()
        others = dict.fromkeys(self.secrets, "other")
        stranger = self.adapter_class(
            replace(account, callback_secret="other", secrets=tuple(others.items()))
        )
        nobody = self.adapter_class(replace(account, callback_secret="", secrets=()))
        bare = CallbackRequest({}, request.body, CALLBACK_URL, request.received_at)

        for adapter_, asked in ((stranger, request), (nobody, request), (adapter, bare)):
            with pytest.raises(CallbackRefused):
                adapter_.verify_callback(asked)

    def test_a_changed_callback_is_refused(self, adapter, simulator):
        if not self.is_content_signed:
            assert "callback_token" in {field.name for field in self.adapter_class.fields}
            return  # the provider signs nothing; its callbacks carry a token
        self.sent(adapter)
        request = simulator.callback()
        changed = replace(request, body=request.body + b"&x=1", url=request.url + "&x=1")

        with pytest.raises(CallbackRefused):
            adapter.verify_callback(changed)

    @pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"null", b"[1]"])
    def test_what_cannot_be_read_is_refused(self, adapter, body):
        with pytest.raises(CallbackRefused):
            adapter.read_callback(CallbackRequest({}, body, CALLBACK_URL, NOW))

    def test_a_slash_at_the_end_of_an_address_makes_no_difference(self, account):
        plain, slashed = account, replace(account, url=f"{account.url}/")
        made = [self.adapter_class(one) for one in (plain, slashed)]
        if not made[0].usual_address():
            return  # the address is one that staff write down whole
        calls = [one.write(outgoing(1, f"{self.recipient}0100")) for one in made]

        assert calls[0].url.partition("?")[0] == calls[1].url.partition("?")[0]
        assert "//" not in calls[1].url.partition("://")[2].partition("?")[0]

    def test_a_doubt_is_asked_for_or_staff_are_told_why_not(self, adapter):
        told = getattr(adapter, "unasked", "")

        assert isinstance(adapter, LooksUp) or told

    def test_a_message_in_doubt_can_be_asked_for(self, adapter):
        if not isinstance(adapter, LooksUp):
            return  # the provider has no search by anything of ours
        keys, number = (f"doubt-{self.vendor}", f"lost-{self.vendor}"), f"{self.recipient}0107"
        outcome = self.sent(adapter, "0107", key=keys[0])
        now = datetime.now(UTC)
        asked = [outgoing(n, number, key=key, between=(now, now)) for n, key in enumerate(keys)]

        (news,) = adapter.look_up(asked)

        assert (news.key, news.kind in {"sent", "delivered"}) == (keys[0], True)
        assert news.provider_message_id in {outcome.provider_message_id, ""}
        assert adapter.look_up(asked[1:]) == []

    def test_who_cannot_be_asked_is_away(self, account):
        if not hasattr(self.adapter_class, "look_up"):
            return  # the provider has no search by anything of ours
        gone = self.adapter_class(replace(account, url="http://127.0.0.1:9"))

        with pytest.raises(ProviderAway):
            gone.look_up([outgoing(1, f"{self.recipient}0100")])

    def test_every_word_of_the_provider_means_one_of_ours(self):
        words = importlib.import_module(self.adapter_class.__module__).WORDS

        assert words
        assert set(words.values()) <= NEWS_KINDS

    def test_staff_are_asked_for_what_is_needed(self):
        fields = {field.name: field for field in self.adapter_class.fields}

        assert self.adapter_class.label
        assert set(self.options) | set(self.secrets) <= set(fields)
        assert {name for name, one in fields.items() if one.is_secret} >= set(self.secrets)
        assert all(field.label for field in fields.values())
