"""Templates are published in versions that never change."""

from datetime import datetime

import pytest

from crm import templates
from crm.channels.segments import measure
from crm.models import Template, TemplateVersion, TrackedLink
from crm.rendering import RenderError
from tests import making

pytestmark = pytest.mark.django_db

HTML = '<p>Hello {{ customer.first_name }}, <a href="https://shop.example/tea">tea</a></p>'


@pytest.fixture
def template(now: datetime) -> Template:
    return Template.objects.create(name="Spring", channel="email", created_at=now)


def publish(
    template: Template, now: datetime, subject: str = "Hi", html: str = HTML
) -> TemplateVersion:
    """Publish a mail as a version."""
    return templates.publish(
        template=template, subject=subject, html=html, text="", by=None, now=now
    )


def test_each_change_makes_a_new_version(template: Template, now: datetime) -> None:
    publish(template, now, subject="Spring")

    second = publish(template, now, subject="Summer")

    assert second.number == 2
    assert templates.latest(template_id=template.pk) == second


def test_content_that_did_not_change_makes_no_new_version(
    template: Template, now: datetime
) -> None:
    first = publish(template, now)

    assert publish(template, now) == first
    assert TemplateVersion.objects.count() == 1


def test_a_version_knows_its_tracked_links(template: Template, now: datetime) -> None:
    version = publish(template, now)

    assert list(TrackedLink.objects.filter(version=version).values_list("position", "url")) == [
        (1, "https://shop.example/tea")
    ]


def test_a_template_that_cannot_be_compiled_is_not_published(
    template: Template, now: datetime
) -> None:
    with pytest.raises(RenderError):
        publish(template, now, html="{% if %}")

    assert templates.latest(template_id=template.pk) is None


def test_a_preview_shows_a_real_customer_and_tracks_nothing(now: datetime) -> None:
    customer = making.customer(now=now, first_name="Grace")

    rendered = templates.preview(
        channel="email", subject="", html=HTML, text="", customer_id=customer.pk, now=now
    )

    assert "Hello Grace" in rendered.html
    assert 'href="https://shop.example/tea"' in rendered.html
    assert "<img" not in rendered.html


@pytest.mark.parametrize("has_ordered", [True, False])
@pytest.mark.parametrize(
    "starter", templates.starters(), ids=lambda starter: f"{starter.name}-{starter.language}"
)
def test_every_starter_can_be_sent_to_anybody(
    starter: templates.Starter, has_ordered: bool, now: datetime
) -> None:
    customer = making.customer(now=now, first_name="", language=starter.language)
    if has_ordered:
        making.order(now=now, customer=customer)

    rendered = templates.preview(
        channel=starter.channel,
        subject=starter.subject,
        html=starter.html,
        text=starter.text,
        customer_id=customer.pk,
        now=now,
    )

    assert "{{" not in rendered.subject + rendered.html + rendered.text
    assert bool(rendered.subject) == (starter.channel == "email")
    assert starter.channel == "sms" or "nsubscribe" in rendered.text or "退订" in rendered.text


def test_the_sms_starters_fit_into_two_segments(now: datetime) -> None:
    for starter in templates.starters():
        if starter.channel == "sms":
            assert measure(starter.text).segments <= 2
