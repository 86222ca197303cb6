"""The rule builder in a real browser: clipboard, groups, slow counts, and no script at all."""

import json
import time

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from crm.models import Customer
from marketing import segments
from marketing.admin import segment_preview
from marketing.choices import SegmentKind
from marketing.models import Segment
from marketing.segments import Preview

from .browsing import TREE, browsing, counted, field, written

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]
BOTH = pytest.mark.parametrize("language", ["en", "zh-hans"])
GERMAN = {"field": "country", "op": "is", "value": "DE"}
FRENCH = {"field": "country", "op": "is", "value": "FR"}
GROUP = {"any": [GERMAN, {"reach": "sms"}]}


@pytest.fixture
def permissions():
    return ["clipboard-read", "clipboard-write"]


def whole(*conditions):
    return {"version": 1, "all": list(conditions)}


def opened(page, live_server, rules):
    """The form of a segment with these rules, drawn."""
    made = Segment.objects.create(name="Drawn", rules=rules)
    page.goto(live_server.url + reverse("admin:marketing_segment_change", args=[made.pk]))
    page.locator(f"{TREE} .rp-group").first.wait_for()
    return made


def clipboard(page):
    return json.loads(page.evaluate("navigator.clipboard.readText()"))


@BOTH
def test_all_rules_are_copied_as_json(page, live_server, greta):
    rules = whole(GROUP, FRENCH)
    opened(page, live_server, rules)

    page.click("[data-rules-tool=copy]")
    page.locator("[data-rules-said]:not(:empty)").wait_for()

    assert clipboard(page) == rules


@BOTH
def test_a_row_and_a_group_are_copied_and_pasted_by_keyboard(page, live_server, greta):
    opened(page, live_server, whole(FRENCH, GROUP))

    field(page, "r.0.kind").focus()
    page.keyboard.press("Control+c")
    row = clipboard(page)
    field(page, "r.1.1.kind").focus()
    page.keyboard.press("Control+v")
    inside = written(page)
    field(page, "r.1.how").focus()
    page.keyboard.press("Control+c")
    group = clipboard(page)
    field(page, "r.0.kind").focus()
    page.keyboard.press("Control+v")

    grown = {"any": [GERMAN, {"reach": "sms"}, FRENCH]}
    assert row == FRENCH
    assert inside == whole(FRENCH, grown)
    assert group == grown
    assert written(page) == whole(FRENCH, grown, grown)


def test_text_that_is_marked_is_copied_as_text(page, live_server, greta):
    opened(page, live_server, whole(GERMAN))

    field(page, "r.0.value").select_text()
    page.keyboard.press("Control+c")

    assert page.evaluate("navigator.clipboard.readText()") == "DE"


def test_what_is_no_rule_is_not_pasted(page, live_server, greta):
    opened(page, live_server, whole(GERMAN))
    page.evaluate("navigator.clipboard.writeText('Dear all')")

    field(page, "r.0.kind").focus()
    page.keyboard.press("Control+v")

    assert written(page) == whole(GERMAN)


@BOTH
def test_a_row_becomes_a_group_and_a_group_dissolves(page, live_server, greta):
    opened(page, live_server, whole(FRENCH, GERMAN))

    field(page, "r.1.wrap").press("Enter")
    wrapped = written(page)
    field(page, "r.1.unwrap").press("Enter")

    assert wrapped == whole(FRENCH, {"any": [GERMAN]})
    assert written(page) == whole(FRENCH, GERMAN)


def sleepers():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
            " AND query LIKE 'SELECT pg_sleep%' AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]


def wait_until(said, seconds=8):
    ends = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.fixture
def slow(monkeypatch, now):
    """Counting Frenchmen takes ages; a sample says about how many there are."""
    exact = segment_preview.HOW["exact"]

    def count(*, rules, now):
        if FRENCH in rules["all"]:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(40)")
        return exact(rules=rules, now=now)

    def guess(*, rules, now):
        return Preview(12_300, {}, list(Customer.objects.all()[:1]), now, margin=240)

    monkeypatch.setitem(segment_preview.HOW, "exact", count)
    monkeypatch.setitem(segment_preview.HOW, "estimate", guess)


