"""Snippets are published in versions; templates keep those they were published with."""

from datetime import datetime

import pytest
from django.core.exceptions import ValidationError

from crm import republishing, snippets, templates
from crm.models import Snippet, SnippetVersion, Template, TemplateVersion
from crm.rendering import LinkContext, RenderError

pytestmark = pytest.mark.django_db
LINKS = LinkContext("https://s.example/u", "https://s.example/p")


def snippet(name: str, html: str, now: datetime, text: str = "") -> SnippetVersion:
    """Publish a snippet, a new one or the next version."""
    made, _ = Snippet.objects.get_or_create(name=name, defaults={"created_at": now})
    return snippets.publish(snippet=made, html=html, text=text, by=None, now=now)


def template(name: str, now: datetime, html: str = "", **parts: str) -> TemplateVersion:
    """Publish a mail, a new one or the next version."""
    made, _ = Template.objects.get_or_create(
        name=name, defaults={"created_at": now, "channel": "email"}
    )
    content = {"subject": "Hi", "text": "", **parts}
    return templates.publish(template=made, html=html, by=None, now=now, **content)


def shown(version: TemplateVersion) -> str:
    """What a version prints."""
    version.refresh_from_db()
    known = {"customer": {"first_name": "Ada"}}
    return templates.compiled(version=version).render(variables=known, links=LINKS).html


def test_a_template_keeps_the_snippet_it_was_published_with(now: datetime) -> None:
    first = snippet("footer", "<p>Old, {{ customer.first_name }}</p>", now)
    version = template("Spring", now, '<h1>Hi</h1>{% include "footer" %}')

    snippet("footer", "<p>New</p>", now)

    assert shown(version) == "<h1>Hi</h1><p>Old, Ada</p>"
    assert [use.snippet_version for use in version.snippet_uses.all()] == [first]
    assert "customer.first_name" in templates.compiled(version=version).variables


def test_published_again_it_has_the_snippet_of_today(now: datetime) -> None:
    snippet("footer", "<p>Old</p>", now)
    first = template("Spring", now, '{% include "footer" %}')
    newest = snippet("footer", "<p>New</p>", now)

    second = template("Spring", now, '{% include "footer" %}')

    assert (second.number, shown(second), shown(first)) == (2, "<p>New</p>", "<p>Old</p>")
    assert [use.snippet_version for use in second.snippet_uses.all()] == [newest]
    assert template("Spring", now, '{% include "footer" %}') == second


def test_snippets_of_snippets_are_kept_too(now: datetime) -> None:
    snippet("shop", "<b>Tea</b>", now)
    snippet("footer", '<p>{% include "shop" %}</p>', now)

    version = template("Spring", now, '{% include "footer" %}')

    used = version.snippet_uses.values_list("snippet_version__snippet__name", flat=True)
    assert sorted(used) == ["footer", "shop"]
    assert shown(version) == "<p><b>Tea</b></p>"


def test_each_part_takes_its_own_half_of_a_snippet(now: datetime) -> None:
    snippet("footer", "<p>Bye</p>", now, text="Bye!")

    version = template("Spring", now, '{% include "footer" %}', text='{% include "footer" %}')

    assert templates.made_of(version=version).text.count("Bye!") == 1
    snippet("card", "<p>", now)
    with pytest.raises(RenderError, match="text line 1: The snippet “card” has no text of its own"):
        template("Other", now, "x", text='{% include "card" %}')


def test_a_missing_snippet_is_refused_with_those_there_are(now: datetime) -> None:
    snippet("footer", "<p>", now)

    with pytest.raises(RenderError, match=r"no snippet “foter”\. There are: footer"):
        template("Spring", now, '{% include "foter" %}')

    assert not TemplateVersion.objects.exists()


def test_snippets_that_lead_in_a_circle_are_refused(now: datetime) -> None:
    snippet("left", "<p>", now)
    snippet("right", '{% include "left" %}', now)

    with pytest.raises(RenderError, match="circle: left → right → left"):
        snippet("left", '{% include "right" %}', now)

    assert SnippetVersion.objects.filter(snippet__name="left").count() == 1


