"""Subscribers hear what they asked for, signed, once more until they heard, and nobody inside."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from crm import events, webhooks
from crm.choices import WebhookState
from crm.models import Customer, Event, Webhook, WebhookDelivery
from crm.webhooks import News, NewWebhook, signing
from crm.webhooks.sending import DELAYS, PATIENCE, next_due_at
from tests import making
from tests.crm.webhooks.receiver import Receiver, listening

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """A subscriber on this machine, which the settings allow."""
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    with listening() as found:
        yield found


@pytest.fixture
def hook(receiver: Receiver, now: datetime) -> Webhook:
    """A subscriber to what happens to products and customers."""
    new = NewWebhook("Shop", receiver.url, ("product.*", "customer.merged"))
    return webhooks.subscribe(new=new, now=now).webhook


def view(customer: Customer, now: datetime, name: str = "product.viewed") -> list[int]:
    """Somebody looks at something."""
    new = events.NewEvent(customer.pk, name, now, f"view-{Event.objects.count()}", {"sku": "T"})
    return events.record(event=new, now=now)


def told(hook: Webhook, now: datetime) -> WebhookDelivery:
    """One delivery that is due."""
    webhooks.send_test(webhook_id=hook.pk, now=now)
    return WebhookDelivery.objects.get()


def standard_vectors(corpora: Path) -> list[dict[str, Any]]:
    found = json.loads((corpora / "webhook_signatures" / "vectors.json").read_text())
    vectors: list[dict[str, Any]] = found["standard_webhooks"]["vectors"]
    return vectors


def test_signatures_are_those_of_standard_webhooks(shared_corpora: Path) -> None:
    vectors = standard_vectors(shared_corpora)

    made = [
        signing.sign(
            secret=one["secret"],
            key=one["id"],
            timestamp=int(one["timestamp"]),
            body=one["body"].encode(),
        )
        == one["signature"]
        for one in vectors
    ]

    assert any(one["valid"] for one in vectors)
    assert made == [one["valid"] for one in vectors]


def test_a_subscriber_hears_what_it_asked_for(
    hook: Webhook, receiver: Receiver, now: datetime
) -> None:
    ada = making.customer(now=now, external_id="C-1")
    ids = view(ada, now) + view(ada, now, "page.viewed")

    planned = webhooks.plan(event_ids=ids, now=now)
    webhooks.plan(event_ids=ids, now=now)
    taken = webhooks.deliver_due(owner="worker", now=now)

    (headers, body), *more = receiver.heard
    payload = json.loads(body)
    assert (planned, taken, more) == (1, 1, [])
    assert headers["webhook-id"] == f"evt_{ids[0]}"
    assert payload["type"] == "product.viewed"
    assert payload["data"]["event"]["properties"] == {"sku": "T"}
    assert payload["data"]["customer"] == {
        "id": ada.pk,
        "handles": [{"kind": "external", "value": "C-1"}],
    }
    assert ada.email.encode() not in body


def test_a_body_is_signed_by_the_secret(hook: Webhook, receiver: Receiver, now: datetime) -> None:
    told(hook, now)

    webhooks.deliver_due(owner="worker", now=now)

    ((headers, body),) = receiver.heard
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    raw = base64.b64decode(hook.secrets.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(raw, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert int(headers["webhook-timestamp"]) == int(now.timestamp())


def test_handles_are_told_to_whom_staff_allow_it(receiver: Receiver, now: datetime) -> None:
    new = NewWebhook("CRM", receiver.url, ("*",), tells_handles=True)
    webhooks.subscribe(new=new, now=now)
    ada = making.customer(now=now)

    webhooks.plan(event_ids=view(ada, now), now=now)

    delivery = WebhookDelivery.objects.get(event_name="product.viewed")
    handles = delivery.payload["data"]["customer"]["handles"]
    assert {"kind": "email", "value": ada.email} in handles


def test_news_of_the_record_is_told_once(hook: Webhook, now: datetime) -> None:
    ada = making.customer(now=now)
    news = [
        News("customer.merged", ada.pk, "merge_7", {"merged_id": 7}),
        News("customer.erased", ada.pk, "erasure_1"),
    ]

    counts = [webhooks.tell(news=news, now=now) for _ in range(2)]

    assert counts == [1, 0]
    assert WebhookDelivery.objects.get().payload["data"]["merged_id"] == 7


def test_nothing_is_planned_for_a_stopped_subscriber(hook: Webhook, now: datetime) -> None:
    webhooks.stop(webhook_id=hook.pk, reason="Holidays")

    assert webhooks.plan(event_ids=view(making.customer(now=now), now), now=now) == 0


def test_while_a_secret_is_replaced_both_sign(
    hook: Webhook, receiver: Receiver, now: datetime
) -> None:
    new = webhooks.rotate_secret(webhook_id=hook.pk, now=now)
    told(hook, now)
    webhooks.deliver_due(owner="worker", now=now)
    later = now + timedelta(days=2)
    webhooks.send_test(webhook_id=hook.pk, now=later)
    webhooks.deliver_due(owner="worker", now=later)

    counts = [len(headers["webhook-signature"].split()) for headers, _ in receiver.heard]
    assert counts == [2, 1]
    assert new != hook.secrets


def test_a_failing_try_is_repeated_for_more_than_a_day(
    hook: Webhook, receiver: Receiver, now: datetime
) -> None:
    receiver.status = 500
    delivery = told(hook, now)
    at = now

    for _ in range(len(DELAYS) + 1):
        assert webhooks.deliver_due(owner="worker", now=at) == 1
        delivery.refresh_from_db()
        at = delivery.due_at or at

    assert delivery.state == WebhookState.FAILED
    assert [entry["status"] for entry in delivery.log] == [500] * (len(DELAYS) + 1)
    assert at - now > timedelta(hours=24)
    assert len({headers["webhook-id"] for headers, _ in receiver.heard}) == 1


def test_a_subscriber_may_say_when_to_come_again(
    hook: Webhook, receiver: Receiver, now: datetime
) -> None:
    receiver.status, receiver.answer_headers = 503, {"Retry-After": "3600"}
    delivery = told(hook, now)

    webhooks.deliver_due(owner="worker", now=now)

    delivery.refresh_from_db()
    assert delivery.due_at == now + timedelta(hours=1)


def test_whoever_is_gone_is_told_nothing_more(
    hook: Webhook, receiver: Receiver, now: datetime
) -> None:
    receiver.status = 410
    delivery = told(hook, now)

    webhooks.deliver_due(owner="worker", now=now)

    hook.refresh_from_db()
    delivery.refresh_from_db()
    assert not hook.is_active
    assert "410" in hook.stopped_because
    assert delivery.state == WebhookState.FAILED


def test_a_subscriber_that_fails_for_days_is_stopped_with_a_reason(
    hook: Webhook, receiver: Receiver, now: datetime
) -> None:
    receiver.status = 500
    told(hook, now)
    webhooks.deliver_due(owner="worker", now=now)
    later = now + PATIENCE
    webhooks.send_test(webhook_id=hook.pk, now=later)

    webhooks.deliver_due(owner="worker", now=later)

    hook.refresh_from_db()
    assert not hook.is_active
    assert "HTTP 500" in hook.stopped_because


def test_one_success_ends_the_failing(hook: Webhook, receiver: Receiver, now: datetime) -> None:
    receiver.status = 500
    delivery = told(hook, now)
    webhooks.deliver_due(owner="worker", now=now)
    delivery.refresh_from_db()
    receiver.status = 200

    webhooks.deliver_due(owner="worker", now=delivery.due_at or now)

    hook.refresh_from_db()
    delivery.refresh_from_db()
    assert hook.failing_since_at is None
    assert delivery.state == WebhookState.DELIVERED


def test_a_redirect_is_not_followed(hook: Webhook, receiver: Receiver, now: datetime) -> None:
    receiver.status, receiver.answer_headers = 302, {"Location": receiver.url}
    delivery = told(hook, now)

    webhooks.deliver_due(owner="worker", now=now)

    delivery.refresh_from_db()
    assert len(receiver.heard) == 1
    assert delivery.state == WebhookState.DUE


def test_what_a_dead_worker_held_is_told_after_its_lease(
    hook: Webhook, receiver: Receiver, now: datetime
) -> None:
    delivery = told(hook, now)
    lease = now + timedelta(minutes=2)
    WebhookDelivery.objects.update(owner="dead", lease_until_at=lease, attempts=1)

    early = webhooks.deliver_due(owner="worker", now=now)
    late = webhooks.deliver_due(owner="worker", now=lease + timedelta(seconds=1))

    delivery.refresh_from_db()
    assert (early, late, len(receiver.heard)) == (0, 1, 1)
    assert delivery.attempts == 2


def test_a_slow_subscriber_keeps_nobody_waiting(
    hook: Webhook, receiver: Receiver, now: datetime
) -> None:
    other = webhooks.subscribe(new=NewWebhook("Other", receiver.url, ("*",)), now=now).webhook
    for _ in range(30):
        webhooks.send_test(webhook_id=hook.pk, now=now)
    webhooks.send_test(webhook_id=other.pk, now=now + timedelta(seconds=1))

    webhooks.deliver_due(owner="worker", now=now + timedelta(seconds=1))

    assert WebhookDelivery.objects.get(webhook=other).state == WebhookState.DELIVERED


def test_a_replay_has_the_same_id(hook: Webhook, receiver: Receiver, now: datetime) -> None:
    delivery = told(hook, now)
    webhooks.deliver_due(owner="worker", now=now)

    webhooks.replay(delivery_id=delivery.pk, now=now)
    webhooks.deliver_due(owner="worker", now=now)

    ids = {headers["webhook-id"] for headers, _ in receiver.heard}
    delivery.refresh_from_db()
    assert (len(receiver.heard), len(ids), len(delivery.log)) == (2, 1, 2)


def private_urls(corpora: Path) -> list[str]:
    found: list[str] = json.loads((corpora / "attack_payloads" / "ssrf_urls.json").read_text())
    return [
        *found,
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[fd00::1]/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://user@8.8.8.8/",
        "file:///etc/passwd",
        "http://",
        "http://8.8.8.8:99999/",
    ]


def test_no_way_leads_inside_when_it_is_saved(shared_corpora: Path) -> None:
    for url in private_urls(shared_corpora):
        with pytest.raises(ValidationError):
            webhooks.check_url(url=url)


def test_no_way_leads_inside_when_it_is_sent(shared_corpora: Path, now: datetime) -> None:
    for number, url in enumerate(private_urls(shared_corpora)):
        hook = Webhook.objects.create(
            name=f"Inside {number}",
            url=url,
            events=["*"],
            secrets=signing.draw_secret(),
            created_at=now,
        )
        webhooks.send_test(webhook_id=hook.pk, now=now)

    while webhooks.deliver_due(owner="worker", now=now):
        continue

    statuses = [entry["status"] for row in WebhookDelivery.objects.all() for entry in row.log]
    assert len(statuses) == len(private_urls(shared_corpora))
    assert set(statuses) == {None}


def test_a_name_that_changes_its_mind_leads_nowhere(
    hook: Webhook, receiver: Receiver, now: datetime, settings: Any, monkeypatch: Any
) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = []
    answers = [("1.1.1.1", 80), ("127.0.0.1", receiver.server_port)]
    monkeypatch.setattr(
        "crm.reach.socket.getaddrinfo",
        lambda *_args, **_options: [(2, 1, 6, "", answers.pop(0))],
    )
    webhooks.check_url(url="http://rebinding.example/")
    Webhook.objects.update(url="http://rebinding.example/")
    told(hook, now)

    webhooks.deliver_due(owner="worker", now=now)

    assert not receiver.heard
    assert "not a public address" in WebhookDelivery.objects.get().log[0]["error"]


@pytest.mark.parametrize("patterns", [(), ("Order placed",), ("order.*.x",), ("**",)])
def test_a_choice_of_events_that_matches_nothing_is_refused(
    receiver: Receiver, now: datetime, patterns: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationError):
        webhooks.subscribe(new=NewWebhook("Odd", receiver.url, patterns), now=now)


def test_the_waits_grow_and_end(now: datetime) -> None:
    waits = [
        (due_at - now).total_seconds() if due_at else None
        for due_at in (next_due_at(key="evt_1", attempts=n, now=now) for n in range(1, 9))
    ]

    assert waits[-1] is None
    for wait, delay in zip(waits, DELAYS, strict=False):
        assert wait == pytest.approx(delay.total_seconds(), rel=0.1)


def test_old_deliveries_are_forgotten(hook: Webhook, now: datetime) -> None:
    told(hook, now)
    WebhookDelivery.objects.update(state=WebhookState.FAILED)

    assert webhooks.forget_old(now=now + timedelta(days=31)) == 1
