"""The template editor: publishing makes versions, the preview shows a real customer's mail."""

import pytest
from django.urls import reverse

from crm import templates
from crm.admin import starters
from crm.models import Template, TemplateVersion

HTML = "<p>Dear {{ customer.first_name }}</p>"


def at(template):
    return reverse("admin:crm_template_change", args=[template.pk])


def draft(**changed):
    content = {"name": "Spring", "channel": "email", "subject": "Tea", "html": HTML, "text": ""}
    return {**content, **changed}


def preview(admin, person, **changed):
    posted = draft(customer_id=person.pk, **changed)
    return admin.post(reverse("admin:crm_template_preview"), posted).content.decode()


def test_a_new_template_is_published_as_version_one(admin, staff):
    admin.post(reverse("admin:crm_template_add"), draft())

    version = TemplateVersion.objects.get()
    assert (version.number, version.created_by, version.template.name) == (1, staff, "Spring")


def test_publishing_again_makes_the_next_version(admin, newsletter):
    admin.post(at(newsletter.template), draft(subject="Better tea"))

    numbers = list(newsletter.template.versions.values_list("number", "subject"))
    assert numbers[0] == (2, "Better tea")
    assert len(numbers) == 2


def test_a_mistake_publishes_nothing_and_loses_no_text(admin, newsletter):
    answer = admin.post(at(newsletter.template), draft(html="<p>{% if %}</p>"))

    assert newsletter.template.versions.count() == 1
    assert "{% if %}" in answer.context["draft"]["html"]
    assert "line 1" in answer.content.decode()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            {"html": "<p>\n{% if orders.count > 9 %}{{ customer.fist_name }}{% endif %}</p>"},
            "html line 2: “customer.fist_name” is no variable of templates. "
            "Is “customer.first_name” meant?",
        ),
        ({"subject": "{{ custmer.city }}"}, "subject line 1: “custmer.city” is no variable"),
        ({"text": "{{ orders['last']['sum'] }}"}, "text line 1: “orders.last.sum” is no variable"),
        ({"text": "{{ coupon|default('') }}"}, "text line 1: “coupon” is no variable"),
    ],
)
def test_a_variable_that_nobody_has_publishes_nothing(admin, newsletter, content, told):
    answer = admin.post(at(newsletter.template), draft(**content))

    assert newsletter.template.versions.count() == 1
    assert [told in str(message) for message in answer.context["messages"]] == [True]


def test_what_customers_products_and_loops_have_is_published(admin, newsletter):
    html = (
        "{{ customer.attributes.plan.name }}{{ customer.first_name.upper() }}{{ shop.name }}"
        "{% for product in orders.last.products %}{{ loop.index }}{{ product.name }}{% endfor %}"
        "{% for one in recommended|recommend(4) %}{{ one.price|money(one.currency) }}{% endfor %}"
        "{% for key, value in customer.attributes.items() %}{{ key }}{% endfor %}"
        "{% macro card(who) %}{{ who.anything }}{{ caller() }}{% endmacro %}{{ range(3)|first }}"
        "{% set ours = orders.get('count') %}{{ ours }}{{ unsubscribe_url }}{{ language }}"
    )

    admin.post(at(newsletter.template), draft(html=html))

    assert newsletter.template.versions.count() == 2


def test_a_new_template_with_a_mistake_leaves_nothing_behind(admin, db):
    admin.post(reverse("admin:crm_template_add"), draft(html="{{ customer."))

    assert not Template.objects.exists()


def test_two_templates_cannot_share_a_name(admin, newsletter):
    answer = admin.post(reverse("admin:crm_template_add"), draft(name="Spring"))

    assert Template.objects.count() == 1
    assert "already exists" in answer.content.decode()


def test_an_older_version_can_be_loaded_again(admin, newsletter):
    admin.post(at(newsletter.template), draft(subject="Better tea"))

    loaded = admin.get(at(newsletter.template), {"version": "1"}).context["draft"]

    assert loaded["subject"] == newsletter.subject


