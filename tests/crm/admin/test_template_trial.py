"""Beside the preview staff send themselves a test of what it shows."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from crm import template_trials
from crm.channels import base
from crm.models import Customer, TemplateVersion
from crm.template_trials import Trial

pytestmark = pytest.mark.django_db
SEES = ("view_template", "view_customer")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Trial]:
    """What is handed to the operation, which sends it."""
    trials: list[Trial] = []

    def send(*, trial: Trial, **_: Any) -> base.Outcome:
        trials.append(trial)
        return base.Outcome(1, base.SENT)

    monkeypatch.setattr(template_trials, "send", send)
    return trials


def press(client: Client, person: Customer, **changed: str) -> Any:
    content = {"channel": "email", "subject": "Tea", "html": "<p>{{ customer.first_name }}</p>"}
    posted = {**content, "customer_id": person.pk, "test_email": "maria@shop.example", **changed}
    return client.post(reverse("admin:crm_template_test"), posted)


def clerk(*rights: str) -> Client:
    user = User.objects.create_user("clerk", password="x" * 20, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(user)
    return client


def test_what_the_editor_holds_is_sent_as_the_preview_shows_it(
    admin: Client, ada: Customer, asked: list[Trial]
) -> None:
    answer = press(admin, ada)

    assert (asked[0].channel, asked[0].address) == ("email", "maria@shop.example")
    assert "Ada" in asked[0].shown.html
    assert "Sent to maria@shop.example, untracked." in answer.content.decode()


def test_what_went_wrong_is_said(
    admin: Client, ada: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = base.Outcome(1, base.FAILED, reason="rejected")
    monkeypatch.setattr(template_trials, "send", lambda **_: refused)

    failed = press(admin, ada).content.decode()
    mistaken = press(admin, ada, html="<p>{{ customer.shoe_size }}</p>").content.decode()

    assert "was not sent" in failed
    assert "Refused by the provider" in failed
    assert "shoe_size" in mistaken


def test_a_stranger_gets_no_mail(admin: Client, ada: Customer) -> None:
    answer = press(admin, ada, test_email="stranger@shop.example")

    assert "addresses of staff only" in answer.content.decode()


def test_who_may_not_see_personal_data_sends_it_masked(ada: Customer, asked: list[Trial]) -> None:
    press(clerk(*SEES, "change_template"), ada)

    assert "Ada" not in asked[0].shown.html


@pytest.mark.parametrize(
    ("rights", "channel", "status"),
    [
        (SEES, "email", 403),
        (("change_template",), "email", 403),
        ((*SEES, "change_template"), "email", 200),
        ((*SEES, "change_template"), "sms", 403),
        ((*SEES, "check_provideraccount"), "sms", 200),
    ],
)
def test_tests_need_a_right_and_texts_another(
    ada: Customer, asked: list[Trial], rights: tuple[str, ...], channel: str, status: int
) -> None:
    answer = press(clerk(*rights), ada, channel=channel, text="Hello")

    assert (answer.status_code, len(asked)) == (status, status == 200)


def test_the_editor_offers_the_own_address_to_whom_may_send(
    admin: Client, ada: Customer, newsletter: TemplateVersion
) -> None:
    address = reverse("admin:crm_template_change", args=[newsletter.template_id])

    page = admin.get(address).content.decode()
    without = clerk(*SEES).get(address).content.decode()

    assert 'name="test_email" form="trial" value="maria@shop.example"' in page
    assert "test_email" not in without
