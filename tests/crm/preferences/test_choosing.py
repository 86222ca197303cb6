"""The preference centre: customers decide per channel and purpose, how often, and rest."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from crm import consent, customers, preferences
from crm.choices import Channel, Purpose
from crm.models import ContactPreference, Customer, MarketingPause
from tests import making

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(now: datetime) -> Customer:
    customer = making.customer(now=now, email="ada@shop.example", phone="+441134960123")
    for channel in ("email", "sms"):
        consent.grant(customer_id=customer.pk, channel=channel, source="checkout", now=now)
    return customer


def test_addresses_are_shown_half_hidden(ada: Customer, now: datetime) -> None:
    known = preferences.of_customer(customer_id=ada.pk, now=now)

    assert [channel.address for channel in known.channels] == ["a…@shop.example", "…123"]
    assert known.keys["email:marketing"]
    assert not known.keys["email:newsletter"]


def test_only_what_changed_is_written_down_with_what_the_page_said(
    ada: Customer, now: datetime
) -> None:
    preferences.choose(
        customer_id=ada.pk,
        granted=["email:marketing", "email:newsletter"],
        proof={"message_id": 7},
        ip_address="192.0.2.1",
        now=now + timedelta(hours=1),
    )

    states = {(row.channel, row.purpose): row.state for row in ada.consents.all()}
    assert states == {
        ("email", "marketing"): "granted",
        ("email", "newsletter"): "granted",
        ("sms", "marketing"): "withdrawn",
    }
    told = ada.consent_decisions.filter(source="preferences")
    assert told.count() == 2
    assert {row.text_shown for row in told} == {
        "Choose how we may write to you with news and offers."
    }
    assert {row.ip_address for row in told} == {None}


def test_the_ledger_keeps_the_ip_address_where_that_is_allowed(
    ada: Customer, now: datetime, settings
) -> None:
    settings.CONSENT_KEEP_IP = True

    preferences.choose(customer_id=ada.pk, granted=[], proof={}, ip_address="192.0.2.1", now=now)

    decision = ada.consent_decisions.filter(source="preferences").first()
    assert decision
    assert decision.ip_address == "192.0.2.1"


def test_a_box_that_is_not_on_the_page_changes_nothing(ada: Customer, now: datetime) -> None:
    preferences.choose(
        customer_id=ada.pk,
        granted=["email:marketing", "sms:marketing", "email:conversation", "fax:marketing", "x"],
        proof={},
        now=now,
    )

    assert not ada.consent_decisions.filter(source="preferences")


def test_leaving_withdraws_everything_that_needs_consent(ada: Customer, now: datetime) -> None:
    preferences.leave(customer_id=ada.pk, source="preferences", proof={}, now=now)

    assert set(ada.consents.values_list("state", flat=True)) == {"withdrawn"}
    assert ada.consents.count() == len(Channel) * sum(purpose.needs_consent for purpose in Purpose)


def test_how_often_is_chosen_and_taken_back(ada: Customer, now: datetime) -> None:
    preferences.choose_frequency(customer_id=ada.pk, frequency="weekly", now=now)
    preferences.choose_frequency(customer_id=ada.pk, frequency="monthly", now=now)

    assert preferences.of_customer(customer_id=ada.pk, now=now).frequency == "monthly"
    preferences.choose_frequency(customer_id=ada.pk, frequency="any", now=now)
    assert not ContactPreference.objects.exists()


def test_an_unknown_frequency_is_refused(ada: Customer, now: datetime) -> None:
    with pytest.raises(ValidationError):
        preferences.choose_frequency(customer_id=ada.pk, frequency="hourly", now=now)


def test_thirty_quiet_days_are_taken_and_ended(ada: Customer, now: datetime) -> None:
    preferences.pause(customer_id=ada.pk, now=now)

    assert MarketingPause.objects.get(customer=ada).expires_at == now + timedelta(days=30)
    preferences.go_on(customer_id=ada.pk, now=now + timedelta(days=1))
    known = preferences.of_customer(customer_id=ada.pk, now=now + timedelta(days=1))
    assert known.paused_until_at is None


def test_a_pause_by_staff_is_neither_shortened_nor_ended(ada: Customer, now: datetime) -> None:
    year = now + timedelta(days=365)
    maria = User.objects.create_user("maria")
    customers.pause(customer_id=ada.pk, until_at=year, reason="VIP", by=maria, now=now)

    preferences.pause(customer_id=ada.pk, now=now)
    preferences.go_on(customer_id=ada.pk, now=now)

    assert MarketingPause.objects.get(lifted_at=None).expires_at == year
