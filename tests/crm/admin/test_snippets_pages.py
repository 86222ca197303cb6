"""The snippet pages: publishing, what uses one, and publishing that again."""

import pytest
from django.urls import reverse

from crm import snippets, templates
from crm.models import Snippet, SnippetVersion, Template


@pytest.fixture
def footer(now, db):
    """A published snippet."""
    made = Snippet.objects.create(name="footer", created_at=now)
    return snippets.publish(snippet=made, html="<p>Old</p>", text="", by=None, now=now)


@pytest.fixture
def spring(now, footer):
    """A template that has it."""
    made = Template.objects.create(name="Spring", channel="email", created_at=now)
    templates.publish(
        template=made, subject="Hi", html='{% include "footer" %}', text="", by=None, now=now
    )
    return made


def at(snippet, view="change"):
    return reverse(f"admin:crm_snippet_{view}", args=[snippet.pk])


def test_a_snippet_is_published_in_versions(admin, staff):
    admin.post(reverse("admin:crm_snippet_add"), {"name": "footer", "html": "<p>1", "text": ""})
    made = Snippet.objects.get()

    admin.post(at(made), {"name": "renamed", "html": "<p>2", "text": "two"})

    versions = list(SnippetVersion.objects.values_list("number", "html", "created_by"))
    assert versions == [(2, "<p>2", staff.pk), (1, "<p>1", staff.pk)]
    assert Snippet.objects.get().name == "footer"
    assert admin.get(at(made), {"version": "1"}).context["draft"]["html"] == "<p>1"


@pytest.mark.parametrize(
    ("name", "html", "said"),
    [
        ("new", "<p>\n{% if %}", "line 2"),
        ("footer", "<p>", "already exists"),
        ('a"b', "<p>", "Letters, digits"),
        ("new", '{% include "foter" %}', "There are: footer"),
    ],
)
def test_a_mistake_publishes_nothing_and_loses_no_text(admin, footer, name, html, said):
    answer = admin.post(reverse("admin:crm_snippet_add"), {"name": name, "html": html, "text": ""})

    assert SnippetVersion.objects.count() == 1
    assert Snippet.objects.count() == 1
    assert said in answer.content.decode()
    assert answer.context["draft"]["html"] == html


def test_the_page_says_what_uses_it(admin, footer, spring):
    text = admin.get(at(footer.snippet)).content.decode()

    assert reverse("admin:crm_template_change", args=[spring.pk]) in text
    assert 'form="remove"' not in text


def test_what_uses_it_is_published_again_after_a_look(admin, footer, spring, now):
    snippets.publish(snippet=footer.snippet, html="<p>New</p>", text="", by=None, now=now)
    page = admin.get(at(footer.snippet, "again")).content.decode()

    admin.post(at(footer.snippet, "again"), {"template": [spring.pk]})

    assert "− &lt;p&gt;Old&lt;/p&gt;" in page
    assert "+ &lt;p&gt;New&lt;/p&gt;" in page
    version = templates.latest(template_id=spring.pk)
    assert version.number == 2
    assert "<p>New</p>" in version.made["html"]
    listed = admin.get(reverse("admin:crm_templateversion_change", args=[version.pk]))
    assert b"footer v2" in listed.content


def test_what_is_used_is_not_deleted(admin, footer, spring, now):
    other = Snippet.objects.create(name="other", created_at=now)

    refused = admin.post(at(footer.snippet, "remove"), follow=True)
    gone = admin.post(at(other, "remove"))

    assert "used by: Spring" in refused.content.decode()
    assert gone.url == reverse("admin:crm_snippet_changelist")
    assert list(Snippet.objects.values_list("name", flat=True)) == ["footer"]


@pytest.mark.parametrize("tag", ["b", "mj-text"])
def test_the_preview_shows_it_by_itself(admin, ada, tag):
    html = f"<{tag}>{{{{ customer.first_name }}}}</{tag}>"
    posted = {"name": "card", "html": html, "text": "", "customer_id": ada.pk, "channel": "email"}

    text = admin.post(reverse("admin:crm_snippet_preview"), posted).content.decode()

    assert "Ada" in text
    assert "mj-text" not in text


def test_the_preview_of_a_template_names_the_snippet_that_fails(admin, ada, footer, now):
    snippets.publish(snippet=footer.snippet, html="<p>\n{{ nobody }}", text="", by=None, now=now)
    posted = {
        "name": "Spring",
        "channel": "email",
        "subject": "",
        "html": '{% include "footer" %}',
        "text": "",
        "customer_id": ada.pk,
    }

    text = admin.post(reverse("admin:crm_template_preview"), posted).content.decode()

    assert "snippet “footer”, line 2" in text
    assert "data-line" not in text


def test_a_newcomer_may_do_nothing_with_snippets(newcomer, ada, footer, spring):
    posted = {"name": "a", "html": "<p>", "text": "", "customer_id": ada.pk}
    answers = [
        newcomer.get(at(footer.snippet)),
        newcomer.get(at(footer.snippet, "again")),
        newcomer.post(at(footer.snippet, "again"), {"template": [spring.pk]}),
        newcomer.post(at(footer.snippet, "remove")),
        newcomer.post(reverse("admin:crm_snippet_add"), posted),
        newcomer.post(reverse("admin:crm_snippet_preview"), posted),
    ]

    assert [answer.status_code for answer in answers] == [403] * 6
    assert SnippetVersion.objects.count() == 1
