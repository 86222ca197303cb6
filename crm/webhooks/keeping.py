"""Subscribers: taken on, changed, stopped, tried out, and told again."""

import re
import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm import reach
from crm.choices import WebhookState
from crm.models import Webhook, WebhookDelivery
from crm.webhooks.names import TEST
from crm.webhooks.signing import draw_secret

# What was told is shown for so long.
KEPT = timedelta(days=30)
_PATTERN = re.compile(r"\*|[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.\*)?")
_PORTS = {"http": 80, "https": 443}


class WebhookRefused(ValidationError):  # noqa: N818 - it names what happened
    """A webhook cannot be as it is asked for."""


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A subscriber: where it listens and what it wants to hear."""

    name: str
    url: str
    events: tuple[str, ...]
    tells_handles: bool = False


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A webhook and its secret, which is shown once."""

    webhook: Webhook
    secret: str = field(repr=False)


def check_url(*, url: str) -> None:
    """Refuse what is no web address of a public host; the hosts that the settings allow pass."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise WebhookRefused({"url": _("This is no web address.")}) from error
    if parts.scheme not in _PORTS or not host or "@" in parts.netloc or re.search(r"[\\\s#]", url):
        raise WebhookRefused({"url": _("This is no web address.")})
    if host in settings.WEBHOOK_ALLOWED_HOSTS:
        return
    try:
        reach.addresses(host, port or _PORTS[parts.scheme], but=settings.WEBHOOK_ALLOWED_HOSTS)
    except reach.AddressRefused as error:
        raise WebhookRefused({"url": _("This host cannot be reached from outside.")}) from error


def check_events(*, events: Sequence[str]) -> None:
    """Refuse a choice of events that can match nothing."""
    wrong = [pattern for pattern in events if not _PATTERN.fullmatch(pattern)]
    if wrong or not events:
        raise WebhookRefused(_("Name events such as order.placed, message.* or *."))


def subscribe(*, new: NewWebhook, now: datetime) -> Subscribed:
    """Take a subscriber on; it hears what happens from now on."""
    _check(new)
    secret = draw_secret()
    webhook = Webhook.objects.create(
        name=new.name,
        url=new.url,
        events=list(new.events),
        tells_handles=new.tells_handles,
        secrets=secret,
        created_at=now,
    )
    return Subscribed(webhook, secret)


@transaction.atomic
def change(*, webhook_id: int, wanted: NewWebhook) -> Webhook:
    """Give a webhook another name, address or choice of events. Locks it."""
    webhook = Webhook.objects.select_for_update().get(pk=webhook_id)
    _check(wanted)
    webhook.name, webhook.url = wanted.name, wanted.url
    webhook.events, webhook.tells_handles = list(wanted.events), wanted.tells_handles
    webhook.save(update_fields=["name", "url", "events", "tells_handles"])
    return webhook


@transaction.atomic
def rotate_secret(*, webhook_id: int, now: datetime) -> str:
    """Give a webhook a new secret; for a day the one before signs beside it. Locks it."""
    webhook = Webhook.objects.select_for_update().get(pk=webhook_id)
    secret = draw_secret()
    before = webhook.secrets.split()[:1]
    webhook.secrets = "\n".join([secret, *before])
    webhook.rotated_at = now
    webhook.save(update_fields=["secrets", "rotated_at"])
    return secret


@transaction.atomic
def stop(*, webhook_id: int, reason: str) -> bool:
    """Tell a subscriber nothing more, and say why; says whether it was told anything."""
    webhook = Webhook.objects.select_for_update().get(pk=webhook_id)
    if not webhook.is_active:
        return False
    webhook.is_active, webhook.stopped_because = False, reason[:255]
    webhook.save(update_fields=["is_active", "stopped_because"])
    return True


@transaction.atomic
def resume(*, webhook_id: int) -> bool:
    """Tell a stopped subscriber again, what still waits for it first."""
    webhook = Webhook.objects.select_for_update().get(pk=webhook_id)
    if webhook.is_active:
        return False
    webhook.is_active, webhook.stopped_because = True, ""
    webhook.failing_since_at = None
    webhook.save(update_fields=["is_active", "stopped_because", "failing_since_at"])
    return True


def send_test(*, webhook_id: int, now: datetime) -> WebhookDelivery:
    """Tell a subscriber something harmless, to see whether it listens."""
    webhook = Webhook.objects.get(pk=webhook_id)
    if not webhook.is_active:
        raise WebhookRefused(_("The webhook is stopped; start it first."))
    payload = {
        "type": TEST,
        "timestamp": now.isoformat().replace("+00:00", "Z"),
        "data": {"webhook": {"id": webhook.pk, "name": webhook.name}},
    }
    return WebhookDelivery.objects.create(
        webhook=webhook,
        key=f"test_{random.token_hex(12)}",
        event_name=TEST,
        payload=payload,
        created_at=now,
        due_at=now,
    )


@transaction.atomic
def replay(*, delivery_id: int, now: datetime) -> WebhookDelivery:
    """Tell one thing again under the same id, with all its tries before it. Locks it."""
    delivery = (
        WebhookDelivery.objects.select_for_update(of=("self",))
        .select_related("webhook")
        .get(pk=delivery_id)
    )
    if not delivery.webhook.is_active:
        raise WebhookRefused(_("The webhook is stopped; start it first."))
    if delivery.state == WebhookState.DUE:
        raise WebhookRefused(_("It is still to be delivered."))
    delivery.state, delivery.attempts, delivery.due_at = WebhookState.DUE, 0, now
    delivery.lease_until_at, delivery.delivered_at = None, None
    delivery.save(update_fields=["state", "attempts", "due_at", "lease_until_at", "delivered_at"])
    return delivery


def forget_old(*, now: datetime) -> int:
    """Delete what was told, or given up, long ago."""
    old = WebhookDelivery.objects.filter(created_at__lt=now - KEPT)
    return old.exclude(state=WebhookState.DUE).delete()[0]


def _check(new: NewWebhook) -> None:
    check_url(url=new.url)
    check_events(events=new.events)
