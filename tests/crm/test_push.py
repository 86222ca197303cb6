"""Web push and webhooks as channels: who is reached where, and how a browser subscribes."""

import json
import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import ThreadingHTTPServer

import pytest
from django.test import Client

from crm import accounts, consent, customers, links, preferences
from crm import push as subscriptions
from crm.channels import registry, web_push
from crm.consent import NewSuppression
from crm.models import Consent, Customer, Identity, Message, ProviderAccount
from marketing import segments
from marketing.rules import compile_rules
from tests import making
from tests.crm.channels.test_web_push import Service
from tests.crm.messages.letters import draft, send

pytestmark = pytest.mark.django_db
KEYS = {
    "p256dh": (
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
    ),
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}


def told(name: str = "One") -> bytes:
    """What a browser says of its subscription."""
    endpoint = f"https://push.example/{name}"
    return json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": KEYS}).encode()


def line(name: str = "One") -> str:
    return f"https://push.example/{name} {KEYS['p256dh']} {KEYS['auth']}"


def subscribe(customer: Customer, now: datetime, name: str = "One") -> None:
    subscriptions.subscribe(customer_id=customer.pk, told=told(name), proof={}, now=now)


def reached(customer: Customer, now: datetime, channel: str = "push") -> tuple[str, str | None]:
    """Where the gate would write to, and what it has against it."""
    asked = consent.check_many(
        customer_ids=[customer.pk], channel=channel, purpose="marketing", now=now
    )
    return asked[customer.pk].address, asked[customer.pk].refusal


@pytest.fixture
def account(now: datetime) -> ProviderAccount:
    row = ProviderAccount(name="push", channel="push", provider="web_push", created_at=now)
    row.keep_secrets({"private_key": web_push.draw_private_key()})
    row.save()
    accounts.forget()
    return row


def test_who_allows_notifications_is_reached_in_that_browser(ada: Customer, now: datetime) -> None:
    assert reached(ada, now) == ("", "no_address")

    subscribe(ada, now)
    subscribe(ada, now)

    assert reached(ada, now) == (line(), None)
    assert Identity.objects.filter(customer=ada, kind="push").count() == 1
    assert Consent.objects.get(customer=ada, channel="push").state == "granted"


def test_the_newest_browser_counts_until_it_is_gone(ada: Customer, now: datetime) -> None:
    subscribe(ada, now)
    subscribe(ada, now, "Two")
    assert reached(ada, now)[0] == line("Two")

    gone = NewSuppression("push", line("Two"), "invalid", "")
    consent.suppress(suppression=gone, now=now)
    assert reached(ada, now)[0] == line("One")

    subscribe(ada, now, "Two")
    assert reached(ada, now) == (line("Two"), None)


def test_a_browser_that_changes_hands_is_the_new_ones(ada: Customer, now: datetime) -> None:
    other = making.customer(now=now, email="other@shop.example")
    subscribe(other, now)

    subscribe(ada, now)

    assert reached(other, now)[0] == ""
    assert reached(ada, now)[0] == line()


def test_a_visitor_with_a_browser_is_a_visitor_still(now: datetime) -> None:
    held = {("anonymous", "a-1"), ("push", line())}

    assert customers.people.is_nameless(handles=held)


def test_a_webhook_goes_to_the_address_among_the_attributes(now: datetime) -> None:
    told = {"webhook_url": "https://a.example/Hook"}
    customer = making.customer(now=now)
    Customer.objects.filter(pk=customer.pk).update(attributes=told)

    assert reached(customer, now, "webhook") == ("https://a.example/Hook", "no_consent")


