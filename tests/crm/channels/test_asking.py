"""What providers say of messages in doubt, and what is believed of it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from crm.channels import asking
from crm.channels.aliyun_sms import AliyunSmsAdapter
from crm.channels.base import Account, CallbackNews, ProviderAway
from crm.channels.mailers.brevo import BrevoAdapter
from crm.channels.mailers.mailersend import MailerSendAdapter
from crm.channels.mailers.mailgun import MailgunAdapter
from crm.channels.mailers.mailjet import MailjetAdapter
from crm.channels.mailers.mailtrap import MailtrapAdapter
from crm.channels.mailers.sendgrid import SendGridAdapter
from crm.channels.messagebird import MessageBirdAdapter
from crm.channels.registry import PROVIDERS, adapter_class
from crm.channels.sinch import SinchAdapter
from tests.contracts import NOW, outgoing

KEY = {"rapport_key": "key-1"}
ANN = "ann@example.com"
Answer = Callable[[httpx.Request], object]
Asked = Callable[..., tuple[list[CallbackNews], list[httpx.Request]]]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Look up one message at a provider that answers as it is told; gives the requests too."""

    def look_up(
        adapter: Any, answer: Answer, recipient: str = ANN, **facts: object
    ) -> tuple[list[CallbackNews], list[httpx.Request]]:
        requests: list[httpx.Request] = []

        def handle(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            return httpx.Response(200, json=answer(request))

        transport = httpx.MockTransport(handle)
        monkeypatch.setattr(asking, "provider_client", lambda _: httpx.Client(transport=transport))
        message = outgoing(1, recipient, **facts)
        return adapter(Account("x")).look_up([message]), requests

    return look_up


def query(request: httpx.Request) -> dict[str, list[str]]:
    return parse_qs(request.url.query.decode())


def kinds(found: list[CallbackNews]) -> list[tuple[str, str]]:
    return [(one.kind, one.reason) for one in found]


@pytest.mark.parametrize("provider", sorted(set(PROVIDERS) - {"memory"}))
def test_of_every_provider_it_is_known_whether_and_why_it_cannot_be_asked(provider: str) -> None:
    adapter: Any = adapter_class(provider)

    assert hasattr(adapter, "look_up") or adapter.unasked.endswith(".")


def test_a_search_that_the_provider_refuses_keeps_no_other_message_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if b"odd" in request.url.query:
            return httpx.Response(400, json={"message": "Invalid email"})
        return httpx.Response(200, json={"events": [{"event": "delivered", "tag": "key-2"}]})

    client = httpx.Client(transport=httpx.MockTransport(answer))
    monkeypatch.setattr(asking, "provider_client", lambda _: client)
    asked = [outgoing(1, "odd@example.com"), outgoing(2)]

    found = BrevoAdapter(Account("x")).look_up(asked)

    assert [one.key for one in found] == ["key-2"]


def test_a_key_that_may_not_read_is_told_without_the_address_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handle = httpx.MockTransport(lambda _: httpx.Response(403))
    monkeypatch.setattr(asking, "provider_client", lambda _: httpx.Client(transport=handle))

    with pytest.raises(ProviderAway, match="answers 403") as caught:
        BrevoAdapter(Account("x")).look_up([outgoing(1)])

    assert "ann" not in str(caught.value)


# --- SendGrid -----------------------------------------------------------------------------------


def logged(request: httpx.Request, **mail: object) -> object:
    if request.method == "POST":
        return {"messages": [{"sg_message_id": "other.1"}, {"sg_message_id": "ours.recvd-1"}]}
    is_ours = request.url.path.endswith("/ours.recvd-1")
    return mail | {"custom_args": KEY if is_ours else {}, "sg_message_id": "ours.recvd-1"}


def test_sendgrid_tells_by_its_events_what_became_of_the_mail_with_our_key(ask: Asked) -> None:
    bounced = {
        "event": "bounce",
        "type": "bounce",
        "status": "5.1.1",
        "sg_message_id": "ours.recvd-1",
        "timestamp": int(NOW.timestamp()),
    }

    found, requests = ask(
        SendGridAdapter, lambda one: logged(one, events=[bounced]), between=(NOW, NOW)
    )

    assert kinds(found) == [("bounced", "hard_bounce")]
    assert (found[0].key, found[0].provider_message_id) == ("key-1", "ours")
    wanted = json.loads(requests[0].content)["query"]
    assert wanted.startswith(f"to_email = '{ANN}' AND ")
    assert wanted.endswith('> TIMESTAMP "2026-11-22T11:00:00Z"')


def test_a_mail_that_sendgrid_has_without_any_event_yet_is_sent(ask: Asked) -> None:
    found, _requests = ask(SendGridAdapter, logged)

    assert kinds(found) == [("sent", "")]


def test_an_address_that_would_end_the_search_of_sendgrid_is_not_asked_for(ask: Asked) -> None:
    assert ask(SendGridAdapter, logged, "o'neil@example.com") == ([], [])


# --- Brevo --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "kind", "reason"),
    [
        ("requests", "sent", ""),
        ("delivered", "delivered", ""),
        ("hardBounces", "bounced", "hard_bounce"),
        ("softBounces", "bounced", "soft_bounce"),
        ("bounces", "sent", ""),
        ("blocked", "failed", "rejected"),
        ("loadedByProxy", "opened", ""),
        ("unsubscribed", "unsubscribed", ""),
    ],
)
def test_what_reports_of_brevo_say_in_our_words(
    ask: Asked, event: str, kind: str, reason: str
) -> None:
    told = {"email": ANN, "event": event, "date": "2026-11-22T12:00:00Z", "messageId": "<1@b>"}

    found, requests = ask(BrevoAdapter, lambda _: {"events": [told | {"tag": "key-1"}]})

    assert kinds(found) == [(kind, reason)]
    assert (found[0].occurred_at, found[0].provider_message_id) == (NOW, "<1@b>")
    assert query(requests[0])["email"] == [ANN]


