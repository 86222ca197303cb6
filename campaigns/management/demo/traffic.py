"""What went in and out of the demo shop: a file, an export, a subscriber, refused calls."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from crm import exports, imports
from crm.choices import WebhookState
from crm.models import Event, RejectedEvent, Webhook, WebhookDelivery
from crm.webhooks.signing import draw_secret

ROWS = 60
TRIES = {
    WebhookState.DELIVERED: [(200, "")],
    WebhookState.FAILED: [(500, ""), (0, "Timeout"), (500, "")],
    WebhookState.DUE: [(503, "")],
}
REFUSED = (
    (
        "no_event",
        "A track call needs the name of an event.",
        '{"type": "track", "userId": "shop-12"}',
    ),
    ("no_identity", "An event needs userId or anonymousId.", '{"type": "page", "name": "Home"}'),
    (
        "reserved_name",
        "Events of this name we record ourselves.",
        '{"type": "track", "event": "order.placed", "userId": "shop-7"}',
    ),
)


def bring_a_file(*, now: datetime) -> None:
    """Import the visitors' book of a market, in which some lines cannot be read."""
    run = imports.receive(
        chunks=[_book().encode()], filename="market-visitors.csv", by=None, now=now
    )
    plan = imports.Plan.of(run.mapping, run.options)
    if imports.settle(run_id=run.pk, plan=plan):
        return
    imports.start(run_id=run.pk)
    with connection.cursor() as cursor:
        # The database draws the buckets of imported people: the same ones each time here.
        cursor.execute("SELECT setseed(0.5)")
    imports.run_due(owner=imports.owner(), clock=lambda: now, seconds=60)


def take_a_file(*, now: datetime) -> None:
    """Export the suppressions, as a shop would keep a copy of them."""
    exports.start_for(
        request=exports.Request("suppressions"),
        for_whom=exports.ForWhom(None, "Nightly copy", is_masked=True),
        now=now,
    )
    exports.write_due(clock=lambda: now)


def tell_somebody(*, now: datetime) -> None:
    """A subscriber that was stopped, with what it heard before."""
    webhook, _new = Webhook.objects.get_or_create(
        name="Book-keeping",
        defaults={
            "url": "https://books.example/rapport",
            "events": ["order.*"],
            "secrets": draw_secret(),
            "is_active": False,
            "stopped_because": "Stopped by staff.",
            "created_at": now - timedelta(days=40),
        },
    )
    latest = Event.objects.filter(name__startswith="order.").order_by("-occurred_at", "-key")[:6]
    states = (WebhookState.DELIVERED, WebhookState.FAILED, WebhookState.DUE)
    WebhookDelivery.objects.bulk_create(
        [_delivery(webhook, event, states[nth % 3], now) for nth, event in enumerate(latest)],
        ignore_conflicts=True,
    )


def refuse_some(*, now: datetime) -> None:
    """Calls of the tracking API that could not be taken."""
    rows = [
        RejectedEvent(
            key=f"demo:{reason}",
            reason=reason,
            detail=detail,
            payload=payload,
            received_at=now - timedelta(hours=3 + nth),
        )
        for nth, (reason, detail, payload) in enumerate(REFUSED)
    ]
    RejectedEvent.objects.bulk_create(rows, ignore_conflicts=True)


def _delivery(
    webhook: Webhook, event: Event, state: WebhookState, now: datetime
) -> WebhookDelivery:
    at = event.occurred_at
    return WebhookDelivery(
        webhook=webhook,
        key=f"evt_{event.pk}",
        event_name=event.name,
        customer_id=event.customer_id,
        payload=_payload(event),
        state=state,
        attempts=len(TRIES[state]),
        log=_log(TRIES[state], at),
        created_at=at,
        due_at=now + timedelta(hours=1) if state == WebhookState.DUE else None,
        delivered_at=at if state == WebhookState.DELIVERED else None,
    )


def _payload(event: Event) -> dict[str, Any]:
    return {
        "type": event.name,
        "timestamp": event.occurred_at.isoformat(),
        "data": {
            "event": {"id": event.pk, "name": event.name, "properties": event.properties},
            "customer": {"id": event.customer_id, "handles": []},
        },
    }


def _log(tries: Sequence[tuple[int, str]], at: datetime) -> list[dict[str, Any]]:
    return [
        {
            "at": (at + timedelta(minutes=5**nth)).isoformat(),
            "status": status or None,
            "ms": 80 + 40 * nth,
            "error": error,
            "excerpt": "",
        }
        for nth, (status, error) in enumerate(tries)
    ]


def _book() -> str:
    lines = ["customer_id,email,first_name,last_name,city,country,stall"]
    for nth in range(1, ROWS + 1):
        email = f"visitor{nth}@letters.example" if nth % 15 else f"visitor{nth}.letters"
        country = "DE" if nth % 20 else "Atlantis"
        lines.append(f"visit-{nth},{email},Visitor {nth},Fairgoer,Leipzig,{country},{nth % 4 + 1}")
    return "\n".join(lines) + "\n"
