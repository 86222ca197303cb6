"""What people do with a message is on their timeline once; what machines do is not."""

from datetime import datetime, timedelta

import pytest

from crm import consent, templates, tracking
from crm.models import Customer, Event, Message, Template, TemplateVersion
from tests.crm.messages.letters import send, templated

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider")]
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"


@pytest.fixture
def letter(ada: Customer, newsletter: TemplateVersion, now: datetime) -> Message:
    """A newsletter that Ada got."""
    send(templated(ada, newsletter, now), now=now)
    return Message.objects.get()


def names(customer: Customer) -> list[str]:
    """What the timeline of a customer says about messages, sending aside."""
    about = Event.objects.filter(customer=customer, name__startswith="message.")
    return list(about.exclude(name="message.sent").order_by("pk").values_list("name", flat=True))


def test_an_opening_is_noted_once(ada: Customer, letter: Message, now: datetime) -> None:
    for minute in range(2):
        tracking.open_message(
            message_id=letter.pk, user_agent=BROWSER, now=now + timedelta(minutes=minute)
        )

    letter.refresh_from_db()
    assert letter.opened_at == now
    assert names(ada) == ["message.opened"]


def test_a_click_leads_to_the_address_rendered_for_this_person(
    ada: Customer, letter: Message, now: datetime
) -> None:
    url = tracking.click(message_id=letter.pk, position=1, user_agent=BROWSER, now=now)

    assert url == f"https://shop.example/{ada.pk}"
    assert names(ada) == ["message.clicked"]
    event = Event.objects.get(name="message.clicked")
    assert event.properties["url"] == url


@pytest.mark.parametrize("machine", ["", "curl/8.0", "Googlebot/2.1", "BarracudaCentral scanner"])
def test_a_machine_is_led_on_but_not_counted(
    ada: Customer, letter: Message, now: datetime, machine: str
) -> None:
    tracking.open_message(message_id=letter.pk, user_agent=machine, now=now)
    tracking.click(message_id=letter.pk, position=1, user_agent=machine, now=now)

    assert names(ada) == []


@pytest.mark.parametrize("position", [0, 2, 1001, 99_999])
def test_a_link_that_is_not_there_leads_nowhere(
    letter: Message, now: datetime, position: int
) -> None:
    with pytest.raises(tracking.NotFound):
        tracking.click(message_id=letter.pk, position=position, user_agent=BROWSER, now=now)


def test_a_link_that_rendered_to_something_else_leads_nowhere(ada: Customer, now: datetime) -> None:
    template = Template.objects.create(name="Odd", channel="email", created_at=now)
    version = templates.publish(
        template=template,
        subject="",
        html='<a href="{{ customer.first_name }}">x</a>',
        text="",
        by=None,
        now=now,
    )
    ada.first_name = "javascript:alert(1)"
    send(templated(ada, version, now), now=now)

    with pytest.raises(tracking.NotFound):
        tracking.click(message_id=Message.objects.get().pk, position=1, user_agent=BROWSER, now=now)


def test_a_click_settles_the_doubt_about_a_message(letter: Message, now: datetime) -> None:
    Message.objects.update(state="in_doubt", reason="worker_lost")

    tracking.click(message_id=letter.pk, position=1, user_agent=BROWSER, now=now)

    letter.refresh_from_db()
    assert letter.state == "delivered"


def test_unsubscribing_withdraws_consent_for_that_channel(
    ada: Customer, letter: Message, now: datetime
) -> None:
    later = now + timedelta(hours=1)

    tracking.unsubscribe(message_id=letter.pk, source="one_click", now=later)

    verdict = consent.check_many(
        customer_ids=[ada.pk], channel="email", purpose="marketing", now=later
    )
    assert verdict[ada.pk].refusal == "unsubscribed"
    assert ada.consents.get(channel="sms").state == "granted"
    assert Event.objects.filter(customer=ada, name="consent.withdrawn").count() == 1


def test_a_message_that_is_gone_is_not_found(now: datetime) -> None:
    tracking.open_message(message_id=1, user_agent=BROWSER, now=now)

    with pytest.raises(tracking.NotFound):
        tracking.receiver(message_id=1)
