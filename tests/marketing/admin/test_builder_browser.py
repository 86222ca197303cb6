"""The rule builder in a real browser: what staff click together is what the segment holds."""

import json

import pytest
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from marketing.models import Segment
from tests import making

from .browsing import TREE, counted, field, written

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def adding(page, live_server, greta, ben):
    """An empty form for a new segment."""
    page.goto(live_server.url + reverse("admin:marketing_segment_add"))
    page.locator(f"{TREE} .rp-group").wait_for()
    page.fill("#id_name", "Clicked together")
    return page


def row(page, number):
    return page.locator(f"{TREE} .rp-condition:has(> select optgroup)").nth(number)


def choose(page, number, label):
    row(page, number).locator("select").first.select_option(label=label)


NESTED = {
    "version": 1,
    "all": [
        {"field": "country", "op": "in", "value": ["DE"]},
        {
            "any": [
                {"orders": "revenue", "op": "at_least", "value": 300},
                {"not": [{"event": "product.viewed", "at_least": 2, "within_days": 30}]},
            ]
        },
    ],
}


@pytest.mark.parametrize(
    ("language", "sentence"), [("en", "Customers for whom: country is one of"), ("zh-hans", "DE")]
)
def test_a_nested_rule_is_clicked_together_counted_and_kept(adding, language, sentence):
    with translation.override(language):
        words = [str(_("country")), str(_("revenue")), str(_("did …")), str(_("is one of"))]
    country, revenue, did, is_one_of = words

    field(adding, "r.add").click()
    choose(adding, 0, country)
    field(adding, "r.0.op").select_option(label=is_one_of)
    field(adding, "r.0.value").fill("DE")
    field(adding, "r.0.value").press("Enter")
    field(adding, "r.add_group").click()
    choose(adding, 1, revenue)
    field(adding, "r.1.0.value").fill("300")
    field(adding, "r.1.add_group").click()
    field(adding, "r.1.1.how").select_option("not")
    choose(adding, 2, did)
    field(adding, "r.1.1.0.event").fill("product.viewed")
    field(adding, "r.1.1.0.at_least").fill("2")
    field(adding, "r.1.1.0.span").select_option("last")
    field(adding, "r.1.1.0.within_days").fill("30")
    said = counted(adding, 1)
    adding.click("[name=_save]")
    adding.wait_for_url("**/marketing/segment/*/")

    assert sentence in said
    assert "Greta" in said
    assert Segment.objects.get().rules == NESTED


def test_groups_nest_and_conditions_leave_again(adding):
    adding.click("text=Add a condition")
    adding.locator("text=Add a group").first.click()
    choose(adding, 1, "revenue")
    row(adding, 1).locator("input[type=number]").first.fill("300")
    nested = written(adding)

    row(adding, 0).locator("button[aria-label=Remove]").last.click()

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
    adding.click("text=Add a condition")
    choose(adding, 0, "did …")
    field(adding, "r.0.event").fill("product.viewed")
    field(adding, "r.0.span").select_option("last")
    field(adding, "r.0.within_days").fill("30")
    adding.click("text=Add a property")
    field(adding, "r.0.where.0.property").fill("category")
    field(adding, "r.0.where.0.value").fill("Tea")
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
    adding.locator(f"{TREE} .rp-group--any").wait_for()
    drawn = adding.locator(f"{TREE} .rp-condition").count()
    raw = adding.input_value(f"{TREE} textarea")

    assert drawn == 3
    assert json.loads(raw) == rules["any"][2]
    assert written(adding) == rules


def test_a_condition_alone_in_a_not_is_drawn_as_a_group_of_one(adding):
    not_in_bonn = {"not": {"field": "city", "op": "is", "value": "Bonn"}}
    rules = {"version": 1, "all": [{"reach": "sms"}, {"any": [not_in_bonn]}]}

    adding.click("text=Advanced: the rules as JSON")
    adding.fill("#id_rules", json.dumps(rules))
    adding.locator(f"{TREE} .rp-group--not").wait_for()
    drawn = adding.locator(f"{TREE} .rp-condition").count()
    adding.click("text=Paste JSON")
    adding.fill("[data-rules-dialog=paste] textarea", json.dumps({"all": [not_in_bonn]}))
    adding.click("text=Insert")
    adding.locator(f"{TREE} .rp-group--not").nth(1).wait_for()

    assert drawn == 2
    assert written(adding)["all"][-1] == {"all": [{"not": [not_in_bonn["not"]]}]}


