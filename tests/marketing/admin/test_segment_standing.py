"""A segment says how fresh it is, how large it was, who came and went, and shouts when it fails."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign
from crm import customers
from marketing import segments
from marketing.admin import segment_sizes
from marketing.models import Segment, SegmentMove, SegmentSize
from tests import making

from .conftest import GERMANS

TIMED_OUT = "canceling statement due to statement timeout"


def address(segment, part):
    return reverse(f"admin:marketing_segment_{part}", args=[segment.pk])


def read(client, segment, part="page", **query):
    answer = client.get(address(segment, part), query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def reader(db):
    """Sees segments and customers, and no personal data."""
    made = User.objects.create(username="rita", is_staff=True)
    rights = ["view_segment", "view_customer"]
    made.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(made)
    return client


@pytest.fixture
def slow(germans, now):
    Segment.objects.filter(pk=germans.pk).update(
        error=TIMED_OUT, failing_since_at=now, refresh_wanted_at=now + timedelta(minutes=15)
    )
    germans.refresh_from_db()
    return germans


def test_the_page_says_when_it_was_computed_and_how_long_it_took(admin, germans, now):
    Segment.objects.filter(pk=germans.pk).update(
        refreshed_at=now - timedelta(minutes=3), refresh_seconds=1.25, clocked_at=now
    )

    html = read(admin, germans)

    assert "3 minutes ago" in html
    assert "took 1.25 s" in html
    assert "up to date" in html


def test_a_change_that_waits_is_told_with_its_age(admin, germans, now):
    ada = making.customer(now=now)
    earlier = now - timedelta(minutes=5)
    customers.correct(customer_id=ada.pk, values={"country": "DE"}, now=earlier)

    html = read(admin, germans)

    assert "lags behind" in html
    assert "the oldest change that waits came" in html


def test_a_timeout_is_told_in_full_words_with_what_to_do(admin, slow, settings):
    html = read(admin, slow)

    assert f"took longer than {settings.SEGMENT_TIMEOUT_SECONDS} seconds" in html
    assert "a shorter span of time" in html
    assert "It is tried again" in html
    assert "nobody was dropped" in html
    assert TIMED_OUT in html


def test_broken_rules_are_told_with_what_to_write_instead(admin, germans, now):
    Segment.objects.filter(pk=germans.pk).update(rules={"version": 1, "all": [{"colour": 1}]})
    segments.refresh(segment_id=germans.pk, now=now)

    html = read(admin, germans)

    assert "The rules cannot be computed" in html
    assert "Change the rules" in html


def test_a_failing_segment_is_not_waited_for_until_its_next_try(admin, slow):
    assert 'hx-trigger="every 2s"' not in read(admin, slow)


def test_a_failing_segment_shouts_in_the_list_and_is_found_there(admin, slow, now):
    fine = Segment.objects.create(name="Everybody", rules={"version": 1, "all": []})
    segments.refresh(segment_id=fine.pk, now=now)
    everything = reverse("admin:marketing_segment_changelist")

    html = admin.get(everything).content.decode()
    failing = admin.get(everything, {"state": "failing"}).content.decode()

    assert "One segment cannot be computed." in html
    assert "took longer than" in html
    assert "Everybody" in html
    assert "Germans" in failing
    assert "Everybody" not in failing


@pytest.mark.parametrize("state", ["late", "new", "fresh"])
def test_segments_are_found_by_how_they_stand(admin, germans, now, state):
    Segment.objects.create(name="Just made", rules=GERMANS)
    if state == "late":
        Segment.objects.filter(pk=germans.pk).update(clocked_at=now - timedelta(hours=1))

    html = admin.get(reverse("admin:marketing_segment_changelist"), {"state": state})

    assert ("Germans" in html.content.decode()) == (state != "new")
    assert ("Just made" in html.content.decode()) == (state == "new")


def test_a_failing_segment_shouts_on_the_dashboard_in_words(admin, slow):
    html = admin.get(reverse("admin:index")).content.decode()

    assert "The segment “Germans” cannot be computed" in html
    assert "took longer than" in html


def test_the_dashboard_names_five_and_counts_the_others(admin, now):
    for number in range(7):
        Segment.objects.create(name=f"S{number}", error=TIMED_OUT, failing_since_at=now)

    html = admin.get(reverse("admin:index")).content.decode()

    assert "2 more segments need a look" in html


def test_the_page_counts_who_came_and_went_in_a_day_and_a_week(admin, germans, now):
    for ago, entered, left in ((1, 5, 1), (30, 20, 3), (24 * 8, 500, 400)):
        at = now - timedelta(hours=ago)
        SegmentSize.objects.create(
            segment=germans, hour_at=at, members=9, entered=entered, left=left
        )

    flow = segments.flow(segment_id=germans.pk, now=now)

    assert (flow.entered_day, flow.left_day) == (5, 1)
    assert (flow.entered_week, flow.left_week) == (25, 4)
    assert "+25" in read(admin, germans)


def test_sizes_are_drawn_and_told_as_a_table(admin, germans, now):
    SegmentSize.objects.all().delete()
    for days in range(20):
        at = now - timedelta(days=days)
        SegmentSize.objects.create(
            segment=germans, hour_at=at, members=1000 - days, entered=days, left=1
        )

    html = read(admin, germans, "sizes", days="30")
    week = read(admin, germans, "sizes", days="7")

    assert html.count("rp-sizes-step") == 20
    assert html.count('<th scope="row">') == 20
    assert "1,000" in html
    assert week.count("rp-sizes-step") in (7, 8)


@pytest.mark.parametrize(
    "sizes", [[0, 0], [1], [3, 3], [100, 101], [999_900, 1_000_000], [0, 7], [12_345, 6_789]]
)
def test_every_size_lies_on_the_scale(sizes):
    low, high = segment_sizes.scale(sizes)

    assert low <= min(sizes)
    assert max(sizes) <= high
    assert low < high


@pytest.fixture
def moved(germans, greta, now):
    causes = ["change", "clock", "staff"]
    SegmentMove.objects.bulk_create(
        SegmentMove(
            segment=germans,
            customer=greta,
            moved_at=now - timedelta(minutes=number // 2),
            is_entry=number % 2 == 0,
            cause=causes[number % 3],
        )
        for number in range(130)
    )
    return germans


def test_who_came_and_went_is_paged_without_losing_anybody(
    admin, moved, django_assert_max_num_queries
):
    seen, address_of_next = [], address(moved, "moves")
    while address_of_next:
        with django_assert_max_num_queries(12):
            answer = admin.get(address_of_next)
        seen += [move.pk for move in answer.context["page"].moves]
        older = answer.context["page"].older
        address_of_next = older and address(moved, "moves") + older

    ordered = SegmentMove.objects.order_by("-moved_at", "-id").values_list("pk", flat=True)
    assert seen == list(ordered)


def test_moves_are_found_by_way_and_cause(admin, moved):
    answer = admin.get(address(moved, "moves"), {"way": "left", "cause": "clock"})

    shown = {(move.is_entry, move.cause) for move in answer.context["page"].moves}
    assert shown == {(False, "clock")}
    assert "Time went by" in answer.content.decode()


@pytest.mark.parametrize("before", ["soon", "2026-01-01,x", ",5", "2026-99-99T00:00:00Z,5"])
def test_a_place_that_is_none_begins_at_the_latest(admin, moved, before):
    answer = admin.get(address(moved, "moves"), {"before": before})

    assert len(answer.context["page"].moves) == 50


@pytest.mark.parametrize("part", ["page", "moves"])
def test_names_are_masked_for_who_may_not_see_them(reader, admin, moved, greta, part):
    assert str(greta) in read(admin, moved, part)
    assert str(greta) not in read(reader, moved, part)
    assert greta.email not in read(reader, moved, part)


@pytest.mark.parametrize("part", ["standing", "sizes", "moves", "plan", "upload", "report"])
def test_newcomers_see_nothing_of_it(newcomer, germans, part):
    assert newcomer.get(address(germans, part)).status_code == 403


def test_the_plan_is_for_those_with_the_right_only(reader, admin, germans):
    assert reader.get(address(germans, "plan")).status_code == 403
    assert "PostgreSQL" not in read(reader, germans)
    assert "Scan" in read(admin, germans, "plan")
    assert address(germans, "plan") in read(admin, germans)


def test_the_plan_is_shown_to_staff_who_were_given_it(reader, germans):
    rita = User.objects.get(username="rita")
    rita.user_permissions.add(Permission.objects.get(codename="view_plan"))

    assert "Scan" in read(reader, germans, "plan")


def test_while_it_is_computed_the_page_follows_and_then_shows_all_anew(admin, germans, now):
    segments.request_refresh(segment_id=germans.pk, now=now)
    waiting = admin.get(address(germans, "standing"))

    segments.refresh(segment_id=germans.pk, now=now)
    done = admin.get(address(germans, "standing"))

    assert "every 2s" in waiting.content.decode()
    assert "HX-Refresh" not in waiting.headers
    assert done.headers["HX-Refresh"] == "true"


@pytest.fixture
def campaign(germans):
    made = Campaign.objects.create(name="Autumn teas")
    made.segments.add(germans)
    return made


def test_campaigns_are_named_to_those_who_may_see_them_only(reader, admin, germans, campaign):
    assert "Autumn teas" in read(admin, germans)
    assert "Autumn teas" not in read(reader, germans)
    assert f"campaign #{campaign.pk}" in read(reader, germans)


def test_the_builder_offers_campaigns_to_those_who_may_see_them_only(
    reader, admin, germans, campaign
):
    fresh = Segment.objects.create(name="Fresh", rules={"version": 1, "all": []})
    rita = User.objects.get(username="rita")
    rita.user_permissions.add(Permission.objects.get(codename="change_segment"))

    assert "Autumn teas" in read(admin, fresh, "change")
    assert "Autumn teas" not in read(reader, fresh, "change")


def test_sentences_name_campaigns_to_those_who_may_see_them_only(reader, admin, campaign):
    rules = {"version": 1, "all": [{"campaign": campaign.pk, "fate": "opened"}]}
    readers = Segment.objects.create(name="Readers", rules=rules)

    assert "of the campaign “Autumn teas”" in read(admin, readers)
    assert "Autumn teas" not in read(reader, readers)
    assert f"of campaign #{campaign.pk}" in read(reader, readers)


def test_sentences_name_other_segments(admin, germans):
    rules = {"version": 1, "all": [{"segment": germans.pk}, {"segment": 987654, "op": "not_in"}]}
    nested = Segment.objects.create(name="Nested", rules=rules)

    html = read(admin, nested)

    assert "is in “Germans” and is not in segment #987654" in html


HOSTILE = "<script>alert(1)</script>{{ 7*7 }}"


@pytest.mark.parametrize("part", ["page", "moves", "change", "standing", "history", "delete"])
def test_names_that_are_markup_stay_text(admin, germans, greta, now, part):
    Segment.objects.filter(pk=germans.pk).update(name=HOSTILE, description=HOSTILE, error=HOSTILE)
    using = Campaign.objects.create(name=HOSTILE)
    using.segments.add(germans)
    rules = {"version": 1, "all": [{"segment": germans.pk}]}
    Segment.objects.create(name=f"{HOSTILE} too", rules=rules)
    segments.put(
        segment_id=germans.pk,
        customer_id=greta.pk,
        mode="exclude",
        reason=HOSTILE,
        by=None,
        now=now,
    )

    html = read(admin, germans, part)

    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "{{ 7*7 }}" in html
