"""What every adapter must keep, as tests that each adapter's own tests inherit."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from crm.channels.base import (
    FAILED,
    IN_DOUBT,
    NEWS_KINDS,
    REASONS,
    RETRYABLE_REASONS,
    SENT,
    Adapter,
    CallbackNews,
    CallbackRefused,
    CallbackRequest,
    Outcome,
    Outgoing,
)
from crm.channels.callbacks import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = "callback-secret"
CALLBACK_URL = "https://shop.example/callbacks/mine/"
# What a text must survive on its way: quotes, braces, other scripts, what URLs and forms escape.
HARD_TEXT = "Grüße “ja” 'no' \"yes\" & 50 % = 1+1 {to} 你好 😀\nhttps://shop.example/?a=1&b=ü"


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
