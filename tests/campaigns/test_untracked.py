"""Who wants nothing noted gets the same mail without picture and with plain links."""

import re
from datetime import datetime
from typing import Any

import pytest

from campaigns.models import Campaign, Delivery
from crm import messages, tracking
from crm.models import Customer, LinkDay, Message, Template
from crm.tracking import modes
from tests import making
from tests.campaigns import staging
from tests.crm.seeing import saw

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(now: datetime) -> list[Customer]:
    """Two people who allow marketing."""
    return [making.subscriber(now=now) for _ in range(2)]


@pytest.fixture
def campaign(people: list[Customer], now: datetime) -> Campaign:
    """A campaign that runs, its deliveries planned."""
    return staging.running(customers=people, now=now)


def mails() -> dict[str, str]:
    """What everybody got, by their address."""
    return {one.recipient: one.html for one in staging.provider().sent}


def test_a_person_who_refused_gets_plain_links(
    campaign: Campaign, people: list[Customer], now: datetime
) -> None:
    tracking.choose_mode(customer_id=people[0].pk, mode="off", now=now)

    staging.send(campaign=campaign, now=now)

    plain, noted = (mails()[person.email] for person in people)
    assert 'href="https://shop.example/tea"' in plain
    assert "/c/" not in plain
    assert "/o/" not in plain
    assert "/u/" in plain
    assert "/c/" in noted
    assert "/o/" in noted
    for message in Message.objects.all():
        assert messages.show(message=message).is_exact


@pytest.mark.parametrize("which", ["house", "template", "campaign"])
def test_where_tracking_is_off_nobody_is_tracked(
    campaign: Campaign, now: datetime, settings: object, which: str
) -> None:
    if which == "house":
        settings.TRACKING_MODE = "off"  # type: ignore[attr-defined]
    elif which == "template":
        Template.objects.update(tracking="off")
    else:
        Campaign.objects.update(tracking="off")

    staging.send(campaign=campaign, now=now)

    assert len(mails()) == 2
    assert not [html for html in mails().values() if "/c/" in html or "/o/" in html]


@pytest.mark.parametrize(
    ("template", "chosen", "noted"),
    [
        ("", "", "personal"),
        ("", "aggregate", "aggregate"),
        ("aggregate", "personal", "aggregate"),
        ("personal", "off", "off"),
    ],
)
def test_the_stricter_of_campaign_and_template_holds_for_what_was_sent_too(
    campaign: Campaign, now: datetime, template: str, chosen: str, noted: str
) -> None:
    staging.send(campaign=campaign, now=now)
    Template.objects.update(tracking=template)
    Campaign.objects.update(tracking=chosen)

    for letter in Message.objects.all():
        saw("opened", letter.pk, now=now)

    opened = Message.objects.filter(opened_at__isnull=False).count()
    assert opened == (2 if noted == "personal" else 0)
    assert LinkDay.objects.exists() == (noted != "off")


def test_one_question_tells_the_limits_of_a_whole_batch(
    campaign: Campaign, now: datetime, django_assert_num_queries: Any
) -> None:
    Campaign.objects.update(tracking="aggregate")
    deliveries = list(Delivery.objects.values_list("pk", flat=True))
    sources = {("delivery", pk) for pk in deliveries} | {("", None), ("reply", 7)}

    with django_assert_num_queries(1):
        found = modes.limits(sources=sources)

    assert found == {("delivery", pk): "aggregate" for pk in deliveries}


def test_a_mail_has_a_link_that_nobody_sees_unless_the_house_wants_none(
    campaign: Campaign, people: list[Customer], now: datetime, settings: object
) -> None:
    tracking.choose_mode(customer_id=people[0].pk, mode="off", now=now)

    staging.send(campaign=campaign, now=now)

    plain, noted = (mails()[person.email] for person in people)
    assert "display:none" not in plain
    (unseen,) = re.findall("<a [^>]*display:none[^>]*></a>", noted)
    assert re.search(r'href="[^"]*/c/[^"/]+/0"', unseen)
    assert 'aria-hidden="true"' in unseen
    for settings.TRAP_LINK in (True, False):  # type: ignore[attr-defined]
        assert all(messages.show(message=message).is_exact for message in Message.objects.all())


def test_without_the_setting_no_mail_has_it(
    campaign: Campaign, now: datetime, settings: object
) -> None:
    settings.TRAP_LINK = False  # type: ignore[attr-defined]

    staging.send(campaign=campaign, now=now)

    assert "display:none" not in "".join(mails().values())
    for settings.TRAP_LINK in (True, False):  # type: ignore[attr-defined]
        assert all(messages.show(message=message).is_exact for message in Message.objects.all())


def test_counting_without_people_sends_the_same_mail(campaign: Campaign, now: datetime) -> None:
    Template.objects.update(tracking="aggregate")

    staging.send(campaign=campaign, now=now)

    assert all("/c/" in html and "/o/" in html for html in mails().values())