def test_the_preview_is_what_the_chosen_customer_would_get(admin, ada):
    text = preview(admin, ada)

    assert "Dear Ada" in text
    assert "sandbox=" in text


def test_the_preview_names_the_line_of_a_mistake(admin, ada):
    text = preview(admin, ada, html="<p>\n{{ customer.shoe_size }}</p>")

    assert "line 2" in text
    assert "shoe_size" in text


def test_the_preview_seals_what_the_template_says(admin, ada):
    text = preview(admin, ada, html="<script>alert(1)</script><p>Hello</p>")

    assert "<script>alert" not in text


def test_the_preview_lists_the_variables_with_their_values(admin, ada):
    text = preview(admin, ada)

    assert "customer.first_name" in text
    assert "unsubscribe_url" in text


def test_an_sms_is_counted(admin, ada):
    text = preview(admin, ada, channel="sms", text="Hello {{ customer.first_name }}")

    assert "Hello Ada" in text
    assert "1 SMS" in text


def test_a_customer_to_preview_as_is_found_by_name(admin, ada):
    answer = admin.get(reverse("admin:crm_template_people"), {"person": "ada"})

    assert f'data-person="{ada.pk}"' in answer.content.decode()


@pytest.mark.parametrize("page", ["preview", "people"])
def test_a_newcomer_previews_nobody(newcomer, ada, page):
    address = reverse(f"admin:crm_template_{page}")
    posted = draft(customer_id=ada.pk)

    answer = newcomer.post(address, posted) if page == "preview" else newcomer.get(address)

    assert answer.status_code == 403


@pytest.fixture
def starter(settings, tmp_path):
    """One starter in English, beside a folder in a language nobody speaks."""
    settings.BASE_DIR = tmp_path
    for language in ("en", "xx"):
        place = tmp_path / "templates" / "messages" / "spring_sale" / language
        place.mkdir(parents=True)
        (place / "subject.txt").write_text("Sale, {{ customer.first_name }}\n")
        (place / "body.html").write_text(HTML)


def test_a_new_template_can_begin_with_a_starter(admin, db, starter):
    answer = admin.get(reverse("admin:crm_template_add"), {"starter": "spring_sale/en"})

    assert answer.context["draft"]["subject"] == "Sale, {{ customer.first_name }}"
    assert answer.context["draft"]["html"] == HTML
    assert [item.title for item in answer.context["starters"]] == ["Spring sale · English"]


def test_every_starter_that_we_bring_can_be_published(admin, ada):
    for item in starters.every():
        text = preview(
            admin, ada, channel=item.channel, subject=item.subject, html=item.html, text=item.text
        )

        assert "rp-alert--bad" not in text, item.key


def test_a_version_is_withdrawn_with_a_reason(admin, newsletter, newcomer):
    page = f"/admin/crm/templateversion/{newsletter.pk}/"
    refused = newcomer.post(f"{page}withdraw/", {"reason": "Wrong price"})
    admin.post(f"{page}withdraw/", {"reason": " "})
    newsletter.refresh_from_db()
    assert (refused.status_code, newsletter.withdrawn_at) == (403, None)

    admin.post(f"{page}withdraw/", {"reason": "Wrong price"})

    newsletter.refresh_from_db()
    assert newsletter.withdrawn_at is not None
    assert templates.latest(template_id=newsletter.template_id) is None
    assert b"Wrong price" in admin.get(f"{page}change/").content
    editor = admin.get(f"/admin/crm/template/{newsletter.template_id}/change/").content
    assert b"withdrawn" in editor
    assert b"goes out now" not in editor


@pytest.mark.parametrize("channel", ["sms", "push", "webhook"])
def test_what_has_no_html_is_previewed_as_its_text(admin, ada, channel):
    shown = preview(admin, ada, channel=channel, html="", text="Hello {{ customer.first_name }}")

    assert '<div class="rp-bubble">Hello Ada' in shown
    assert "<iframe" not in shown
