"""What people ask about their data: proven by their address, answered in full."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from crm import consent, events, messages, privacy
from crm.models import Customer, Message, PrivacyRequest
from tests import making

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(now: datetime) -> Customer:
    customer = making.customer(
        now=now, external_id="c-7", email="ada@shop.example", phone="", attributes={"club": "gold"}
    )
    making.order(customer=customer, now=now)
    consent.grant(customer_id=customer.pk, channel="email", source="checkout", now=now)
    return customer


def ask(customer: Customer, now: datetime, kind: str = "export") -> PrivacyRequest:
    return privacy.ask(
        kind=kind, customer_id=customer.pk, source="preferences", channel="email", now=now
    )


def path_of_link() -> str:
    text = Message.objects.order_by("-pk")[0].text
    return urlsplit(next(word for word in text.split() if "/d/" in word)).path


def test_a_link_goes_to_the_address_and_nothing_is_shown_before(
    ada: Customer, now: datetime, client: Client, time_machine
) -> None:
    time_machine.move_to(now)
    asked = ask(ada, now)

    page = client.get(path_of_link()).content.decode()

    assert "gold" not in page
    asked.refresh_from_db()
    assert asked.state == "received"
    assert asked.due_at == now + timedelta(days=30)


def test_the_copy_holds_everything_and_can_be_read_and_taken_along(
    ada: Customer, now: datetime, client: Client, time_machine
) -> None:
    time_machine.move_to(now)
    said = messages.NewMessage(customer_id=ada.pk, channel="email", author="staff", text="Hello")
    messages.say(message=said, now=now)
    ask(ada, now)
    address = path_of_link()

    page = client.post(address, {"show": "yes"}).content.decode()
    copy = client.post(address, {"download": "yes"}).json()

    assert "gold" in page
    assert "A-1" in page
    assert copy["customer"]["email"] == "ada@shop.example"
    assert copy["orders"][0]["lines"]
    assert "Hello" in [message["text"] for message in copy["messages"]]
    assert {row["value"] for row in copy["identity"]} == {"c-7", "ada@shop.example"}
    assert PrivacyRequest.objects.get().state == "done"


def test_asking_twice_within_the_hour_sends_one_letter(ada: Customer, now: datetime) -> None:
    first = ask(ada, now)

    assert ask(ada, now + timedelta(minutes=30)) == first
    assert Message.objects.count() == 1
    assert ask(ada, now + timedelta(minutes=61)) != first


def test_an_old_link_leads_nowhere(ada: Customer, now: datetime) -> None:
    asked = ask(ada, now)

    with pytest.raises(privacy.NotOpen):
        privacy.find(request_id=asked.pk, now=now + timedelta(days=8))


def test_erasure_is_confirmed_by_the_button_only(
    ada: Customer, now: datetime, client: Client, time_machine
) -> None:
    time_machine.move_to(now)
    asked = ask(ada, now, "erasure")
    address = path_of_link()

    client.get(address)
    asked.refresh_from_db()
    assert asked.state == "received"
    client.post(address)

    asked.refresh_from_db()
    assert asked.state == "confirmed"


def test_a_refusal_says_why_and_ends_the_request(ada: Customer, now: datetime) -> None:
    asked = ask(ada, now)

    with pytest.raises(ValidationError):
        privacy.refuse(request_id=asked.pk, reason=" ", by=None, now=now)
    privacy.refuse(request_id=asked.pk, reason="Not the owner", by=None, now=now)

    with pytest.raises(privacy.NotOpen):
        privacy.hand_out(request_id=asked.pk, now=now)
    with pytest.raises(ValidationError):
        privacy.refuse(request_id=asked.pk, reason="Again", by=None, now=now)


def test_a_customer_without_an_address_gets_no_link(now: datetime) -> None:
    nobody = making.customer(now=now, email="", phone="", external_id="x")

    with pytest.raises(ValidationError):
        ask(nobody, now)


def test_the_buttons_of_the_preference_page_send_the_link(
    ada: Customer, now: datetime, client: Client
) -> None:
    letter = messages.say(
        message=messages.NewMessage(
            customer_id=ada.pk, channel="email", author="staff", text="Hi", purpose="marketing"
        ),
        now=now,
    )
    address = urlsplit(messages.links(message_id=letter.pk).preferences_url).path

    page = client.post(address, {"data": "erasure"}).content.decode()

    assert "sent a link" in page
    assert PrivacyRequest.objects.get().kind == "erasure"
    assert events.Event.objects.filter(customer=ada).exists()