@pytest.mark.parametrize("channel", ["push", "webhook"])
def test_rules_mean_what_the_gate_means(ada: Customer, now: datetime, channel: str) -> None:
    other = making.customer(now=now, email="other@shop.example")
    for customer in (ada, other):
        attributes = {"webhook_url": f"https://hook.example/{customer.pk}"}
        Customer.objects.filter(pk=customer.pk).update(attributes=attributes)
        subscribe(customer, now, str(customer.pk))
        consent.grant(customer_id=customer.pk, channel="webhook", source="staff", now=now)
    gone = NewSuppression(channel, reached(other, now, channel)[0], "invalid", "")
    consent.suppress(suppression=gone, now=now)

    everybody = Customer.objects.order_by()
    allowed = consent.reachable(customers=everybody, channel=channel, purpose="marketing", now=now)
    rules = {"version": 1, "all": [{"reach": channel}]}
    said = segments.queryset(compiled=compile_rules(rules=rules, now=now))

    assert {one.pk for one in allowed} == {ada.pk}
    assert {one.pk for one in said} == {ada.pk}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        json.dumps({"endpoint": "https://push.example/1"}).encode(),
        json.dumps({"endpoint": "http://push.example/1", "keys": KEYS}).encode(),
        json.dumps({"endpoint": f"https://push.example/{'x' * 2000}", "keys": KEYS}).encode(),
        told().replace(b"BTBZ", b"B"),
    ],
)
def test_what_is_no_subscription_is_refused(
    ada: Customer, now: datetime, account: ProviderAccount, body: bytes
) -> None:
    answer = Client().post(page(ada, now), body, content_type="application/json")

    assert answer.status_code == 400
    assert not Identity.objects.filter(kind="push").exists()


def page(customer: Customer, now: datetime) -> str:
    """The address of the page for a message to this customer."""
    letter = draft(customer)
    send(letter, now=now)
    keys = accounts.link_keys()
    token = links.sign(purpose=links.PREFERENCES, value=letter.message_id, key=keys[0])
    return f"/push/{token}"


def test_the_page_offers_the_key_and_takes_the_subscription(
    ada: Customer, now: datetime, account: ProviderAccount
) -> None:
    address = page(ada, now)

    offered = Client().get(address)
    taken = Client(enforce_csrf_checks=True).post(address, told(), content_type="application/json")

    assert subscriptions.public_key() in offered.content.decode()
    policy = offered["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert taken.status_code == 204
    assert reached(ada, now)[0] == line()


def test_the_preference_page_leads_there_only_where_push_is_sent(
    ada: Customer, now: datetime, account: ProviderAccount
) -> None:
    address = page(ada, now)
    choices = address.replace("/push/", "/p/")
    offered = Client().get(choices).content.decode()
    account.delete()
    accounts.forget()

    assert address in offered
    assert address not in Client().get(choices).content.decode()
    assert "data-key" not in Client().get(address).content.decode()


def test_a_subscribed_browser_is_a_choice_of_its_own(ada: Customer, now: datetime) -> None:
    subscribe(ada, now)

    known = preferences.of_customer(customer_id=ada.pk, now=now)

    assert "push" in {channel.channel for channel in known.channels}


def test_a_stranger_cannot_subscribe(db: None) -> None:
    assert Client().post("/push/nonsense", told(), content_type="text/plain").status_code == 404


def test_the_worker_works_for_the_whole_site() -> None:
    answer = Client().get("/push-worker.js")

    assert answer["Content-Type"] == "text/javascript"
    assert b"showNotification" in answer.content


def test_a_browser_that_has_unsubscribed_is_not_written_to_again(
    ada: Customer, now: datetime, account: ProviderAccount, gone: str
) -> None:
    customers.add_identity(customer_id=ada.pk, kind="push", value=gone, now=now)
    letter = draft(ada, channel="push", address=gone)

    send(letter, now=now)

    message = Message.objects.get()
    assert (message.state, message.reason) == ("failed", "undeliverable")
    assert message.provider == "push"
    assert reached(ada, now)[0] == ""


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A subscription at a push service that says 410 to everything."""
    monkeypatch.setattr(web_push.WebPushAdapter, "allowed_hosts", ("127.0.0.1",))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/410 {KEYS['p256dh']} {KEYS['auth']}"
    registry.close_all()
    server.shutdown()
    thread.join()
    server.server_close()
