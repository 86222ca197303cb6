"""The pages of a segment in a real browser, in both languages."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from campaigns.models import Campaign
from marketing import segments
from marketing.choices import SegmentKind
from marketing.models import Segment, SegmentSize

from .browsing import field
from .conftest import GERMANS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
BOTH = pytest.mark.parametrize("language", ["en", "zh-hans"])


@pytest.fixture
def visit(page, live_server):
    """Go to a page of a segment."""

    def go(segment, part="page"):
        page.goto(live_server.url + reverse(f"admin:marketing_segment_{part}", args=[segment.pk]))

    return go


@pytest.fixture
def campaign(germans):
    made = Campaign.objects.create(name="Autumn teas")
    made.segments.add(germans)
    return made


@BOTH
def test_whoever_changes_rules_in_use_is_told_first_what_they_touch(
    page, visit, germans, campaign, language
):
    visit(germans, "change")
    hint = page.inner_text("[data-segment-users]")
    field(page, "r.0.value").fill("FR")

    page.click("[name=_save]")
    dialog = page.locator("#in-use-dialog")
    dialog.wait_for()
    asked = dialog.inner_text()
    dialog.locator("[data-close]").click()
    germans.refresh_from_db()
    before = germans.rules
    page.click("[name=_save]")
    dialog.locator("[data-save]").click()
    page.wait_for_url(f"**/marketing/segment/{germans.pk}/")

    germans.refresh_from_db()
    with translation.override(language):
        draft = str(campaign.get_state_display())
    for said in (hint, asked):
        assert "Autumn teas" in said
        assert draft in said
    assert before == GERMANS
    assert germans.rules["all"][0]["value"] == "FR"


def test_another_name_of_a_segment_in_use_is_saved_without_asking(page, visit, germans, campaign):
    visit(germans, "change")
    page.fill("#id_name", "People in Germany")

    page.click("[name=_save]")
    page.wait_for_url(f"**/marketing/segment/{germans.pk}/")

    germans.refresh_from_db()
    assert germans.name == "People in Germany"


@BOTH
def test_segments_in_use_are_not_deleted_together_and_are_named(
    page, live_server, germans, campaign, language
):
    Segment.objects.create(name="Asks for Germans", rules={"version": 1, "all": [{"segment": 1}]})
    Segment.objects.filter(name="Asks for Germans").update(
        rules={"version": 1, "all": [{"segment": germans.pk}]}
    )
    page.goto(live_server.url + reverse("admin:marketing_segment_changelist"))

    page.locator(f"input[name=_selected_action][value='{germans.pk}']").check()
    page.select_option("select[name=action]", "delete_selected")
    with page.expect_navigation():
        page.evaluate("document.getElementById('changelist-form').submit()")
    told = page.inner_text("body")

    assert "Autumn teas" in told
    assert "Asks for Germans" in told
    assert page.locator("form input[name=post]").count() == 0
    assert Segment.objects.filter(pk=germans.pk).exists()


@BOTH
def test_a_snapshot_asks_for_a_name(page, visit, germans, greta):
    visit(germans)
    page.click("[data-dialog=snapshot-dialog]")
    page.fill("#snapshot-name", "Germans then")

    page.click("#snapshot-dialog button[type=submit]")
    page.get_by_text("Germans then").first.wait_for()

    kept = Segment.objects.get(name="Germans then")
    assert kept.kind == SegmentKind.LIST
    assert page.url.endswith(f"/{kept.pk}/")
    assert greta.email in page.inner_text("body")


@BOTH
def test_a_list_is_filled_by_a_file_and_its_report_is_downloaded(
    page, visit, greta, now, tmp_path, language
):
    guests = Segment.objects.create(name="Guests", kind=SegmentKind.LIST)
    segments.refresh(segment_id=guests.pk, now=now)
    file = tmp_path / "guests.csv"
    file.write_text(f"email\n{greta.email}\neve@no.example\nnonsense\n", encoding="utf-8")
    visit(guests, "upload")

    page.set_input_files("input[type=file]", str(file))
    page.locator("form[enctype] button[type=submit]").click()
    page.locator("[role=status] .rp-figure").first.wait_for()
    figures = page.locator("[role=status] .rp-figure").all_inner_texts()
    with page.expect_download() as told:
        page.locator("a[href*='upload/report']").click()

    rows = told.value.path().read_text(encoding="utf-8-sig").splitlines()
    with translation.override(language):
        assert str(_("No customer is known by it")) in rows[2]
    assert figures == ["3", "1", "0", "1", "1"]
    assert len(rows) == 4


def test_a_file_that_cannot_be_read_says_so_in_place(page, visit, now, tmp_path):
    guests = Segment.objects.create(name="Guests", kind=SegmentKind.LIST)
    segments.refresh(segment_id=guests.pk, now=now)
    file = tmp_path / "guests.csv"
    file.write_text("colour\nred\n", encoding="utf-8")
    visit(guests, "upload")

    page.set_input_files("input[type=file]", str(file))
    page.locator("form[enctype] button[type=submit]").click()

    page.locator("[role=alert]", has_text="must name a column").wait_for()


@BOTH
def test_sizes_are_shown_for_another_span_and_the_plan_unfolds(page, visit, germans, now):
    for days in range(60):
        SegmentSize.objects.get_or_create(
            segment=germans,
            hour_at=now.replace(minute=0, second=0, microsecond=0) - timedelta(days=days, hours=1),
            defaults={"members": 40 + days},
        )
    visit(germans)
    month = page.locator(".rp-sizes-step").count()

    page.locator("#segment-sizes a[href='?days=90']").click()
    page.locator("#segment-sizes a[href='?days=90'][aria-current]").wait_for()
    quarter = page.locator(".rp-sizes-step").count()
    page.locator(".rp-plan > summary").click()
    page.locator(".rp-plan-text").wait_for()

    assert month < 35
    assert quarter >= 60
    assert "Scan" in page.inner_text(".rp-plan-text")


def test_the_page_shows_a_computation_that_ends_by_itself(page, visit, germans, ben, now):
    Segment.objects.filter(pk=germans.pk).update(rules={"version": 1, "all": []})
    segments.request_refresh(segment_id=germans.pk, now=now)
    visit(germans)
    page.get_by_text("being computed").wait_for()

    segments.refresh(segment_id=germans.pk, now=now)

    page.locator("td", has_text=ben.email).wait_for()
    assert page.get_by_text("being computed").count() == 0


def test_segments_to_compare_are_found_by_name_and_stay_chosen(page, live_server, germans):
    Segment.objects.bulk_create(
        Segment(name=f"List {number}", kind=SegmentKind.LIST) for number in range(301)
    )
    page.goto(live_server.url + reverse("admin:marketing_segment_overlap"))
    offered = page.locator("[name=segments]").count()

    page.locator("label", has_text="Germans").locator("input").check()
    page.locator("#segment-text").press_sequentially("299")
    page.locator("label", has_text="List 299").wait_for()
    page.locator("label", has_text="List 299").locator("input").check()
    page.locator("form[method=get] button[type=submit]").last.click()
    page.locator(".rp-upset svg").wait_for()

    assert offered == 50
    assert "Germans" in page.inner_text(".rp-upset")
    assert "List 299" in page.inner_text(".rp-upset")


def test_a_person_is_put_into_one_of_very_many_segments(page, live_server, germans, ben):
    Segment.objects.bulk_create(
        Segment(name=f"List {number}", kind=SegmentKind.LIST) for number in range(301)
    )
    page.goto(live_server.url + reverse("admin:crm_customer_change", args=[ben.pk]))
    page.locator("details:has(#put-segment) > summary").click()

    page.locator("#put-segment").press_sequentially("germ")
    page.locator("#put-segments input[type=radio]").check()
    page.locator("details:has(#put-segment) #put-reason").fill("Moved to Bonn")
    page.locator("details:has(#put-segment) button[type=submit]").click()
    page.get_by_text("Moved to Bonn").first.wait_for()

    assert germans.memberships.filter(customer=ben).exists()
