"""A template that passages fail at by our fault goes out all the same, and staff can see it."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign
from crm import templates
from crm.rendering import compiled, running, writing
from tests import making
from tests.campaigns import staging

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(now: datetime) -> Iterator[Campaign]:
    """A campaign that runs, of a template that nobody has compiled yet."""
    people = [making.subscriber(now=now) for _ in range(3)]
    for kept in (compiled.compile_template, compiled._compile):
        kept.cache_clear()
    yield staging.running(customers=people, now=now)
    for kept in (compiled.compile_template, compiled._compile):
        kept.cache_clear()


def test_a_fault_of_ours_is_counted_and_shown(
    campaign: Campaign, admin: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("Ada")

    monkeypatch.setattr(running, "_BEGINS_AT", 1)
    monkeypatch.setattr(writing, "Run", fail)
    staging.send(campaign=campaign, now=now)
    sent = staging.provider().sent

    assert ["Hello Ada" in mail.html for mail in sent] == [True] * 3
    (version,) = templates.slow(now=now)
    parts = 3  # subject, HTML and text
    assert (version.slow_because, version.slow_count) == ("ZeroDivisionError", 3 * parts)
    assert templates.slow(now=now + templates.SLOW_SHOWN_FOR) == []
    for language, said in (("en", "is rendered the slow way"), ("zh-hans", "渲染较慢")):
        page = admin.get(reverse("admin:index"), headers={"accept-language": language})
        lines = [item for item in page.context["attention"] if "ZeroDivisionError" in item.text]
        assert [said in item.text for item in lines] == [True]
        assert version.template.name in lines[0].text
        assert admin.get(lines[0].address).status_code == 200


def test_a_template_without_fault_is_not_shown(campaign: Campaign, now: datetime) -> None:
    staging.send(campaign=campaign, now=now)

    assert templates.slow(now=now) == []
