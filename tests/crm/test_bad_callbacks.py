"""A callback that nobody could have written holds up no other one, and loses nothing beside it."""

import json
from datetime import datetime, timedelta

import pytest

from crm import accounts, callbacks
from crm.channels.base import CallbackRefused
from crm.models import Callback, Customer, Message, ProviderAccount
from tests.crm.test_callbacks import SECRET, sent, told

pytestmark = pytest.mark.django_db
DEEP = "[" * 100_000 + "]" * 100_000


@pytest.fixture
def aliyun(now: datetime) -> ProviderAccount:
    """An account of a provider that tells of many messages at once."""
    return account("aliyun_sms", now, access_key_secret="s", callback_token="word")


def account(provider: str, now: datetime, **secrets: str) -> ProviderAccount:
    """An account of a provider, called like it."""
    row = ProviderAccount(
        name=provider, channel="sms", provider=provider, created_at=now, options={}
    )
    row.keep_secrets(secrets)
    row.save()
    accounts.forget()
    return row


@pytest.fixture(autouse=True)
def _secret(settings: object) -> None:
    settings.SMS_CALLBACK_SECRET = SECRET  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "odd",
    [
        {"id": "\ud800"},
        {"key": "\ud800"},
        {"key": "a\x00b"},
        {"occurred_at": "0001-01-01T00:00:00+14:00"},
        {"occurred_at": "9999-12-31T23:59:59-14:00"},
    ],
    ids=["half an id", "half a key", "NUL", "before all time", "after all time"],
)
def test_what_no_database_can_keep_holds_up_no_other_news(
    odd: dict[str, object], ada: Customer, now: datetime, request: pytest.FixtureRequest
) -> None:
    key = sent(ada, now, request)
    told({"key": key, "id": "1", "status": "delivered"} | odd, now)
    told({"key": key, "id": "2", "status": "bounced", "reason": "mailbox_unknown"}, now)

    callbacks.process_due(now=now)

    assert Message.objects.get().state == "bounced"
    assert {one.state for one in Callback.objects.all()} == {"processed"}


def test_news_that_nobody_can_read_are_shown_as_failed_and_the_others_are_read(
    ada: Customer, now: datetime, request: pytest.FixtureRequest
) -> None:
    key = sent(ada, now, request)
    Callback.objects.create(
        provider="email", key="deep", body=DEEP.encode(), received_at=now - timedelta(minutes=1)
    )
    told({"key": key, "status": "delivered"}, now)

    callbacks.process_due(now=now)

    assert Message.objects.get().state == "delivered"
    assert Callback.objects.get(key="deep").error == "The callback is not JSON."


def test_news_that_cannot_be_heeded_are_put_off_alone(
    ada: Customer, now: datetime, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = sent(ada, now, request)
    told({"key": "poison", "status": "delivered"}, now)
    told({"key": key, "status": "delivered"}, now)
    message_ids = callbacks.processing.message_ids

    def fail_on_poison(*, news: list[tuple[str, object]]) -> object:
        if any(one.key == "poison" for _, one in news):  # type: ignore[attr-defined]
            raise RuntimeError("boom")
        return message_ids(news=news)  # type: ignore[arg-type]

    monkeypatch.setattr(callbacks.processing, "message_ids", fail_on_poison)
    for round_ in range(4):
        callbacks.process_due(now=now + timedelta(minutes=2 * round_))

    assert Message.objects.get().state == "delivered"
    failed = Callback.objects.get(state="failed")
    assert (failed.attempts, failed.error) == (3, "RuntimeError while it was taken in")


def test_nothing_happens_later_than_we_heard_of_it(
    ada: Customer, now: datetime, request: pytest.FixtureRequest
) -> None:
    key = sent(ada, now, request)
    told({"key": key, "status": "delivered", "occurred_at": "2099-01-01T00:00:00Z"}, now)

    callbacks.process_due(now=now)

    assert Message.objects.get().delivered_at == now


def test_one_bad_entry_of_a_batch_loses_no_other(
    aliyun: ProviderAccount, ada: Customer, now: datetime, request: pytest.FixtureRequest
) -> None:
    sent(ada, now, request)
    Message.objects.update(provider=aliyun.name, provider_message_id="9")
    body = json.dumps([None, {"biz_id": "9", "success": True}, "?"]).encode()
    url = "https://rapport.example/callbacks/aliyun_sms/?token=word"

    callbacks.store(provider=aliyun.name, headers={}, body=body, url=url, now=now)
    callbacks.process_due(now=now)

    assert Message.objects.get().state == "delivered"


@pytest.mark.parametrize("provider", ["mailgun", "amazon_ses", "unisender_go"])
@pytest.mark.parametrize(
    "body",
    [DEEP, '{"signature": {"timestamp": "\\ud800"}, "auth": "\\ud800"}'],
    ids=["deep", "half"],
)
def test_what_cannot_be_read_is_refused_before_it_is_proven(
    provider: str, body: str, now: datetime
) -> None:
    account(provider, now, webhook_signing_key="s", api_key="s")

    with pytest.raises(CallbackRefused):
        callbacks.store(provider=provider, headers={}, body=body.encode(), url="", now=now)

    assert not Callback.objects.exists()