@pytest.mark.parametrize("html", ["{% if %}", "", "{{ a.__class__ }}", '{% include "gone" %}'])
def test_a_snippet_that_no_template_could_have_is_not_kept(html: str, now: datetime) -> None:
    with pytest.raises(RenderError):
        snippet("footer", html, now)

    assert not SnippetVersion.objects.exists()


def test_content_that_did_not_change_makes_no_new_version(now: datetime) -> None:
    assert snippet("footer", "<p>", now) == snippet("footer", "<p>", now)


def test_what_uses_a_snippet_is_known(now: datetime) -> None:
    footer = snippet("footer", "<p>1", now).snippet
    snippet("layout", '{% include "footer" %}', now)
    spring = template("Spring", now, '{% include "layout" %}').template
    template("Summer", now, '{% include "footer" %}')
    template("Summer", now, "<p>without")

    found = snippets.uses(snippet_id=footer.pk)

    assert found.templates == ((spring, 1),)
    assert found.snippets == ("layout",)
    assert found.is_in_the_past


def test_what_is_used_or_was_is_not_deleted(now: datetime) -> None:
    footer = snippet("footer", "<p>1", now).snippet
    template("Spring", now, '{% include "footer" %}')

    with pytest.raises(ValidationError, match="used by: Spring"):
        snippets.delete(snippet_id=footer.pk)
    template("Spring", now, "<p>without")
    with pytest.raises(ValidationError, match="published before"):
        snippets.delete(snippet_id=footer.pk)
    card = snippet("card", "<p>1", now).snippet
    snippets.delete(snippet_id=card.pk)

    assert list(Snippet.objects.values_list("name", flat=True)) == ["footer"]


def test_everything_that_uses_a_snippet_can_be_published_again(now: datetime) -> None:
    footer = snippet("footer", "<p>Old</p>", now).snippet
    spring = template("Spring", now, '<h1>Hi</h1>{% include "footer" %}').template
    snippet("footer", "<p>New</p>", now)

    (change,) = republishing.plan(snippet_id=footer.pk)
    published = republishing.publish_again(template_ids=[spring.pk], by=None, now=now)

    assert (change.template, change.number, change.has_number, change.error) == (spring, 1, 1, "")
    assert change.lines[0] == (republishing.HEAD, "html")
    assert ("-", "<p>Old</p>") in change.lines
    assert ("+", "<p>New</p>") in change.lines
    assert [(one.template, one.number) for one in published] == [(spring, 2)]
    assert republishing.plan(snippet_id=footer.pk) == []


def test_what_cannot_be_published_again_is_told_and_stays(now: datetime) -> None:
    cards = snippet("cards", "{% macro card() %}a{% endmacro %}", now).snippet
    spring = template("Spring", now, '{% from "cards" import card %}{{ card() }}').template
    snippet("cards", "{% macro other() %}a{% endmacro %}", now)

    (change,) = republishing.plan(snippet_id=cards.pk)

    assert "has no macro “card”" in change.error
    assert republishing.publish_again(template_ids=[spring.pk], by=None, now=now) == []
    assert spring.versions.count() == 1


def test_mjml_is_compiled_once_and_kept(now: datetime) -> None:
    snippet("foot", "<mj-text>Bye {{ customer.first_name }}</mj-text>", now)
    source = (
        "<mjml><mj-body><mj-section><mj-column>"
        '<mj-button href="https://shop.example/{{ customer.first_name }}">Go</mj-button>'
        '{% include "foot" %}</mj-column></mj-section></mj-body></mjml>'
    )

    version = template("Spring", now, source)

    assert (version.kind, version.html) == ("mjml", source)
    assert "<mj-" not in version.made["html"]
    assert "Bye Ada" in shown(version)
    assert list(version.links.values_list("url", flat=True)) == [
        "https://shop.example/{{ customer.first_name }}"
    ]
