"""The admin under hostile data, in a real browser: nothing runs, nothing is asked for elsewhere."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm import conversations, desk, events, quality
from crm.models import Customer, QualityFinding
from tests import browsers
from tests.crm import hostile

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(live_server: Any, admin: Client, settings: Any, monkeypatch: Any) -> Iterator[Any]:
    """A signed-in browser that writes down whatever runs or asks elsewhere."""
    monkeypatch.setattr("crm.tasks.ring", lambda task, *arguments: None)
    settings.ALLOWED_HOSTS = ["*"]
    session = admin.cookies["sessionid"].value
    with browsers.browser() as browser:
        context = browser.new_context()
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        page.trouble = []
        page.on("dialog", lambda box: (page.trouble.append(box.message), box.dismiss()))
        page.on("pageerror", lambda error: page.trouble.append(str(error)))
        page.on("request", lambda asked: _watch(page, asked.url, live_server.url))
        page.base = live_server.url
        yield page
        browser.close()
        connections.close_all()


def _watch(page: Any, url: str, home: str) -> None:
    if not url.startswith((home, "data:", "about:", "blob:")):
        page.trouble.append(url)


def _scripts(corpora: Path) -> list[str]:
    texts = [text for text in hostile.texts(corpora) if hostile.storable(text)]
    return [text for text in texts if "<" in text or "javascript:" in text.lower() or "{{" in text]


def _infest(customer: Customer, texts: list[str]) -> None:
    """Put hostile texts wherever something can be written about a customer."""
    now = timezone.now()
    first, *others = [text[:150] for text in texts]
    Customer.objects.filter(pk=customer.pk).update(
        first_name=first,
        last_name=others[0],
        city=others[1],
        street=others[2],
        attributes={text: text for text in others},
    )
    told = [
        events.NewEvent(
            customer_id=customer.pk,
            name=f"hostile {number} {text}"[:200],
            occurred_at=now - timedelta(minutes=number),
            key=f"hostile:{number}",
            properties={text: text, "sku": text},
        )
        for number, text in enumerate(others)
    ]
    events.record_many(events=told, now=now)
    for text in others[:5]:
        desk.add_note(customer_id=customer.pk, text=text, by=None, now=now)
        desk.lock_field(
            customer_id=customer.pk, field=f"attributes.{text}"[:120], reason=text, by=None, now=now
        )
    inbound = conversations.NewInbound(
        channel="sms", sender=customer.phone, text="\n".join(others), occurred_at=now
    )
    conversations.receive(inbound=inbound, now=now)
    quality.look(now=now)
    for number, text in enumerate(others[:10]):
        QualityFinding.objects.create(
            check_name="bad_name",
            customer=customer,
            field=f"{number} {text}"[:120],
            value=text,
            suggestion=text,
            found_at=now,
        )


def test_nothing_runs_on_any_page_about_a_hostile_customer(
    page: Any, ada: Customer, shared_corpora: Path
) -> None:
    texts = _scripts(shared_corpora)
    _infest(ada, texts[:: max(1, len(texts) // 40)])
    talk = ada.conversations.get()
    addresses = [
        reverse("admin:crm_customer_changelist"),
        reverse("admin:crm_customer_change", args=[ada.pk]),
        reverse("admin:crm_customer_overrides", args=[ada.pk]),
        reverse("admin:crm_customer_past", args=[ada.pk]),
        reverse("admin:crm_customer_edit", args=[ada.pk]),
        reverse("admin:crm_quality") + "?check=bad_name",
        reverse("admin:crm_inbox_conversation", args=[talk.pk]),
        reverse("admin:crm_event_changelist"),
        reverse("admin:search") + "?extended=1&s=<img src=x onerror=alert(1)>",
    ]

    for address in addresses:
        answer = page.goto(page.base + address)
        page.wait_for_load_state("networkidle")
        assert answer.status == 200, address

    assert page.trouble == []
