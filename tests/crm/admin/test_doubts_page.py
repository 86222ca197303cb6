"""The page of messages in doubt, and who may settle them."""

from datetime import datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from crm import messages
from crm.channels.memory import MemoryAdapter
from crm.channels.posting import NOTHING_OF_OURS
from crm.models import Message
from tests import making
from tests.crm.messages.letters import draft, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def message(now: datetime, provider: MemoryAdapter) -> Message:
    """A transactional message of which nobody knows whether it arrived."""
    letter = draft(making.customer(now=now), purpose="transactional", source_kind="")
    write(letter, now=now)
    doubt = messages.Settlement(letter.message_id, "in_doubt", "worker_lost", provider="memory")
    messages.settle_many(outcomes=[doubt], now=now)
    return Message.objects.get(pk=letter.message_id)


def signed_in(*permissions: str) -> Client:
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def say(client: Client, verb: str, message: Message) -> int:
    told = {"verb": verb, "message": str(message.pk), "reason": "The log says so"}
    return client.post(reverse("admin:crm_doubts_settle"), told).status_code


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_page_says_why_since_when_and_what_will_happen(message: Message, language: str) -> None:
    client = signed_in("view_message", "settle_message")
    client.cookies["django_language"] = language

    page = client.get(reverse("admin:crm_doubts")).content.decode()

    assert reverse("admin:crm_message_change", args=[message.pk]) in page
    plan = {"en": "Sent again; it may arrive twice", "zh-hans": "再次发送；可能会收到两次"}
    assert plan[language] in page
    assert 'value="again"' in page


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Its list of messages says nothing that is ours alone."),
        ("zh-hans", "其消息列表中没有任何仅属于我们的标识。"),
    ],
)
def test_the_page_says_why_a_provider_cannot_be_asked(
    message: Message, monkeypatch: pytest.MonkeyPatch, language: str, said: str
) -> None:
    monkeypatch.setattr(MemoryAdapter, "unasked", NOTHING_OF_OURS, raising=False)
    Message.objects.filter(pk=message.pk).update(purpose="marketing")
    client = signed_in("view_message")
    client.cookies["django_language"] = language

    assert said in client.get(reverse("admin:crm_doubts")).content.decode()


@pytest.mark.parametrize(
    ("verb", "state"), [("sent", "sent"), ("failed", "failed"), ("again", "queued")]
)
def test_staff_with_the_right_settle_it(message: Message, verb: str, state: str) -> None:
    assert say(signed_in("view_message", "settle_message"), verb, message) == 302

    assert Message.objects.get(pk=message.pk).state == state


def test_staff_without_the_right_see_it_and_settle_nothing(message: Message) -> None:
    client = signed_in("view_message")

    assert b"Mark as sent" not in client.get(reverse("admin:crm_doubts")).content
    assert say(client, "sent", message) == 403
    assert Message.objects.get(pk=message.pk).state == "in_doubt"


def test_without_any_right_there_is_no_page(message: Message) -> None:
    assert signed_in().get(reverse("admin:crm_doubts")).status_code == 403
