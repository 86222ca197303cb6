"""One gate and one ledger: nobody is written to who did not allow it."""

from datetime import datetime, timedelta

import pytest

from crm import consent, customers
from crm.choices import Channel, Purpose, Refusal
from crm.consent import NewDecision, NewSuppression
from crm.models import Consent, ConsentDecision, Customer, Event, Suppression
from tests import making

pytestmark = pytest.mark.django_db


def asked(customer: Customer, now: datetime, purpose: str = Purpose.MARKETING) -> Refusal | None:
    """What the gate says about an e-mail to one customer."""
    verdicts = consent.check_many(
        customer_ids=[customer.pk], channel=Channel.EMAIL, purpose=purpose, now=now
    )
    return verdicts[customer.pk].refusal


def suppressed(customer: Customer, now: datetime, until_at: datetime | None = None) -> None:
    """Suppress the e-mail address of a customer."""
    consent.suppress(
        suppression=NewSuppression("email", customer.email.upper(), "staff", "", until_at), now=now
    )


def test_a_subscriber_gets_marketing_mail_at_the_known_address(now: datetime) -> None:
    customer = making.subscriber(now=now, email="Ada@Shop.example")

    verdict = consent.check_many(
        customer_ids=[customer.pk, 0], channel="email", purpose="marketing", now=now
    )

    assert list(verdict) == [customer.pk]
    assert verdict[customer.pk].is_allowed
    assert verdict[customer.pk].address == "ada@shop.example"


def test_who_never_agreed_gets_no_marketing_but_an_answer(now: datetime) -> None:
    customer = making.customer(now=now)

    assert asked(customer, now) == Refusal.NO_CONSENT
    assert asked(customer, now, Purpose.CONVERSATION) is None
    assert asked(customer, now, Purpose.TRANSACTIONAL) is None


def test_an_unsubscribed_customer_gets_no_marketing_mail(now: datetime) -> None:
    customer = making.subscriber(now=now)

    consent.withdraw(
        customer_id=customer.pk, channel="email", source="one_click", now=now + timedelta(1)
    )

    assert asked(customer, now) == Refusal.UNSUBSCRIBED
    assert Consent.objects.get(customer=customer, channel="sms").state == "granted"
    assert ConsentDecision.objects.filter(customer=customer, channel="email").count() == 2
    assert Event.objects.filter(name="consent.withdrawn", customer=customer).count() == 1


def test_the_latest_decision_holds_however_late_it_is_told(now: datetime) -> None:
    customer = making.customer(now=now)
    consent.withdraw(customer_id=customer.pk, channel="email", source="one_click", now=now)

    old = NewDecision(
        customer.pk, "email", "marketing", "granted", "import", now - timedelta(days=9)
    )
    consent.decide_many(decisions=[old], now=now)

    assert asked(customer, now) == Refusal.UNSUBSCRIBED
    assert ConsentDecision.objects.count() == 2


def test_of_two_decisions_at_one_moment_the_withdrawal_holds(now: datetime) -> None:
    customer = making.customer(now=now)
    decisions = [
        NewDecision(customer.pk, "email", "marketing", state, "import", now)
        for state in ("withdrawn", "granted")
    ]

    consent.decide_many(decisions=decisions, now=now)
    consent.decide_many(decisions=decisions, now=now)

    assert asked(customer, now) == Refusal.UNSUBSCRIBED
    assert ConsentDecision.objects.count() == 2


def test_a_suppressed_address_gets_nothing_of_any_purpose(now: datetime) -> None:
    customer = making.subscriber(now=now)

    suppressed(customer, now)

    for purpose in Purpose:
        assert asked(customer, now, purpose) == Refusal.SUPPRESSED


def test_a_suppression_ends_when_its_time_is_over(now: datetime) -> None:
    customer = making.subscriber(now=now)

    suppressed(customer, now, until_at=now + timedelta(days=1))

    assert asked(customer, now) == Refusal.SUPPRESSED
    assert asked(customer, now + timedelta(days=2)) is None


def test_a_lasting_suppression_is_not_shortened(now: datetime) -> None:
    customer = making.subscriber(now=now)
    suppressed(customer, now)

    suppressed(customer, now, until_at=now + timedelta(days=1))

    assert Suppression.objects.get().expires_at is None


def test_a_suppression_does_not_show_the_address(now: datetime) -> None:
    customer = making.subscriber(now=now)

    suppressed(customer, now)

    assert customer.email not in str(Suppression.objects.values().get())


def test_lifting_a_suppression_opens_the_address_again(now: datetime) -> None:
    customer = making.subscriber(now=now)
    suppressed(customer, now)

    lifted = consent.unsuppress(channel="email", address=customer.email, now=now)

    assert lifted
    assert asked(customer, now) is None


def test_a_pause_stops_marketing_until_it_ends(now: datetime) -> None:
    customer = making.subscriber(now=now)

    customers.pause(
        customer_id=customer.pk, until_at=now + timedelta(days=3), reason="", by=None, now=now
    )

    assert asked(customer, now) == Refusal.PAUSED
    assert asked(customer, now, Purpose.CONVERSATION) is None
    assert asked(customer, now + timedelta(days=4)) is None


def test_who_has_no_address_cannot_be_written_to(now: datetime) -> None:
    customer = making.subscriber(now=now, email="")

    assert asked(customer, now) == Refusal.NO_ADDRESS


def test_the_reach_counts_by_the_same_rules_as_the_gate(now: datetime) -> None:
    reachable = [making.subscriber(now=now) for _ in range(3)]
    making.customer(now=now)
    suppressed(making.subscriber(now=now), now)
    outsider = making.subscriber(now=now)

    reach = consent.count_reach(
        customers=Customer.objects.exclude(pk=outsider.pk),
        channel="email",
        purpose="marketing",
        now=now,
    )

    assert reach.total == 5
    assert reach.reachable == len(reachable)
    assert reach.refused == {Refusal.NO_CONSENT: 1, Refusal.SUPPRESSED: 1}


def test_five_hundred_people_are_asked_about_in_one_statement(
    now: datetime, django_assert_num_queries: object
) -> None:
    ids = customers.identify_many(
        people=[customers.Person(email=f"p{n}@shop.example") for n in range(500)], now=now
    )

    with django_assert_num_queries(1):  # type: ignore[operator]
        verdicts = consent.check_many(
            customer_ids=ids, channel="email", purpose="marketing", now=now
        )

    assert len(verdicts) == 500