@BOTH
def test_an_estimate_says_so_until_the_count_settles_and_old_counts_are_stopped(
    page, live_server, greta, slow, language
):
    opened(page, live_server, whole(FRENCH))
    about = page.locator("[data-rules-count=estimate]")
    about.wait_for()
    said = about.inner_text()
    box = page.locator("[data-rules-preview]")
    busy = box.get_attribute("aria-busy")
    sleeping = sleepers()

    field(page, "r.0.value").fill("DE")
    counted(page, 1)

    with translation.override(language):
        assert str(_("Counting exactly …")) in said
    assert "12,300" in said
    assert "240" in said
    assert (busy, sleeping) == ("true", 1)
    assert box.get_attribute("aria-busy") == "false"
    assert page.locator(".rp-counted--about").count() == 0
    wait_until(lambda: sleepers() == 0)


def test_a_count_is_stopped_when_the_browser_goes_away(page, live_server, greta, slow):
    opened(page, live_server, whole(FRENCH))
    page.locator("[data-rules-count=estimate]").wait_for()
    sleeping = sleepers()

    page.goto("about:blank")

    assert sleeping == 1
    wait_until(lambda: sleepers() == 0)


def test_rules_that_are_unfinished_stop_the_old_count_too(page, live_server, greta, slow):
    opened(page, live_server, whole(FRENCH))
    page.locator("[data-rules-count=estimate]").wait_for()

    field(page, "r.0.value").fill("")

    wait_until(lambda: sleepers() == 0)
    page.get_by_text("fill it in to count again").wait_for()


@BOTH
@pytest.mark.usefixtures("ben")
def test_without_script_rules_are_written_as_json_and_shown_in_words(
    live_server, admin, settings, greta, language
):
    with browsing(live_server, admin, settings, language, java_script_enabled=False) as page:
        page.goto(live_server.url + reverse("admin:marketing_segment_add"))
        area = page.locator("#id_rules")
        is_shown = area.is_visible()
        page.fill("#id_name", "Written")
        area.fill(json.dumps(whole({"colour": "red"})))
        with page.expect_navigation():
            page.click("[name=_save]")
        refused = page.content()
        page.fill("#id_rules", json.dumps(whole(GERMAN)))
        with page.expect_navigation():
            page.click("[name=_save]")
        made = Segment.objects.get()
        segments.refresh(segment_id=made.pk, now=timezone.now())
        page.reload()
        shown = page.inner_text("#segment-standing")
        members = page.inner_text("#content, main")

    with translation.override(language):
        assert str(_("Customers for whom: %(conditions)s.")).split("%")[0] in shown
    assert is_shown
    assert "rules.all[0]" in refused
    assert "DE" in shown
    assert "1" in shown
    assert greta.email in members


@BOTH
def test_one_of_very_many_segments_is_found_by_typing(page, live_server, germans, language):
    Segment.objects.bulk_create(
        Segment(name=f"List {number}", kind=SegmentKind.LIST) for number in range(301)
    )
    made = opened(page, live_server, whole())
    with translation.override(language):
        label = str(_("segment"))

    field(page, "r.add").click()
    field(page, "r.0.kind").select_option(label=label)
    offered = page.locator(f"{TREE} option").count()
    field(page, "r.0.segment").fill("germ")
    page.locator("[role=option]", has_text="Germans").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    said = counted(page, 1)
    page.click("[name=_continue]")
    page.wait_for_load_state()
    field(page, "r.0.segment").wait_for()
    page.wait_for_function(
        "document.querySelector('[data-key=\"r.0.segment\"]').value === 'Germans'"
    )

    made.refresh_from_db()
    assert made.rules == whole({"segment": germans.pk, "op": "in"})
    assert "Germans" in said
    assert offered < 150


def test_a_name_typed_to_its_end_is_as_good_as_chosen(page, live_server, germans):
    Segment.objects.bulk_create(
        Segment(name=f"List {number}", kind=SegmentKind.LIST) for number in range(301)
    )
    opened(page, live_server, whole({"segment": ""}))

    field(page, "r.0.segment").fill("germans")
    field(page, "r.0.segment").blur()

    counted(page, 1)
    assert written(page) == whole({"segment": germans.pk})