def test_of_brevo_only_the_whole_key_among_the_tags_counts(ask: Asked) -> None:
    tags = ('["key-1"]', '["key-12"]', "key-12", "[key-1]", "", None)
    events = [{"event": "delivered", "tag": tag} for tag in tags]

    found, _requests = ask(BrevoAdapter, lambda _: {"events": events})

    assert [one.raw["tag"] for one in found] == ['["key-1"]']


# --- Mailtrap -----------------------------------------------------------------------------------


def log(request: httpx.Request, **mail: object) -> object:
    told = {"message_id": "m-1", "to": ANN, "custom_variables": KEY} | mail
    if request.url.path.endswith("/m-1"):
        return told
    return {"messages": [{"message_id": "m-0", "custom_variables": {}}, told]}


def test_mailtrap_tells_the_class_of_a_bounce_in_its_log(ask: Asked) -> None:
    details = {"email_service_provider_status": "5.2.2", "bounce_category": "mailbox_full"}
    event = {"event_type": "bounce", "created_at": "2026-11-22T12:00:00Z", "details": details}

    found, requests = ask(
        MailtrapAdapter,
        lambda one: log(one, events=[{"event_type": "soft_bounce"}, event]),
        between=(NOW, NOW),
    )

    assert kinds(found) == [("deferred", ""), ("bounced", "soft_bounce")]
    assert {one.provider_message_id for one in found} == {"m-1"}
    assert query(requests[0])["filters[to][value]"] == [ANN]
    assert query(requests[0])["filters[sent_after]"] == ["2026-11-22T11:00:00Z"]


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [("enqueued", "sent", ""), ("not_delivered", "sent", ""), ("opted_out", "failed", "rejected")],
)
def test_a_mail_in_mailtraps_log_without_events_was_taken_or_turned_down(
    ask: Asked, status: str, kind: str, reason: str
) -> None:
    found, _requests = ask(MailtrapAdapter, lambda one: log(one, status=status))

    assert kinds(found) == [(kind, reason)]


# --- MailerSend ---------------------------------------------------------------------------------


def activities(request: httpx.Request) -> object:
    if request.url.path == "/v1/domains":
        return {"data": [{"id": "d1", "name": "rapport.example"}]}
    ours = {"type": "sent", "email": {"tags": ["key:key-1"], "recipient": {"email": ANN}}}
    others = [{"type": "sent", "email": {"tags": ["key:key-10"]}}] * 100
    return {"data": others if query(request)["page"] == ["1"] else [ours]}


def test_mailersend_is_asked_page_by_page_for_the_time_of_the_doubt(ask: Asked) -> None:
    between = (NOW - timedelta(days=6), NOW)

    found, requests = ask(MailerSendAdapter, activities, between=between)

    assert kinds(found) == [("sent", "")]
    assert [one.url.path for one in requests] == ["/v1/domains", *["/v1/activity/d1"] * 2]
    since, until = (int(query(requests[1])[name][0]) for name in ("date_from", "date_to"))
    assert until - since == 24 * 3600
    assert until - NOW.timestamp() == 300


