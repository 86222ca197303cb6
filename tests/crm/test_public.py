"""Public pages under hostile hands: nothing changes on GET, nothing breaks, nothing runs."""

from collections.abc import Iterator
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.apps import apps
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from crm import accounts, links, messages, preferences, privacy
from crm.models import Customer, Message, TemplateVersion
from tests import browsers
from tests.crm import hostile
from tests.crm.messages.letters import send, templated

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("provider")]
PATHS = ("/p/{}", "/u/{}", "/s/{}", "/d/{}", "/v/{}", "/o/{}", "/c/{}/1")


@pytest.fixture
def now() -> datetime:
    """Links prove themselves by the clock of the page."""
    return timezone.now()


@pytest.fixture
def addresses(
    ada: Customer, newsletter: TemplateVersion, now: datetime, settings: Any
) -> dict[str, str]:
    """Every public page with a token that is good."""
    settings.PUBLIC_URL = "http://testserver"
    send(templated(ada, newsletter, now), now=now)
    urls = messages.links(message_id=Message.objects.get().pk)
    asked = {
        kind: privacy.ask(
            kind=kind, customer_id=ada.pk, source="preferences", channel="email", now=now
        )
        for kind in ("export", "erasure")
    }
    preferences.leave(customer_id=ada.pk, source="preferences", proof={}, now=now)
    sign_up = preferences.SignUp(ada.pk, "email", ("marketing",), "sign_up")
    preferences.ask(sign_up=sign_up, now=timezone.now())
    decision = ada.consent_decisions.filter(state="pending").latest("pk")
    return {
        "preferences": urlsplit(urls.preferences_url).path,
        "unsubscribe": urlsplit(urls.unsubscribe_url).path,
        "view": urlsplit(urls.view_url).path,
        "data": _data(asked["export"].pk),
        "erase": _data(asked["erasure"].pk),
        "confirm": f"/s/{_token(links.CONFIRM, decision.pk)}",
    }


def _token(purpose: str, value: int) -> str:
    return links.sign(purpose=purpose, value=value, key=accounts.link_keys()[0])


def _data(request_id: int) -> str:
    return f"/d/{_token(links.DATA, request_id)}"


def _everything() -> dict[str, list[str]]:
    """Every row of every table."""
    kept = {}
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            cursor.execute(f"SELECT t::text FROM {table} t ORDER BY 1")
            kept[table] = [row for (row,) in cursor.fetchall()]
    return kept


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_at_a_public_page_changes_nothing(
    client: Client, addresses: dict[str, str], method: str
) -> None:
    before = _everything()

    for name, address in addresses.items():
        for query in ("", "?confirm=yes&leave=yes&data=erasure&List-Unsubscribe=One-Click"):
            assert getattr(client, method)(address + query).status_code == 200, name

    assert _everything() == before


def test_no_token_and_no_posted_value_breaks_a_page(
    client: Client, addresses: dict[str, str], shared_corpora: Path
) -> None:
    client.raise_request_exception = False
    texts = hostile.texts(shared_corpora)
    statuses = set()

    for text in texts[::3]:
        token = quote(text.encode("utf-8", "surrogatepass"), safe="")
        statuses |= {client.get(path.format(token)).status_code for path in PATHS[:1]}
    for text in texts[::12]:
        token = quote(text.encode("utf-8", "surrogatepass"))
        statuses |= {client.get(path.format(token)).status_code for path in PATHS}
        sent = dict.fromkeys(("granted", "frequency", "data", "source"), text)
        plain = {name: value.encode("utf-8", "replace").decode() for name, value in sent.items()}
        for posted in (plain, {"granted": plain["granted"], "frequency": plain["frequency"]}):
            statuses.add(client.post(addresses["preferences"], posted).status_code)

    assert statuses <= {200, 301, 400, 404}


def test_names_are_shown_as_they_are_kept(
    client: Client, addresses: dict[str, str], ada: Customer, shared_corpora: Path
) -> None:
    texts = [text[:150] for text in hostile.texts(shared_corpora) if hostile.storable(text)]

    for text in texts[::8]:
        Customer.objects.filter(pk=ada.pk).update(first_name=text)
        answer = client.get(addresses["preferences"])

        assert answer.status_code == 200
        assert escape(text) in answer.content.decode()
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        ada.refresh_from_db()
        assert ada.first_name == text


def test_a_copy_holds_every_text_as_it_is_kept(
    client: Client, addresses: dict[str, str], ada: Customer, shared_corpora: Path
) -> None:
    kept = [text for text in hostile.texts(shared_corpora) if hostile.storable(text)]
    Customer.objects.filter(pk=ada.pk).update(attributes={str(n): t for n, t in enumerate(kept)})

    copy = client.post(addresses["data"], {"download": "yes"}).json()
    page = client.post(addresses["data"], {"show": "yes"})

    assert list(copy["customer"]["attributes"].values()) == kept
    assert page.status_code == 200
    assert all(escape(text) in page.content.decode() for text in kept[::10])


@pytest.fixture
def browser_page(live_server: Any, settings: Any) -> Iterator[Any]:
    """A browser that writes down whatever runs, asks or looks elsewhere."""
    pytest.importorskip("playwright.sync_api")
    settings.ALLOWED_HOSTS = ["*"]
    with browsers.browser() as browser:
        page = browser.new_page()
        page.trouble = []
        page.on("dialog", lambda box: (page.trouble.append(box.message), box.dismiss()))
        page.on("request", lambda asked: _watch(page, asked.url, live_server.url))
        page.base = live_server.url
        yield page
        browser.close()
        connections.close_all()


def _watch(page: Any, url: str, home: str) -> None:
    if not url.startswith((home, "data:", "about:")):
        page.trouble.append(url)


@pytest.mark.browser
def test_nothing_runs_on_public_pages(
    browser_page: Any, addresses: dict[str, str], ada: Customer, shared_corpora: Path
) -> None:
    kept = [text for text in hostile.texts(shared_corpora) if hostile.storable(text)]
    scripts = [text[:150] for text in kept if "<" in text or "javascript:" in text.lower()]
    Customer.objects.filter(pk=ada.pk).update(attributes={str(n): t for n, t in enumerate(kept)})

    for text in scripts[:: max(1, len(scripts) // 25)]:
        Customer.objects.filter(pk=ada.pk).update(first_name=text, last_name=text)
        browser_page.goto(browser_page.base + addresses["preferences"])
        assert text.split() == [] or browser_page.title()
    browser_page.goto(browser_page.base + addresses["data"])
    browser_page.click("button")

    assert browser_page.locator("main").count() == 1
    assert browser_page.locator("main script, main img, main iframe").count() == 0
    assert browser_page.trouble == []
