"""What is old enough is deleted, kind by kind, and only that."""

from datetime import datetime, timedelta

import pytest
from django.db import connection

from crm import customers, events, messages, retention, returned_mail
from crm.choices import RetainedKind
from crm.models import (
    Callback,
    Customer,
    Event,
    Message,
    RetentionRule,
    ReturnedMail,
    TemplateVersion,
)
from tests import making

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rules(db: None) -> None:
    retention.fill_in()


def keep(what: str, days: int) -> None:
    RetentionRule.objects.update(is_on=False)
    RetentionRule.objects.filter(what=what).update(keep_days=days, is_on=True)


def test_there_is_a_rule_for_every_kind(db: None) -> None:
    assert set(RetentionRule.objects.values_list("what", flat=True)) == set(RetainedKind)
    assert set(retention.DEFAULTS) == set(RetainedKind)


def test_old_events_go_and_younger_ones_stay(now: datetime) -> None:
    customer = making.customer(now=now)
    for days in (10, 400):
        event = events.NewEvent(
            customer_id=customer.pk,
            name="page.viewed",
            occurred_at=now - timedelta(days=days),
            key=f"visit-{days}",
        )
        events.record(event=event, now=now)
    keep("events", 365)

    assert retention.run_due(now=now) == {"events": 1}

    assert Event.objects.get(name="page.viewed").key == "visit-10"
    rule = RetentionRule.objects.get(what="events")
    assert (rule.last_deleted, rule.last_run_at) == (1, now)


def test_a_message_forgets_what_it_said_but_not_that_it_was_sent(now: datetime) -> None:
    customer = making.customer(now=now)
    said = messages.NewMessage(customer_id=customer.pk, channel="email", author="staff", text="Hi")
    message = messages.say(message=said, now=now - timedelta(days=400))
    Message.objects.update(state="sent")
    keep("messages", 365)

    retention.run_due(now=now)

    message.refresh_from_db()
    assert (message.text, message.address, message.state) == ("", "", "sent")


def test_old_messages_forget_what_they_were_rendered_from(
    now: datetime, newsletter: TemplateVersion
) -> None:
    customer = making.customer(now=now)
    for days in (10, 400):
        said = messages.NewMessage(
            customer_id=customer.pk,
            channel="email",
            author="bot",
            template_version_id=newsletter.pk,
            variables={"customer": {"first_name": "Ada"}},
        )
        messages.say(message=said, now=now - timedelta(days=days))
    Message.objects.update(state="sent")
    keep("messages", 365)

    assert retention.run_due(now=now) == {"messages": 1}
    assert retention.run_due(now=now) == {"messages": 0}

    assert [one.variables for one in Message.objects.order_by("created_at")] == [
        None,
        {"customer": {"first_name": "Ada"}},
    ]


def test_a_callback_that_waits_is_never_deleted(now: datetime) -> None:
    for key, state in (("a", "received"), ("b", "processed")):
        Callback.objects.create(
            provider="sms_http",
            key=key,
            body=b"",
            state=state,
            received_at=now - timedelta(days=60),
        )
    keep("callbacks", 30)

    retention.run_due(now=now)

    assert Callback.objects.get().key == "a"


def test_only_strangers_who_did_not_come_back_are_forgotten(now: datetime) -> None:
    long_ago = now - timedelta(days=500)
    for known in ({"anonymous_id": "old"}, {"external_id": "c-1"}):
        customers.identify(person=customers.Person(**known, created_at=long_ago), now=now)
    customers.identify(person=customers.Person(anonymous_id="young"), now=now)
    keep("anonymous", 395)

    assert retention.run_due(now=now) == {"anonymous": 1}

    assert Customer.objects.count() == 2


def test_an_old_mail_that_came_back_goes_with_what_is_known_of_it(now: datetime) -> None:
    for days in (10, 100):
        raw = b"From: eve@other.example\nSubject: %d\n\nHello\n" % days
        returned_mail.take(raw=raw, recipient="", now=now - timedelta(days=days))
    returned_mail.put_aside(raw=None, error="broken", now=now - timedelta(days=100), origin=None)
    keep("callbacks", 30)

    retention.run_due(now=now)

    assert ReturnedMail.objects.count() == Callback.objects.count() == 1
    connection.check_constraints()
