"""An erasure that is confirmed, ordered, refused and done at the same moment is done once."""

from datetime import datetime, timedelta
from functools import partial

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from crm import accounts, links, privacy
from crm.choices import PrivacyKind, PrivacyState
from crm.models import Customer, Event, PrivacyRequest
from tests import making
from tests.crm.racing import at_once, errors, times

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 6
ERASURE = PrivacyKind.ERASURE


@pytest.fixture
def people(now: datetime) -> list[Customer]:
    return [making.subscriber(now=now) for _ in range(ROUNDS)]


def asked(customer: Customer, now: datetime, kind: str = ERASURE) -> PrivacyRequest:
    return privacy.ask(
        kind=kind, customer_id=customer.pk, source="preferences", channel="email", now=now
    )


def ordered(customer: Customer, now: datetime) -> PrivacyRequest:
    return privacy.order(kind=ERASURE, customer_id=customer.pk, by=None, source="staff", now=now)


def test_two_presses_of_an_erasure_erase_once(
    people: list[Customer], now: datetime, time_machine: object
) -> None:
    time_machine.move_to(now, tick=False)  # type: ignore[attr-defined]
    for customer in people:
        request = asked(customer, now)
        token = links.sign(purpose=links.DATA, value=request.pk, key=accounts.link_keys()[0])

        answers = at_once(*times(4, lambda address: Client().post(address), address=f"/d/{token}"))
        done = at_once(*times(3, privacy.erase_due, now=now))

        assert errors(answers + done) == []
        assert {answer.status_code for answer in answers} <= {200, 404}
        assert 200 in {answer.status_code for answer in answers}
        assert sum(done) <= 1
        request.refresh_from_db()
        assert (request.state, request.customer_id) == (PrivacyState.DONE, None)
    assert not Customer.objects.exists()


def test_asking_at_once_sends_one_letter(people: list[Customer], now: datetime) -> None:
    for customer in people:
        answers = at_once(*times(4, asked, customer=customer, now=now))

        assert errors(answers) == []
        assert len({request.pk for request in answers}) == 1
        assert customer.messages.count() == 1


def test_an_order_while_the_erasure_is_done_meets_no_deadlock(
    people: list[Customer], now: datetime
) -> None:
    for customer in people:
        request = ordered(customer, now)

        answers = at_once(
            partial(ordered, customer, now),
            *times(2, privacy.erase_due, now=now),
            partial(ordered, customer, now),
        )

        found = errors(answers)
        assert not [error for error in found if not isinstance(error, Customer.DoesNotExist)]
        privacy.erase_due(now=now)
        assert not Customer.objects.filter(pk=customer.pk).exists()
        request.refresh_from_db()
        assert request.state == PrivacyState.DONE


def test_a_refusal_and_an_order_at_once_leave_one_answer(
    people: list[Customer], now: datetime
) -> None:
    for customer in people:
        request = asked(customer, now)
        refuse = partial(
            privacy.refuse, request_id=request.pk, reason="Not theirs", by=None, now=now
        )

        answers = at_once(refuse, partial(ordered, customer, now), refuse)

        assert not [error for error in errors(answers) if not isinstance(error, ValidationError)]
        for kept in customer.privacy_requests.all():
            assert (kept.state == PrivacyState.REFUSED) == bool(kept.refusal)


def test_a_copy_refused_while_it_is_handed_out_has_one_answer(
    people: list[Customer], now: datetime
) -> None:
    for customer in people:
        request = asked(customer, now, PrivacyKind.EXPORT)
        give = partial(privacy.hand_out, request_id=request.pk, now=now + timedelta(hours=1))
        refuse = partial(
            privacy.refuse, request_id=request.pk, reason="Not theirs", by=None, now=now
        )

        answers = at_once(give, refuse, give)

        refused = [isinstance(a, ValidationError | privacy.NotOpen) for a in errors(answers)]
        assert all(refused)
        request.refresh_from_db()
        assert (request.state == PrivacyState.REFUSED) == bool(request.refusal)
        assert (request.state == PrivacyState.REFUSED) == (not request.report)


def test_whoever_is_told_of_while_they_are_erased_stays_erased(
    people: list[Customer], now: datetime
) -> None:
    for customer in people:
        ordered(customer, now)

        answers = at_once(
            partial(privacy.erase_due, now=now),
            partial(asked, customer, now),
            partial(privacy.erase_due, now=now),
        )

        found = errors(answers)
        assert not [error for error in found if not isinstance(error, Customer.DoesNotExist)]
        assert not Customer.objects.filter(pk=customer.pk).exists()
        assert not Event.objects.filter(customer_id=customer.pk).exists()
