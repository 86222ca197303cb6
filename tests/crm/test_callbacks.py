"""What providers tell us is proven, kept once, and taken in whatever order it comes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from crm import accounts, callbacks, conversations
from crm.callbacks import processing
from crm.channels import registry
from crm.channels.base import CallbackRefused, ProviderAway
from crm.channels.callbacks import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from crm.channels.sms_http import SmsHttpAdapter
from crm.models import Callback, Customer, Message, ProviderAccount, Suppression
from tests.crm.messages.letters import draft, send

pytestmark = pytest.mark.django_db
SECRET = "shared with the provider"


@pytest.fixture(autouse=True)
def _secret(settings: object) -> None:
    settings.SMS_CALLBACK_SECRET = SECRET  # type: ignore[attr-defined]


def told(data: dict[str, object], now: datetime, provider: str = "email") -> Callback | None:
    """A genuine callback arrives."""
    body = json.dumps(data).encode()
    timestamp = str(int(now.timestamp()))
    headers = {
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: signature(secret=SECRET, timestamp=timestamp, body=body),
        "content-type": "application/json",
        "authorization": "secret",
    }
    return callbacks.store(provider=provider, headers=headers, body=body, url="", now=now)


def sent(ada: Customer, now: datetime, request: pytest.FixtureRequest) -> str:
    """Send Ada a mail by the fake and give its Message-ID."""
    request.getfixturevalue("provider")
    letter = draft(ada)
    send(letter, now=now)
    settings = request.getfixturevalue("settings")
    settings.EMAIL_URL, settings.SMS_URL = "smtp://127.0.0.1:1", "http://127.0.0.1:1/sms"
    return f"{letter.key}@rapport.example"


def test_a_bounce_finds_its_message_by_the_message_id(
    ada: Customer, now: datetime, request: pytest.FixtureRequest
) -> None:
    key = sent(ada, now, request)
    told({"key": key, "id": key, "status": "bounced", "reason": "mailbox_unknown"}, now)

    assert callbacks.process_due(now=now) == 1
    assert callbacks.process_due(now=now) == 0

    message = Message.objects.get()
    assert (message.state, message.reason, message.detail) == (
        "bounced",
        "hard_bounce",
        "mailbox_unknown",
    )
    assert Suppression.objects.count() == 1
    assert Callback.objects.get().state == "processed"


def test_what_a_provider_says_of_a_message_is_kept_without_what_is_unseen(
    ada: Customer, now: datetime, request: pytest.FixtureRequest
) -> None:
    key = sent(ada, now, request)
    told({"key": key, "status": "bounced", "reason": "\x1b[2Jno\x00 such\r\n\u202euser\ud800"}, now)

    callbacks.process_due(now=now)

    assert Message.objects.get().detail == "[2Jno such user\ufffd"


def test_a_full_mailbox_closes_no_address(
    ada: Customer, now: datetime, request: pytest.FixtureRequest
) -> None:
    key = sent(ada, now, request)
    told({"key": key, "status": "bounced", "reason": "mailbox_full"}, now)

    callbacks.process_due(now=now)

    assert Message.objects.get().reason == "soft_bounce"
    assert not Suppression.objects.exists()


def test_a_report_finds_its_message_by_the_providers_id(
    ada: Customer, now: datetime, request: pytest.FixtureRequest
) -> None:
    sent(ada, now, request)
    Message.objects.update(provider="sms_http", provider_message_id="sms_1")
    told({"id": "sms_1", "status": "delivered"}, now, "sms_http")

    callbacks.process_due(now=now)

    assert Message.objects.get().state == "delivered"


def test_a_replayed_callback_is_kept_once(now: datetime) -> None:
    data = {"id": "sms_1", "status": "delivered"}

    assert told(data, now, "sms_http") is not None
    assert told(data, now, "sms_http") is None
    assert Callback.objects.count() == 1
    assert "authorization" not in Callback.objects.get().headers


def test_a_forged_callback_is_refused_and_not_kept(now: datetime) -> None:
    headers = {TIMESTAMP_HEADER: str(int(now.timestamp())), SIGNATURE_HEADER: "v1=00"}

    with pytest.raises(CallbackRefused):
        callbacks.store(provider="sms_http", headers=headers, body=b"{}", url="", now=now)

    assert not Callback.objects.exists()


def test_a_provider_we_do_not_use_is_not_heard(now: datetime) -> None:
    assert callbacks.store(provider="nobody", headers={}, body=b"", url="", now=now) is None


def test_a_report_about_nothing_of_ours_changes_nothing(now: datetime) -> None:
    told({"id": "unheard-of", "status": "delivered"}, now, "sms_http")

    callbacks.process_due(now=now)

    assert Callback.objects.get().state == "processed"


def test_a_callback_that_cannot_be_read_is_shown_as_failed(now: datetime) -> None:
    Callback.objects.create(provider="sms_http", key="1", body=b"no json", received_at=now)

    callbacks.process_due(now=now)

    assert Callback.objects.get().state == "failed"
    assert Callback.objects.get().error


def test_an_inbound_sms_becomes_a_message(now: datetime) -> None:
    data = {"type": "inbound", "id": "in_1", "from": "+441134960777", "to": "+44", "body": "Hi"}
    told(data, datetime.now(UTC), "sms_http")

    callbacks.process_due(now=now)

    message = Message.objects.get()
    assert (message.direction, message.text, message.address) == ("in", "Hi", "+441134960777")


def test_half_a_character_in_a_message_is_no_reason_to_lose_it(now: datetime) -> None:
    data = {"type": "inbound", "id": "in_1", "from": "+441134960777", "body": "Hi \ud83d"}
    told(data, datetime.now(UTC), "sms_http")

    callbacks.process_due(now=now)

    assert Message.objects.get().text == "Hi ?"


def test_one_that_fails_is_tried_three_times_and_holds_nobody_up(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = conversations.receive

    def fail_on_poison(*, inbound: conversations.NewInbound, now: datetime) -> int:
        if inbound.text == "poison":
            raise RuntimeError("boom")
        return receive(inbound=inbound, now=now)

    monkeypatch.setattr(conversations, "receive", fail_on_poison)
    for number, text in enumerate(("poison", "Hi")):
        data = {"type": "inbound", "id": str(number), "from": "+441134960777", "body": text}
        told(data, datetime.now(UTC), "sms_http")

    looked_at = [
        callbacks.process_due(now=now + timedelta(minutes=2 * round_)) for round_ in range(5)
    ]

    assert looked_at == [2, 1, 1, 0, 0]
    assert Message.objects.get().text == "Hi"
    failed = Callback.objects.get(state="failed")
    assert (failed.attempts, failed.error) == (3, "RuntimeError while it was taken in")


@pytest.fixture
def aliyun(now: datetime) -> ProviderAccount:
    """An account of a provider that signs nothing and tells of many messages at once."""
    row = ProviderAccount(
        name="sms-cn", channel="sms", provider="aliyun_sms", created_at=now, options={}
    )
    row.keep_secrets({"access_key_secret": "s", "callback_token": "word"})
    row.save()
    accounts.forget()
    return row


def test_a_callback_to_an_account_settles_the_messages_it_carried(
    aliyun: ProviderAccount, ada: Customer, now: datetime, request: pytest.FixtureRequest
) -> None:
    sent(ada, now, request)
    Message.objects.update(provider="sms-cn", provider_message_id="12345")
    body = json.dumps([{"biz_id": "12345", "success": True, "err_code": "DELIVERED"}]).encode()
    url = "https://rapport.example.com/callbacks/sms-cn/?token=word&more=1"

    kept = callbacks.store(provider="sms-cn", headers={}, body=body, url=url, now=now)
    callbacks.process_due(now=now)

    assert kept is not None
    assert Message.objects.get().state == "delivered"
    # The token proves who calls: it is no part of what is kept.
    assert Callback.objects.get().headers == {"query": "more=1"}
    assert callbacks.answer_to(provider="sms-cn") == {"code": 0, "msg": "OK"}
    assert callbacks.answer_to(provider="nobody") is None


def test_without_the_token_a_callback_to_an_account_is_refused(
    aliyun: ProviderAccount, now: datetime
) -> None:
    with pytest.raises(CallbackRefused):
        callbacks.store(provider="sms-cn", headers={}, body=b"[{}]", url="https://x/", now=now)


def test_reports_that_are_all_address_are_told_apart(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SmsHttpAdapter, "verify_callback", lambda *_: None)

    first, again, other = (
        callbacks.store(
            provider="sms_http", headers={}, body=b"", url=f"https://x/?id={which}", now=now
        )
        for which in "112"
    )

    assert (first is None, again is None, other is None) == (False, True, False)


class FetchedAdapter(SmsHttpAdapter):
    """A provider that must be asked, and that says everything twice."""

    def fetch(self, *, seconds: float, keep: Callable[[bytes], None]) -> None:
        for _ in range(2):
            keep(json.dumps({"id": "12345", "status": "delivered"}).encode())


def test_what_a_provider_has_for_us_is_fetched_once_and_taken_in(
    aliyun: ProviderAccount,
    ada: Customer,
    now: datetime,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent(ada, now, request)
    Message.objects.update(provider="sms-cn", provider_message_id="12345")
    monkeypatch.setattr(registry, "adapter_class", lambda _: FetchedAdapter)

    fetched = callbacks.fetch_all(seconds=0, now=now)
    callbacks.process_due(now=now)

    assert fetched == 2
    assert Callback.objects.count() == 1
    assert Message.objects.get().state == "delivered"


def test_a_provider_that_is_away_is_no_reason_to_fail(
    aliyun: ProviderAccount, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise ProviderAway("Nobody answers there.")

    monkeypatch.setattr(FetchedAdapter, "fetch", away)
    monkeypatch.setattr(registry, "adapter_class", lambda _: FetchedAdapter)

    assert callbacks.fetch_all(seconds=0, now=now) == 0


def test_large_callbacks_are_taken_in_a_few_at_a_time(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        told({"key": f"k{number}", "status": "delivered", "more": "x" * 400}, now)
    monkeypatch.setattr(processing, "_BATCH_BYTES", 1_000)

    looked_at = [callbacks.process_due(now=now) for _ in range(4)]

    assert looked_at == [2, 2, 1, 0]
    assert set(Callback.objects.values_list("state", flat=True)) == {"processed"}
