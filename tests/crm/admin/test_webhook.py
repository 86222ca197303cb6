"""Staff keep webhooks: made with a secret that is shown once, tried out, replaced, stopped."""

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from crm import webhooks
from crm.models import Webhook, WebhookDelivery

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client: Client, settings: Any) -> Client:
    """A superuser at the screen; a receiver on this machine is allowed."""
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.fixture
def hook(boss: Client, now: datetime) -> Webhook:
    """A subscriber."""
    new = webhooks.NewWebhook("Shop", "http://127.0.0.1/", ("*",))
    return webhooks.subscribe(new=new, now=now).webhook


def test_a_webhook_is_made_and_its_secret_shown_once(boss: Client) -> None:
    facts = {"name": "Shop", "url": "http://127.0.0.1/in", "events": "order.*, message.sent"}

    page = boss.post("/admin/crm/webhook/add/", facts, follow=True).content.decode()
    again = boss.get("/admin/crm/webhook/").content.decode()

    made = Webhook.objects.get()
    assert made.events == ["order.*", "message.sent"]
    assert made.secrets in page
    assert made.secrets not in again


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://localhost:80"])
def test_an_address_inside_is_refused_in_the_form(boss: Client, settings: Any, url: str) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1:8080"]

    boss.post("/admin/crm/webhook/add/", {"name": "In", "url": url, "events": "*"})

    assert not Webhook.objects.exists()


def test_the_buttons_do_what_they_say(boss: Client, hook: Webhook) -> None:
    for verb in ("test", "rotate", "stop"):
        boss.post(f"/admin/crm/webhook/{hook.pk}/{verb}/")
    hook.refresh_from_db()
    stopped = not hook.is_active
    boss.post(f"/admin/crm/webhook/{hook.pk}/start/")

    hook.refresh_from_db()
    assert (stopped, hook.is_active, len(hook.secrets.split())) == (True, True, 2)
    assert WebhookDelivery.objects.get().event_name == "webhook.tested"


def test_the_log_is_shown_and_replayed(boss: Client, hook: Webhook, now: datetime) -> None:
    delivery = webhooks.send_test(webhook_id=hook.pk, now=now)
    WebhookDelivery.objects.update(state="failed", log=[{"status": 500, "error": "HTTP 500"}])

    page = boss.get(f"/admin/crm/webhookdelivery/{delivery.pk}/change/").content.decode()
    boss.post(f"/admin/crm/webhookdelivery/{delivery.pk}/replay/")

    delivery.refresh_from_db()
    assert "HTTP 500" in page
    assert delivery.state == "due"


def test_whoever_may_not_is_turned_away(client: Client, hook: Webhook) -> None:
    client.force_login(User.objects.create_user("grace", is_staff=True))

    answer = client.post(f"/admin/crm/webhook/{hook.pk}/rotate/")

    assert answer.status_code == 403


@pytest.mark.parametrize("page", ["webhook", "webhookdelivery", "company", "attributedefinition"])
def test_every_list_opens(boss: Client, hook: Webhook, page: str) -> None:
    assert boss.get(f"/admin/crm/{page}/").status_code == 200
