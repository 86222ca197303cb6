"""Double opt-in: only who owns the address can grant what was asked for."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client

from crm import consent, preferences
from crm.choices import Channel
from crm.models import ConsentDecision, Customer, Message
from tests import making

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(now: datetime) -> Customer:
    return making.customer(now=now, email="ada@shop.example", phone="+441134960123")


def sign_up(customer: Customer, **known) -> preferences.SignUp:
    told = {"channel": "email", "purposes": ("marketing", "newsletter"), "source": "sign_up"}
    return preferences.SignUp(customer_id=customer.pk, **{**told, **known})


def link(message: Message) -> str:
    return next(word for word in message.text.split() if "/s/" in word)


def refusal(customer: Customer, now: datetime, purpose: str = "marketing") -> str | None:
    found = consent.check_many(
        customer_ids=[customer.pk], channel="email", purpose=purpose, now=now
    )
    return found[customer.pk].refusal


def test_nothing_is_sent_before_it_is_confirmed(ada: Customer, now: datetime) -> None:
    assert preferences.ask(sign_up=sign_up(ada, text_shown="Yes, write to me"), now=now)

    assert refusal(ada, now) == "not_confirmed"
    letter = Message.objects.get()
    assert letter.purpose == "transactional"
    assert "/s/" in letter.text
    assert {row.text_shown for row in ada.consent_decisions.all()} == {"Yes, write to me"}


def test_the_link_asks_first_and_grants_by_its_button(
    ada: Customer, now: datetime, client: Client, time_machine
) -> None:
    time_machine.move_to(now + timedelta(minutes=5))
    preferences.ask(sign_up=sign_up(ada), now=now)
    address = urlsplit(link(Message.objects.get())).path

    shown = client.get(address).content.decode()
    assert "Newsletter" in shown
    assert refusal(ada, now) == "not_confirmed"
    for _ in range(2):
        assert "confirmed" in client.post(address).content.decode()

    assert refusal(ada, now) is None
    assert refusal(ada, now, "newsletter") is None
    assert ConsentDecision.objects.filter(source="confirmation").count() == 2


def test_the_letter_speaks_the_language_of_the_customer(now: datetime) -> None:
    customer = making.customer(now=now, language="zh-cn")

    preferences.ask(sign_up=sign_up(customer), now=now)

    assert "确认" in Message.objects.get().text


def test_an_sms_is_confirmed_by_sms(ada: Customer, now: datetime) -> None:
    preferences.ask(sign_up=sign_up(ada, channel=Channel.SMS), now=now)

    assert Message.objects.get().channel == "sms"


def test_asking_again_within_the_hour_writes_once(ada: Customer, now: datetime) -> None:
    assert preferences.ask(sign_up=sign_up(ada), now=now)

    assert not preferences.ask(sign_up=sign_up(ada), now=now + timedelta(minutes=59))
    assert preferences.ask(sign_up=sign_up(ada), now=now + timedelta(minutes=61))
    assert Message.objects.count() == 2


def test_what_is_granted_stays_granted(ada: Customer, now: datetime) -> None:
    consent.grant(customer_id=ada.pk, channel="email", source="checkout", now=now)

    preferences.ask(sign_up=sign_up(ada), now=now + timedelta(days=1))

    assert refusal(ada, now) is None
    assert refusal(ada, now, "newsletter") == "not_confirmed"


@pytest.mark.parametrize("days", [15, 400])
def test_an_old_link_confirms_nothing(ada: Customer, now: datetime, days: int) -> None:
    preferences.ask(sign_up=sign_up(ada), now=now)
    decision = ConsentDecision.objects.order_by("pk").first()
    assert decision

    with pytest.raises(preferences.NotWaiting):
        preferences.confirm(decision_id=decision.pk, now=now + timedelta(days=days))


def test_what_was_withdrawn_since_is_not_confirmed(ada: Customer, now: datetime) -> None:
    preferences.ask(sign_up=sign_up(ada), now=now)
    decision = ConsentDecision.objects.order_by("pk").first()
    assert decision
    later = now + timedelta(hours=1)
    consent.withdraw_all(customer_id=ada.pk, channel="email", source="keyword", now=later)

    with pytest.raises(preferences.NotWaiting):
        preferences.confirm(decision_id=decision.pk, now=later)


def test_a_granted_decision_is_no_ticket(ada: Customer, now: datetime) -> None:
    consent.grant(customer_id=ada.pk, channel="email", source="checkout", now=now)
    decision = ConsentDecision.objects.get()

    with pytest.raises(preferences.NotWaiting):
        preferences.find(decision_id=decision.pk, now=now)
