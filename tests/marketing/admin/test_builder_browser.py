"""The rule builder in a real browser: what staff click together is what the segment holds."""

import json

import pytest
from django.db import connections
from django.urls import reverse

from marketing.models import Segment
from tests import making
from tests.conftest import chromium

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
TREE = "[data-rules-tree]"


@pytest.fixture(autouse=True)
def _beside_a_browser(monkeypatch):
    """Playwright keeps an event loop in this thread; what Django does here is not async."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def page(live_server, admin, settings):
    """A signed-in browser."""
    settings.ALLOWED_HOSTS = ["*"]
    session = admin.cookies["sessionid"].value
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        context = browser.new_context(viewport={"width": 1500, "height": 1000})
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        yield page
        assert page.problems == []
        browser.close()
        # Beside Playwright's event loop Django opened a connection of its own.
        connections.close_all()


@pytest.fixture
def adding(page, live_server, greta, ben):
    """An empty form for a new segment."""
    page.goto(live_server.url + reverse("admin:marketing_segment_add"))
    page.fill("#id_name", "Clicked together")
    return page


def written(page):
    return json.loads(page.input_value("#id_rules"))


def counted(page, number):
    figure = page.locator("[data-rules-preview] .rp-figure", has_text=str(number))
    figure.wait_for(timeout=8000)
    return page.inner_text("[data-rules-preview]")


def row(page, number):
    return page.locator(f"{TREE} .rp-condition:has(> select optgroup)").nth(number)


def choose(page, number, label):
    row(page, number).locator("select").first.select_option(label=label)


def test_a_segment_is_clicked_together_counted_and_kept(adding):
    adding.click("text=Add a condition")
    choose(adding, 0, "country")
    row(adding, 0).locator("select").nth(1).select_option(label="is one of")
    chips = row(adding, 0).locator(".rp-chips input")
    chips.fill("DE")
    chips.press("Enter")
    said = counted(adding, 1)

    adding.click("[name=_save]")
    adding.wait_for_url("**/marketing/segment/*/")

    assert "Customers for whom: country is one of “DE”." in said
    assert "Greta" in said
    assert Segment.objects.get().rules == {
        "version": 1,
        "all": [{"field": "country", "op": "in", "value": ["DE"]}],
    }


def test_groups_nest_and_conditions_leave_again(adding):
    adding.click("text=Add a condition")
    adding.locator("text=Add a group").first.click()
    choose(adding, 1, "revenue")
    row(adding, 1).locator("input[type=number]").first.fill("300")
    nested = written(adding)

    row(adding, 0).locator("button[aria-label=Remove]").click()

    group = {"any": [{"orders": "revenue", "op": "at_least", "value": 300}]}
    assert nested["all"][1] == group
    assert written(adding)["all"] == [group]


def test_events_count_within_days_and_ask_for_properties(adding, greta, now):
    from crm import events

    seen = events.NewEvent(
        customer_id=greta.pk,
        name="product.viewed",
        occurred_at=now,
        key="seen-1",
        properties={"category": "Tea"},
    )
    events.record_many(events=[seen], now=now)
    adding.reload()
    adding.click("text=Add a condition")
    choose(adding, 0, "did …")
    row(adding, 0).locator("input").first.fill("product.viewed")
    row(adding, 0).locator("input[type=number]").nth(2).fill("30")
    adding.click("text=Add a property")
    where = adding.locator(".rp-where").first
    where.locator("input").first.fill("category")
    where.locator("input").last.fill("Tea")
    said = counted(adding, 1)

    assert "did “product.viewed”" in said
    assert written(adding)["all"] == [
        {
            "event": "product.viewed",
            "within_days": 30,
            "where": [{"property": "category", "op": "is", "value": "Tea"}],
        }
    ]


def test_json_typed_by_hand_is_drawn_and_what_cannot_be_drawn_is_kept(adding):
    rules = {
        "version": 1,
        "any": [
            {"reach": "sms"},
            {"field": "city", "op": "contains", "value": "Ber"},
            {"event": "a.b", "colour": "red"},
        ],
    }
    adding.click("text=Advanced: the rules as JSON")
    adding.fill("#id_rules", json.dumps(rules))
    adding.locator(f"{TREE} .rp-group--any").wait_for(timeout=5000)
    drawn = adding.locator(f"{TREE} .rp-condition").count()
    raw = adding.input_value(f"{TREE} textarea")

    assert drawn == 4
    assert json.loads(raw) == rules["any"][2]
    assert written(adding) == rules


def test_what_is_wrong_is_said_while_typing(adding):
    adding.click("text=Advanced: the rules as JSON")
    adding.fill("#id_rules", "{")
    adding.locator("[data-rules-problem]").wait_for(timeout=5000)

    assert "not JSON" in adding.inner_text("[data-rules-problem]")


def test_a_person_is_found_and_put_in_by_hand(page, live_server, germans, ben, now):
    making.customer(now=now, first_name="Benjamin")
    page.goto(live_server.url + reverse("admin:marketing_segment_page", args=[germans.pk]))
    page.fill("#put-who", ben.email)
    page.locator("#put-people input[type=radio]").first.check()
    page.fill("#put-reason", "Asked at the counter")
    page.click("button:text-is('Put')")
    page.get_by_text("Asked at the counter").wait_for(timeout=8000)

    assert "Always in" in page.inner_text("main, #content")
    assert germans.memberships.filter(customer=ben).exists()
