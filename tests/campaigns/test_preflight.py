"""What stands against a launch is said before anybody is written to."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns import preflight
from campaigns.models import Campaign
from crm.models import Template
from marketing.models import Segment
from tests import making
from tests.campaigns import staging

pytestmark = pytest.mark.django_db


def codes(campaign: Campaign, now: datetime) -> list[str]:
    return [problem.code for problem in preflight.check_launch(campaign=campaign, now=now)]


@pytest.fixture
def campaign(now: datetime) -> Campaign:
    """A campaign to which nothing is to be said."""
    return staging.draft(customers=[making.subscriber(now=now)], now=now)


def test_a_sound_campaign_has_no_problems(campaign: Campaign, now: datetime) -> None:
    assert codes(campaign, now) == []


def test_a_campaign_without_segment_and_message_says_both(now: datetime) -> None:
    assert codes(Campaign.objects.create(name="Empty"), now) == ["no_segment", "no_message"]


def test_a_time_that_has_passed_stops_the_launch(campaign: Campaign, now: datetime) -> None:
    campaign.scheduled_at = now - timedelta(minutes=1)

    assert codes(campaign, now) == ["in_the_past"]


def test_a_segment_that_fails_is_named(campaign: Campaign, now: datetime) -> None:
    campaign.segments.add(Segment.objects.create(name="Odd", error="No such field"))

    problems = preflight.check_launch(campaign=campaign, now=now)

    assert [problem.code for problem in problems] == ["segment_fails"]
    assert "Odd" in problems[0].message
    assert "No such field" in problems[0].message


def test_a_segment_never_computed_is_only_a_warning(campaign: Campaign, now: datetime) -> None:
    campaign.segments.add(Segment.objects.create(name="New"))

    problems = preflight.check_launch(campaign=campaign, now=now)

    assert [(problem.code, problem.stops) for problem in problems] == [
        ("segment_not_computed", False)
    ]


def test_a_template_without_content_stops_the_launch(campaign: Campaign, now: datetime) -> None:
    empty = Template.objects.create(name="Empty", channel="email", created_at=now)
    campaign.steps.update(template=empty)

    assert codes(campaign, now) == ["no_content"]


def test_a_template_of_another_channel_stops_the_launch(campaign: Campaign, now: datetime) -> None:
    campaign.steps.update(channel="sms")

    assert codes(campaign, now) == ["other_channel"]


def test_a_template_that_does_not_compile_stops_the_launch(
    campaign: Campaign, now: datetime
) -> None:
    version = campaign.steps.get().template.versions.get()
    version.text = "Hello {{ customer.first_name"
    version.save()

    assert codes(campaign, now) == ["template_fails"]


def test_a_variable_nobody_provides_is_found_on_real_people(now: datetime) -> None:
    html = "<p>{{ customer.shoe_size }} {{ unsubscribe_url }}</p>"
    campaign = staging.draft(customers=[making.subscriber(now=now)], now=now, html=html)

    problems = preflight.check_launch(campaign=campaign, now=now)

    assert [problem.code for problem in problems] == ["sample_fails"]
    assert "shoe_size" in problems[0].message


def test_marketing_mail_without_an_unsubscribe_link_is_warned_of(now: datetime) -> None:
    campaign = staging.draft(
        customers=[making.subscriber(now=now)], now=now, html="<p>No way out</p>"
    )
    version = campaign.steps.get().template.versions.get()
    version.text = "No way out"
    version.save()

    problems = preflight.check_launch(campaign=campaign, now=now)

    assert [(problem.code, problem.stops) for problem in problems] == [
        ("no_unsubscribe_link", False)
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Tea is here", ["no_opt_out_words"]),
        ("Tea is here. Reply STOP to end", []),
        ("新茶上市，回复退订停止接收", []),
        ("Tea is here. Out: {{ unsubscribe_url }}", []),
        ("Stop by and have a tea", ["no_opt_out_words"]),
        ("Tea! Reply stop to end", []),
        ("Tee! Antworte STOPP", []),
        ("Tea{% if customer.city == 'Oslo' %} STOP{% endif %}", ["no_opt_out_words"]),
    ],
)
def test_a_marketing_sms_says_how_to_opt_out(
    campaign: Campaign, now: datetime, text: str, found: list[str]
) -> None:
    sms = staging.template(now=now, channel="sms", html="", text=text)
    campaign.steps.update(channel="sms", template=sms)

    assert codes(campaign, now) == found
    assert [one.stops for one in preflight.check_launch(campaign=campaign, now=now)] == [
        True for _ in found
    ]


def test_an_audience_that_may_not_be_written_to_stops_the_launch(now: datetime) -> None:
    campaign = staging.draft(customers=[making.customer(now=now)], now=now)

    assert codes(campaign, now) == ["nobody_reachable"]


def test_a_sender_whose_mails_would_fail_is_worth_a_second_look(
    campaign: Campaign, now: datetime, settings: Any
) -> None:
    settings.EMAIL_URL, settings.EMAIL_FROM = "smtp://192.0.2.9:25", "Shop <a@shop.example>"
    settings.EMAIL_BOUNCE_DOMAIN = "bounce.relay.example"

    problems = preflight.check_launch(campaign=campaign, now=now)

    assert [problem.code for problem in problems] == ["not_signed", "envelope_apart"]
    assert preflight.stopping(problems=problems) == []
    assert "bounce.relay.example" in problems[1].message
