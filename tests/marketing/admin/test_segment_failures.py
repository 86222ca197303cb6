"""A rule that really runs into its time limit: members stay, and the page says what happened."""

from datetime import timedelta

import pytest
from django.urls import reverse

from crm import customers
from crm.models import Change
from marketing import segments
from marketing.models import Membership, Segment
from marketing.segments import following, refreshing, writing


@pytest.fixture
def slow(germans, monkeypatch):
    """Germans whose statement sleeps longer than it may, however it is asked."""
    quick = writing.base

    def with_a_nap(**asked):
        made = quick(**asked)
        return type(made)(f"{made.sql} UNION ALL SELECT 0 FROM pg_sleep(3)", made.params)

    monkeypatch.setattr(writing, "base", with_a_nap)
    Change.objects.all().delete()
    return germans


def members(of):
    return set(Membership.objects.filter(segment=of).values_list("customer_id", flat=True))


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_refresh_that_takes_too_long_is_told_on_the_page(
    admin, slow, greta, now, settings, language
):
    settings.SEGMENT_TIMEOUT_SECONDS = 0.2
    kept = members(slow)

    done = segments.refresh(segment_id=slow.pk, now=now)
    page = admin.get(
        reverse("admin:marketing_segment_page", args=[slow.pk]),
        headers={"accept-language": language},
    ).content.decode()

    assert "timeout" in done.error
    assert kept == members(slow) == {greta.pk}
    assert 'role="alert"' in page
    if language == "en":
        assert "Its members are still those of before; nobody was dropped." in page
    assert "statement timeout" in page
    assert slow.name in admin.get(reverse("admin:index")).content.decode()


def test_a_follower_that_takes_too_long_is_told_until_it_is_right_again(
    admin, slow, greta, now, monkeypatch
):
    monkeypatch.setattr(following, "_PATIENCE", 0.2)
    customers.correct(customer_id=greta.pk, values={"country": "FR"}, now=now)
    address = reverse("admin:marketing_segment_page", args=[slow.pk])

    segments.follow(now=now)
    told = admin.get(address).content.decode()
    monkeypatch.undo()
    segments.refresh_due(clock=lambda: now + refreshing.RETRY + timedelta(seconds=1))
    mended = admin.get(address).content.decode()

    assert "statement timeout" in told
    assert "statement timeout" not in mended
    assert members(slow) == set()
    assert not Segment.objects.exclude(error="")