def test_mails_of_one_batch_are_looked_for_in_the_same_pages_of_mailersend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        places.append(str(request.url))
        return httpx.Response(200, json=activities(request))

    client = httpx.Client(transport=httpx.MockTransport(answer))
    monkeypatch.setattr(asking, "provider_client", lambda _: client)
    asked = [outgoing(number, between=(NOW, NOW)) for number in (1, 2, 10)]

    found = MailerSendAdapter(Account("x")).look_up(asked)

    assert [one.key for one in found] == ["key-1", "key-10"]
    assert len(places) == len(set(places)) == 3


def test_a_domain_that_mailersend_does_not_know_is_not_asked_for(ask: Asked) -> None:
    found, requests = ask(MailerSendAdapter, activities, sender="a@elsewhere.example")

    assert (found, len(requests)) == ([], 1)


# --- Mailgun and Mailjet ------------------------------------------------------------------------


def test_mailgun_is_told_from_when_on_and_in_which_order(ask: Asked) -> None:
    told = {"event": "delivered", "user-variables": KEY}
    other = {"event": "delivered", "user-variables": {"rapport_key": "key-2"}}

    found, requests = ask(MailgunAdapter, lambda _: {"items": [other, told]}, between=(NOW, NOW))

    assert kinds(found) == [("delivered", "")]
    asked = query(requests[0])
    assert asked["message-id"] == ["key-1@rapport.example"]
    assert (asked["begin"], asked["ascending"]) == ([str(int(NOW.timestamp()) - 3600)], ["yes"])


def test_of_mailjet_only_a_mail_that_shows_our_id_counts(ask: Asked) -> None:
    rows = [{"ID": number, "Status": "sent", "CustomID": f"key-{number}"} for number in (2, 1)]

    found, requests = ask(MailjetAdapter, lambda _: {"Data": [{"ID": 3, "Status": "sent"}, *rows]})

    assert [one.provider_message_id for one in found] == ["1"]
    assert query(requests[0])["ShowCustomID"] == ["true"]


# --- SMS ----------------------------------------------------------------------------------------


def test_messagebird_tells_what_became_of_the_message_with_our_reference(ask: Asked) -> None:
    told = {"status": "delivery_failed", "statusReason": "unknown subscriber"}
    ours = {"id": "1", "reference": "key-1", "recipients": {"items": [told]}}
    items = [ours | {"reference": None, "id": "2"}, ours]

    found, requests = ask(
        MessageBirdAdapter, lambda _: {"items": items}, "+31612345678", between=(NOW, NOW)
    )

    assert kinds(found) == [("failed", "undeliverable")]
    assert found[0].provider_message_id == "1"
    assert query(requests[0])["recipient"] == ["31612345678"]
    assert query(requests[0])["from"] == ["2026-11-22T11:00:00+00:00"]


def test_sinch_is_asked_for_more_than_its_last_day(ask: Asked) -> None:
    batches = [{"id": "1", "client_reference": "key-1"}, {"id": "2", "client_reference": "key-2"}]
    between = (NOW - timedelta(days=3), NOW)

    found, requests = ask(SinchAdapter, lambda _: {"batches": batches}, "+44113", between=between)

    assert [one.provider_message_id for one in found] == ["1"]
    assert query(requests[0])["start_date"] == ["2026-11-19T11:00:00.000Z"]


def test_aliyun_is_asked_for_each_day_of_china_that_a_doubt_touches(ask: Asked) -> None:
    midnight = datetime(2026, 11, 22, 16, tzinfo=UTC)
    between = (midnight - timedelta(minutes=1), midnight + timedelta(minutes=1))

    def answer(request: httpx.Request) -> object:
        days = {"20261122": "key-1", "20261123": "key-10"}
        row = {"OutId": days[query(request)["SendDate"][0]], "SendStatus": 2, "ErrCode": "X"}
        return {"Code": "OK", "SmsSendDetailDTOs": {"SmsSendDetailDTO": [row]}}

    found, requests = ask(AliyunSmsAdapter, answer, "+8613900001234", between=between)

    assert kinds(found) == [("failed", "X")]
    assert len(requests) == 2
    assert query(requests[0])["PhoneNumber"] == ["13900001234"]
