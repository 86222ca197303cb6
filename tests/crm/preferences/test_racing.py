"""What customers decide at the same moment twice is decided once."""

from datetime import datetime, timedelta
from functools import partial

import pytest

from crm import consent, customers, preferences
from crm.models import Consent, ConsentDecision, Customer, Event, MarketingPause
from tests import making
from tests.crm.racing import at_once, errors, times

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 8


@pytest.fixture
def people(now: datetime) -> list[Customer]:
    return [making.customer(now=now) for _ in range(ROUNDS)]


def asked(customer: Customer, now: datetime) -> int:
    """Somebody signed up: the number that the link of the letter carries."""
    sign_up = preferences.SignUp(customer.pk, "email", ("marketing", "newsletter"), "sign_up")
    preferences.ask(sign_up=sign_up, now=now)
    return customer.consent_decisions.order_by("pk")[0].pk


def states(customer: Customer) -> set[str]:
    return set(Consent.objects.filter(customer=customer).values_list("state", flat=True))


def test_two_presses_of_a_confirmation_confirm_once(people: list[Customer], now: datetime) -> None:
    for customer in people:
        decision_id = asked(customer, now)
        presses = [
            partial(preferences.confirm, decision_id=decision_id, now=now + timedelta(minutes=m))
            for m in (1, 2, 3, 4)
        ]

        answers = at_once(*presses)

        assert errors(answers) == []
        granted = ConsentDecision.objects.filter(customer=customer, source="confirmation")
        assert granted.count() == 2
        assert Event.objects.filter(customer=customer, name="consent.granted").count() == 2
        assert states(customer) == {"granted"}


def test_a_confirmation_and_an_unsubscription_at_once_end_unsubscribed(
    people: list[Customer], now: datetime
) -> None:
    for customer in people:
        decision_id = asked(customer, now)
        leaving = partial(
            consent.withdraw_all,
            customer_id=customer.pk,
            channel="email",
            source="keyword",
            now=now + timedelta(minutes=1),
        )
        confirming = partial(
            preferences.confirm, decision_id=decision_id, now=now + timedelta(minutes=1)
        )

        answers = at_once(confirming, leaving)

        refused = errors(answers)
        assert not [error for error in refused if not isinstance(error, preferences.NotWaiting)]
        assert states(customer) == {"withdrawn"}


def test_two_sign_ups_at_once_get_one_letter(people: list[Customer], now: datetime) -> None:
    for customer in people:
        sign_up = preferences.SignUp(customer.pk, "email", ("marketing",), "sign_up")

        answers = at_once(*times(4, preferences.ask, sign_up=sign_up, now=now))

        assert sorted(answers) == [False, False, False, True]
        assert customer.messages.count() == 1


def test_preferences_saved_twice_at_once_are_written_down_once(
    people: list[Customer], now: datetime
) -> None:
    for customer in people:
        saves = [
            partial(
                preferences.choose,
                customer_id=customer.pk,
                granted=["email:marketing"],
                proof={"message_id": 1},
                now=now + timedelta(seconds=second),
            )
            for second in range(4)
        ]

        answers = at_once(*saves)

        assert errors(answers) == []
        decision = customer.consent_decisions.get()
        assert (decision.purpose, decision.state) == ("marketing", "granted")


def test_a_pause_and_preferences_saved_at_once_both_last(
    people: list[Customer], now: datetime
) -> None:
    for customer in people:
        granted = ["email:marketing", "sms:newsletter"]
        choose = partial(
            preferences.choose, customer_id=customer.pk, granted=granted, proof={}, now=now
        )
        rarely = partial(
            preferences.choose_frequency, customer_id=customer.pk, frequency="weekly", now=now
        )

        answers = at_once(
            *times(3, preferences.pause, customer_id=customer.pk, now=now), choose, choose, rarely
        )

        assert errors(answers) == []
        known = preferences.of_customer(customer_id=customer.pk, now=now)
        assert sorted(key for key, is_granted in known.keys.items() if is_granted) == granted
        assert known.frequency == "weekly"
        assert known.paused_until_at == now + preferences.choosing.PAUSE
        assert customer.consent_decisions.count() == 2
        assert MarketingPause.objects.filter(customer=customer, lifted_at=None).count() == 1


def test_a_longer_pause_that_staff_set_at_once_stays(people: list[Customer], now: datetime) -> None:
    until_at = now + timedelta(days=90)
    for customer in people:
        longer = partial(
            customers.pause,
            customer_id=customer.pk,
            until_at=until_at,
            reason="Is ill",
            by=None,
            now=now,
        )

        answers = at_once(*times(3, preferences.pause, customer_id=customer.pk, now=now), longer)

        assert errors(answers) == []
        assert MarketingPause.objects.get(customer=customer, lifted_at=None).expires_at == until_at


def test_frequencies_chosen_at_once_leave_one(people: list[Customer], now: datetime) -> None:
    for customer in people:
        choices = [
            partial(preferences.choose_frequency, customer_id=customer.pk, frequency=name, now=now)
            for name in ("weekly", "monthly", "weekly", "any")
        ]

        answers = at_once(*choices)

        assert errors(answers) == []
        frequency = preferences.of_customer(customer_id=customer.pk, now=now).frequency
        assert frequency in preferences.FREQUENCIES


def test_a_decision_told_twice_at_once_is_one_row(people: list[Customer], now: datetime) -> None:
    for customer in people:
        tell = partial(
            consent.grant, customer_id=customer.pk, channel="email", source="checkout", now=now
        )

        answers = at_once(*[tell] * 4)

        assert errors(answers) == []
        assert customer.consent_decisions.count() == 1


def test_preferences_and_an_unsubscription_at_once_meet_no_deadlock(
    people: list[Customer], now: datetime
) -> None:
    for customer in people:
        granted = ["email:marketing", "email:newsletter", "sms:newsletter"]
        choose = partial(
            preferences.choose, customer_id=customer.pk, granted=granted, proof={}, now=now
        )
        leave = partial(
            preferences.leave, customer_id=customer.pk, source="preferences", proof={}, now=now
        )

        answers = at_once(choose, leave, choose, leave)

        assert errors(answers) == []
        assert states(customer) == {"withdrawn"}
