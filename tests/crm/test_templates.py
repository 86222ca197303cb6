"""Templates are published in versions that never change."""

from datetime import datetime

import pytest

from crm import templates
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
