"""Beside the preview staff send themselves a test of what it shows."""

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from crm import tasks, template_trials
from crm.channels import base, registry
from crm.channels.memory import MemoryAdapter
from crm.models import Customer, TemplateVersion
from crm.template_trials import Trial

pytestmark = pytest.mark.django_db
SCRIPT = {"HX-Request": "true"}
SEES = ("view_template", "view_customer")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Trial]:
    """What is handed to the operation, which lays it out for a worker."""
    trials: list[Trial] = []

    def ask(*, trial: Trial, by: User, now: datetime) -> str:
        trials.append(trial)
        return real(trial=trial, by=by, now=now)

    real = template_trials.ask
    monkeypatch.setattr(template_trials, "ask", ask)
    return trials


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tests that a worker was rung for."""
    tokens: list[str] = []
    monkeypatch.setattr(tasks, "ring", lambda _task, token: tokens.append(token))
    return tokens


@pytest.fixture(autouse=True)
def _carried(provider: MemoryAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "adapter_class", lambda name: lambda account: provider)


def press(client: Client, person: Customer, **changed: str) -> Any:
    content = {"channel": "email", "subject": "Tea", "html": "<p>{{ customer.first_name }}</p>"}
    posted = {**content, "customer_id": person.pk, "test_email": "maria@shop.example", **changed}
    return client.post(reverse("admin:crm_template_test"), posted, headers=SCRIPT)


def look(client: Client, token: str, **asked: Any) -> Any:
    return client.get(reverse("admin:crm_template_standing", args=[token]), **asked)


def clerk(*rights: str, name: str = "clerk") -> Client:
    user = User.objects.create_user(name, password="x" * 20, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(user)
    return client


def test_what_the_editor_holds_is_sent_by_a_worker_as_the_preview_shows_it(
    admin: Client, ada: Customer, asked: list[Trial], rung: list[str], provider: MemoryAdapter
) -> None:
    answer = press(admin, ada).content.decode()
    at_first = list(provider.sent)
    tasks.send_template_test(rung[0])
    then = look(admin, rung[0], headers=SCRIPT).content.decode()

    assert (asked[0].channel, asked[0].address) == ("email", "maria@shop.example")
    assert "Ada" in asked[0].shown.html
    assert "The test to maria@shop.example waits for a worker." in answer
    assert f'hx-get="{reverse("admin:crm_template_standing", args=rung)}?seen=queued"' in answer
    assert at_first == []
    assert "Sent to maria@shop.example, untracked." in then
    assert "hx-get" not in then


def test_the_page_is_told_nothing_until_there_is_news(
    admin: Client, ada: Customer, rung: list[str]
) -> None:
    press(admin, ada)

    same = look(admin, rung[0], data={"seen": "queued"}, headers=SCRIPT)
    tasks.send_template_test(rung[0])
    news = look(admin, rung[0], data={"seen": "queued"}, headers=SCRIPT)

    assert (same.status_code, same.content) == (204, b"")
    assert news.status_code == 200


def test_without_a_script_a_page_of_its_own_tells_it(
    admin: Client, ada: Customer, rung: list[str]
) -> None:
    press(admin, ada)
    tasks.send_template_test(rung[0])

    page = look(admin, rung[0]).content.decode()

    assert "Test of a template" in page
    assert "Sent to maria@shop.example, untracked." in page


def test_what_is_another_s_or_forgotten_is_not_known(
    admin: Client, ada: Customer, rung: list[str]
) -> None:
    press(admin, ada)

    others = look(clerk(*SEES, "change_template"), rung[0]).content.decode()
    forgotten = look(admin, "forgotten").content.decode()
    barred = look(clerk("view_template", name="other"), rung[0])

    assert "is not known any more" in others
    assert "maria@shop.example" not in others
    assert "is not known any more" in forgotten
    assert barred.status_code == 403


def test_what_went_wrong_is_said(
    admin: Client, ada: Customer, rung: list[str], provider: MemoryAdapter
) -> None:
    provider.script.append(base.Outcome(0, base.FAILED, reason="rejected"))
    press(admin, ada)
    tasks.send_template_test(rung[0])

    failed = look(admin, rung[0], headers=SCRIPT).content.decode()
    mistaken = press(admin, ada, html="<p>{{ customer.shoe_size }}</p>").content.decode()

    assert "was not sent" in failed
    assert "Refused by the provider" in failed
    assert "shoe_size" in mistaken
    assert len(rung) == 1


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
        ((*SEES, "change_template"), "webhook", 403),
    ],
)
def test_tests_need_a_right_and_texts_another(
    ada: Customer, asked: list[Trial], rights: tuple[str, ...], channel: str, status: int
) -> None:
    answer = press(clerk(*rights), ada, channel=channel, text="Hello", test_sms="+441134960000")

    assert (answer.status_code, len(asked)) == (status, status == 200)


def test_the_editor_offers_the_own_address_to_whom_may_send(
    admin: Client, ada: Customer, newsletter: TemplateVersion
) -> None:
    address = reverse("admin:crm_template_change", args=[newsletter.template_id])

    page = admin.get(address).content.decode()
    without = clerk(*SEES).get(address).content.decode()

    assert 'name="test_webhook" form="trial"' in page
    assert "it has no test" in page
    assert 'name="test_email" form="trial" value="maria@shop.example"' in page
    assert "test_email" not in without