def test_what_is_wrong_is_said_while_typing(adding):
    adding.click("text=Advanced: the rules as JSON")
    adding.fill("#id_rules", "{")
    adding.locator("[data-rules-problem]").wait_for()

    assert "not JSON" in adding.inner_text("[data-rules-problem]")


def test_steps_are_undone_and_done_again_by_keyboard(adding):
    adding.click("text=Add a condition")
    choose(adding, 0, "city")
    field(adding, "r.0.value").type("Ber")
    typed = written(adding)["all"]
    field(adding, "r.0.kind").focus()

    adding.keyboard.press("Control+z")
    undone = written(adding)["all"]
    adding.keyboard.press("Control+Shift+z")

    assert typed == [{"field": "city", "op": "is", "value": "Ber"}]
    assert undone == [{"field": "city", "op": "is", "value": ""}]
    assert written(adding)["all"] == typed


def test_a_row_is_copied_moved_and_removed_by_keyboard(adding):
    adding.click("text=Start from …")
    adding.locator("dialog .rp-starter", has_text="Bought once").click()
    field(adding, "r.1.kind").focus()

    adding.keyboard.press("Alt+ArrowUp")
    moved = [one["orders"] for one in written(adding)["all"]]
    field(adding, "r.0.duplicate").press("Enter")
    doubled = [one["orders"] for one in written(adding)["all"]]
    field(adding, "r.2.remove").press("Enter")

    assert moved == ["recency_days", "count"]
    assert doubled == ["recency_days", "recency_days", "count"]
    assert [one["orders"] for one in written(adding)["all"]] == ["recency_days"] * 2
    assert adding.evaluate("document.activeElement.dataset.key") == "r.1.kind"


def test_rules_are_pasted_as_json_and_anything_else_is_refused(adding):
    adding.click("text=Paste JSON")
    area = adding.locator("[data-rules-dialog=paste] textarea")
    area.fill("Dear all")
    adding.click("text=Insert")
    refused = adding.inner_text("[data-rules-wrong]")
    area.fill(json.dumps(NESTED))
    adding.click("text=Insert")

    assert "These are no rules" in refused
    assert written(adding) == NESTED
    assert counted(adding, 1)


def test_values_are_completed_from_real_data_by_keyboard(adding):
    adding.click("text=Add a condition")
    choose(adding, 0, "country")
    field(adding, "r.0.value").focus()
    adding.locator("[role=option]", has_text="FR").wait_for()
    adding.keyboard.type("D")
    adding.locator("[role=option]", has_text="FR").wait_for(state="detached")
    adding.keyboard.press("ArrowDown")
    adding.keyboard.press("Enter")

    assert written(adding)["all"] == [{"field": "country", "op": "is", "value": "DE"}]
    assert "Greta" in counted(adding, 1)


def test_one_starts_from_the_gallery_and_goes_back(adding):
    adding.locator(f"{TREE} .rp-starter", has_text="New customers").click()
    begun = written(adding)["all"]
    adding.locator("[data-rules-tool=undo]").click()

    assert begun == [{"field": "created_at", "op": "within_days", "value": 30}]
    assert written(adding)["all"] == []


def test_a_person_is_found_and_put_in_by_hand(page, live_server, germans, ben, now):
    making.customer(now=now, first_name="Benjamin")
    page.goto(live_server.url + reverse("admin:marketing_segment_page", args=[germans.pk]))
    page.fill("#put-who", ben.email)
    page.locator("#put-people input[type=radio]").first.check()
    page.fill("#put-reason", "Asked at the counter")
    page.click("button:text-is('Put')")
    page.get_by_text("Asked at the counter").wait_for()

    assert "Always in" in page.inner_text("main, #content")
    assert germans.memberships.filter(customer=ben).exists()
