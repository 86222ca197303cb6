"""Staff compare segments: how they overlap, what stands out, and what to do with them."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import OperationalError
from django.urls import reverse

from marketing import segments
from marketing.admin import segment_overlap, segment_profile
from marketing.models import Segment
from tests import making

OVERLAP = reverse("admin:marketing_segment_overlap")


@pytest.fixture
def first_names(germans, greta, now):
    """Greta again, and Hugo, who is no German."""
    making.customer(now=now, country="IT", first_name="Hugo")
    rules = {"version": 1, "all": [{"field": "first_name", "op": "in", "value": ["Greta", "Hugo"]}]}
    made = Segment.objects.create(name="Known <by> name", rules=rules)
    segments.refresh(segment_id=made.pk, now=now)
    return made


@pytest.fixture
def compared(admin, germans, first_names):
    return admin.get(OVERLAP, {"segments": [germans.pk, first_names.pk]})


def test_the_overlap_is_drawn_and_told(compared):
    html = compared.content.decode()

    assert html.count("rp-upset-column") == 2
    assert "Known &lt;by&gt; name + Germans" in html
    assert "<by>" not in html


def test_a_column_becomes_a_segment_of_just_these_people(admin, compared, germans, first_names):
    columns = compared.context["plot"].columns
    alone = next(column for column in columns if column.names == [first_names.name])
    [rules] = parse_qs(urlsplit(alone.address).query)["rules"]

    form = admin.get(alone.address).content.decode()

    assert json.loads(rules)["all"] == [
        {"segment": first_names.pk},
        {"not": [{"segment": germans.pk}]},
    ]
    assert f"&quot;segment&quot;: {first_names.pk}" in form


def test_rules_in_an_address_that_are_none_begin_nothing(admin):
    answer = admin.get(reverse("admin:marketing_segment_add"), {"rules": "["})

    assert "&quot;all&quot;: []" in answer.content.decode()


def test_nothing_chosen_says_what_to_do(admin, db):
    assert "Choose two segments" in admin.get(OVERLAP).content.decode()


def test_words_for_numbers_choose_nothing(admin, germans):
    answer = admin.get(OVERLAP, {"segments": ["x", "-1", "99999999999999999"]})

    assert answer.context["overlap"].segments == ()


def test_segments_are_chosen_for_comparison_in_the_list(admin, germans, first_names):
    chosen = [germans.pk, first_names.pk]
    asked = {"action": "compare", "_selected_action": chosen}

    answer = admin.post(reverse("admin:marketing_segment_changelist"), asked)

    assert parse_qs(urlsplit(answer["Location"]).query)["segments"] == [
        str(pk) for pk in sorted(chosen, key=lambda pk: Segment.objects.get(pk=pk).name)
    ]


def test_the_profile_says_what_stands_out(admin, now, greta):
    for number in range(60):
        making.customer(now=now, country="DE" if number % 2 else "FR", city="Bonn")
    rules = {"version": 1, "all": [{"field": "country", "op": "is", "value": "DE"}]}
    made = Segment.objects.create(name="Germans", rules=rules)
    segments.refresh(segment_id=made.pk, now=now)

    html = admin.get(reverse("admin:marketing_segment_profile", args=[made.pk])).content.decode()

    assert "country: DE" in html
    assert "× 2.0" in html


def test_a_few_people_are_not_compared(admin, germans):
    html = admin.get(reverse("admin:marketing_segment_profile", args=[germans.pk])).content

    assert b"Too few people" in html


def test_a_campaign_begins_with_the_segment(admin, germans):
    page = admin.get(reverse("admin:marketing_segment_page", args=[germans.pk]))

    [sender] = page.context["senders"]
    form = admin.get(sender["address"]).content.decode()

    assert f'<option value="{germans.pk}" selected>Germans</option>' in form


@pytest.mark.parametrize("part", ["profile", "overlap"])
def test_newcomers_compare_nothing(newcomer, germans, part):
    arguments = [germans.pk] if part == "profile" else []

    answer = newcomer.get(reverse(f"admin:marketing_segment_{part}", args=arguments))

    assert answer.status_code == 403


def test_very_large_segments_are_compared_once_the_page_is_there(
    admin, germans, first_names, monkeypatch
):
    monkeypatch.setattr(segment_overlap, "LATER", 0)
    asked = {"segments": [germans.pk, first_names.pk]}

    first = admin.get(OVERLAP, asked)
    then = admin.get(OVERLAP, {**asked, "now": "1"})

    assert first.context["plot"] is None
    assert 'hx-select="#segment-overlap"' in first.content.decode()
    assert "this takes some seconds" in first.content.decode()
    assert then.content.decode().count("rp-upset-column") == 2
    assert 'hx-select="#segment-overlap"' not in then.content.decode()


def test_what_takes_too_long_to_compare_says_so(admin, germans, first_names, monkeypatch):
    def stop(**_asked):
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(segment_overlap.overlaps, "compare", stop)
    monkeypatch.setattr(segment_profile.profiles, "describe", stop)

    overlap = admin.get(OVERLAP, {"segments": [germans.pk, first_names.pk]})
    profile = admin.get(reverse("admin:marketing_segment_profile", args=[germans.pk]))

    assert "Comparing took too long" in overlap.content.decode()
    assert "Comparing took too long" in profile.content.decode()


def test_segments_to_compare_are_offered_by_name(admin, newcomer, germans, first_names):
    find = reverse("admin:marketing_segment_find")

    html = admin.get(find, {"segments": first_names.pk, "text": "germ"}).content.decode()

    assert html.count("checked") == 1
    assert "Germans" in html
    assert newcomer.get(find).status_code == 403
    assert newcomer.get(reverse("admin:marketing_segment_named")).status_code == 403
