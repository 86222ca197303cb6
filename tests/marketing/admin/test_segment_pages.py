"""Staff build, read and refresh segments, and put people in or out by hand, with a reason."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from marketing import segments
from marketing.models import Membership, Segment, SegmentOverride
from tests import making

from .conftest import GERMANS


def address(segment, part):
    return reverse(f"admin:marketing_segment_{part}", args=[segment.pk])


def preview(client, rules):
    text = rules if isinstance(rules, str) else json.dumps(rules)
    return client.post(reverse("admin:marketing_segment_preview"), {"rules": text})


def said(answer):
    return " ".join(str(message) for message in answer.context["messages"])


def members(segment):
    return set(Membership.objects.filter(segment=segment).values_list("customer_id", flat=True))


@pytest.mark.parametrize("part", ["page", "change", "history", "people", "export"])
def test_staff_see_every_page_within_few_queries(
    admin, germans, part, django_assert_max_num_queries
):
    with django_assert_max_num_queries(25):
        answer = admin.get(address(germans, part))

    assert answer.status_code == 200


@pytest.mark.parametrize("part", ["page", "people", "change", "export"])
def test_newcomers_see_nothing(newcomer, germans, part):
    assert newcomer.get(address(germans, part)).status_code == 403


def test_the_page_says_the_rules_in_a_sentence_and_lists_who_is_in(admin, germans, greta, ben):
    html = admin.get(address(germans, "page")).content.decode()

    assert "Customers for whom: country is “DE”." in html
    assert greta.email in html
    assert ben.email not in html


def test_members_are_found_by_name(admin, germans, greta, now):
    making.customer(now=now, country="DE", first_name="Hugo")
    segments.refresh(segment_id=germans.pk, now=now)

    answer = admin.get(address(germans, "page"), {"text": "Hugo"})

    assert [row.customer.first_name for row in answer.context["page"]] == ["Hugo"]


def test_the_preview_counts_reach_and_people_while_rules_are_edited(admin, greta, ben):
    html = preview(admin, GERMANS).content.decode()

    assert "Customers for whom" in html
    assert str(greta) in html
    assert str(ben) not in html


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("{", "This is not JSON yet"),
        ({"version": 1, "all": [{"colour": "red"}]}, "rules.all[0]"),
        ({"version": 1, "all": [{"field": "country", "op": "is"}]}, "rules.all[0].value"),
    ],
)
def test_the_preview_says_what_is_wrong_and_where(admin, db, rules, words):
    answer = preview(admin, rules)

    assert answer.status_code == 200
    assert words in answer.content.decode()


def test_a_condition_without_a_value_yet_is_no_mistake(admin, db):
    rules = {"version": 1, "any": [{"all": [{"field": "city", "op": "is", "value": ""}]}]}

    html = preview(admin, rules).content.decode()

    assert "fill it in to count again" in html
    assert "quotation marks" not in html


def test_newcomers_preview_nothing(newcomer, greta):
    assert preview(newcomer, GERMANS).status_code == 403


def test_a_segment_is_made_computed_and_shown(admin, greta, rung):
    fields = {"name": "New", "kind": "rule", "rules": json.dumps(GERMANS)}

    answer = admin.post(reverse("admin:marketing_segment_add"), fields)

    made = Segment.objects.get(name="New")
    assert answer["Location"] == address(made, "page")
    assert made.refresh_wanted_at is not None
    assert rung == [("refresh_segment", made.pk)]


def test_rules_that_nobody_could_compute_are_refused(admin, db):
    wrong = json.dumps({"version": 1, "all": [{"field": "shoe", "op": "is", "value": "9"}]})

    answer = admin.post(
        reverse("admin:marketing_segment_add"), {"name": "New", "kind": "rule", "rules": wrong}
    )

    assert "rules.all[0].field" in answer.content.decode()
    assert not Segment.objects.exists()


def test_compute_now_rings_a_worker_and_the_page_waits_for_it(admin, germans, rung):
    answer = admin.post(address(germans, "refresh"), follow=True)

    assert "Being computed" in said(answer)
    assert rung == [("refresh_segment", germans.pk)]
    assert 'hx-trigger="every 2s"' in answer.content.decode()


def test_a_computed_segment_is_not_waited_for(admin, germans):
    html = admin.get(address(germans, "page")).content.decode()

    assert 'hx-trigger="every 2s"' not in html


def test_a_person_is_put_in_by_hand_at_once_with_who_and_why(admin, maria, germans, ben):
    until = (timezone.localdate() + timedelta(days=7)).isoformat()

    answer = admin.post(
        address(germans, "put"),
        {"customer": ben.pk, "mode": "include", "reason": "Asked for it", "until": until},
        follow=True,
    )

    override = SegmentOverride.objects.get()
    assert ben.pk in members(germans)
    assert (override.set_by, override.reason) == (maria, "Asked for it")
    assert override.expires_at.date().isoformat() == until
    assert "Asked for it" in answer.content.decode()


def test_a_person_is_kept_out_and_let_in_again(admin, maria, germans, greta):
    fields = {"customer": greta.pk, "mode": "exclude", "reason": "Complained"}
    admin.post(address(germans, "put"), fields)
    kept_out = members(germans)

    admin.post(address(germans, "lift"), {"customer": greta.pk})

    override = SegmentOverride.objects.get()
    assert kept_out == set()
    assert members(germans) == {greta.pk}
    assert override.lifted_by == maria


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"reason": " "}, "Say why"),
        ({"customer": ""}, "Choose a customer"),
        ({"mode": "perhaps"}, "always or never"),
        ({"until": "2020-01-01"}, "from today on"),
        ({"until": "soon"}, "from today on"),
    ],
)
def test_what_is_missing_is_said_and_nobody_is_put(admin, germans, ben, changed, words):
    fields = {"customer": ben.pk, "mode": "include", "reason": "x", **changed}

    answer = admin.post(address(germans, "put"), fields, follow=True)

    assert words in said(answer)
    assert not SegmentOverride.objects.exists()


@pytest.mark.parametrize("verb", ["put", "lift", "refresh"])
def test_newcomers_change_nothing(newcomer, germans, ben, verb):
    fields = {"customer": ben.pk, "mode": "include", "reason": "x"}

    assert newcomer.post(address(germans, verb), fields).status_code == 403
    assert not SegmentOverride.objects.exists()


def test_the_customers_page_shows_segments_and_puts_in_and_out(admin, germans, ben):
    page = reverse("admin:crm_customer_change", args=[ben.pk])
    url = reverse("admin:marketing_segment_put_one")
    offered = admin.get(page).content.decode()

    answer = admin.post(
        url,
        {"segment": germans.pk, "customer": ben.pk, "mode": "include", "reason": "By phone"},
        headers={"referer": page},
    )

    assert url in offered
    assert answer.status_code == 302
    assert ben.pk in members(germans)
    assert "By phone" in admin.get(page).content.decode()


def test_the_page_names_what_uses_the_segment(admin, germans):
    from django.apps import apps

    campaign = apps.get_model("campaigns", "Campaign").objects.create(name="Autumn teas")
    campaign.segments.add(germans)

    html = admin.get(address(germans, "page")).content.decode()

    assert "Autumn teas" in html


def test_the_members_of_a_segment_leave_as_a_file(admin, germans, greta, ben):
    page = admin.get(address(germans, "page")).content.decode()
    posted = {"kind": "customers", "format": "csv", "chosen": "now", "columns-customers": "email"}
    answer = admin.post(address(germans, "export"), posted)

    assert address(germans, "export") in page
    written = b"".join(answer.streaming_content).decode()
    assert greta.email in written
    assert ben.email not in written


def test_a_segment_in_use_is_not_deleted_and_the_page_says_by_what(admin, germans):
    rules = {"version": 1, "all": [{"segment": germans.pk}]}
    Segment.objects.create(name="Asks for Germans", rules=rules)

    answer = admin.post(address(germans, "delete"), {"post": "yes"})

    assert "Asks for Germans" in answer.content.decode()
    assert Segment.objects.filter(pk=germans.pk).exists()


def test_a_segment_that_nothing_uses_is_deleted_with_its_members(admin, germans):
    admin.post(address(germans, "delete"), {"post": "yes"})

    assert not Segment.objects.filter(pk=germans.pk).exists()
    assert not Membership.objects.filter(segment_id=germans.pk).exists()
