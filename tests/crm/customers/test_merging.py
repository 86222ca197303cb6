"""Two records of one person become one, nothing is lost, and the strictest word holds."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User

from crm import consent, customers, events
from crm.choices import ConsentState, DecisionSource, MergeCause
from crm.customers import MergeRefused, Person
from crm.models import (
    Consent,
    ContactPreference,
    Conversation,
    Customer,
    CustomerAlias,
    DuplicateCandidate,
    Event,
    EventDay,
    FieldLock,
    Identity,
    MarketingPause,
    Merge,
    OrderStatistics,
)
from tests import making
from tests.crm.customers import furnished

pytestmark = pytest.mark.django_db


def _merge(kept: Customer | int, merged: Customer | int, now: datetime) -> Merge:
    ids = [one if isinstance(one, int) else one.pk for one in (kept, merged)]
    return customers.merge(
        kept_id=ids[0], merged_id=ids[1], cause=MergeCause.STAFF, reason="Same", by=None, now=now
    )


def test_a_merge_takes_every_row_along(now: datetime) -> None:
    kept, merged = (furnished.customer(now=now, number=number) for number in (0, 1))
    furnished.assert_every_table_is_used(merged.pk)

    _merge(kept, merged, now)

    assert not Customer.objects.filter(pk=merged.pk).exists()
    assert set(Identity.objects.filter(customer=kept).values_list("kind", flat=True)) == {
        "external",
        "email",
        "phone",
    }
    assert kept.orders.count() == 2
    assert OrderStatistics.objects.get(customer=kept).orders == 2
    assert EventDay.objects.get(customer=kept, name="page.viewed", date=now.date()).count == 2


def test_the_old_number_leads_to_who_they_are_now_through_two_merges(now: datetime) -> None:
    first, second, third = (making.customer(now=now) for _ in range(3))

    _merge(second, first, now)
    _merge(third, second, now)

    assert customers.resolve(customer_id=first.pk) == third.pk
    assert customers.resolve_many(customer_ids=[first.pk, third.pk]) == {
        first.pk: third.pk,
        third.pk: third.pk,
    }


def test_what_the_kept_does_not_know_comes_from_the_merged(now: datetime) -> None:
    staff = User.objects.create(username="grace")
    kept = making.customer(now=now, first_name="", attributes={"shoe": 38})
    merged = making.customer(
        now=now - timedelta(days=9), first_name="Ada", attributes={"shoe": 40, "tea": "green"}
    )

    customers.merge(
        kept_id=kept.pk, merged_id=merged.pk, cause="staff", reason="", by=staff, now=now
    )

    kept.refresh_from_db()
    assert (kept.first_name, kept.attributes) == ("Ada", {"shoe": 38, "tea": "green"})
    assert kept.created_at == now - timedelta(days=9)
    assert kept.history.latest().history_user == staff


def test_a_locked_field_stays_as_staff_left_it(now: datetime) -> None:
    kept = making.customer(now=now, first_name="", city="")
    FieldLock.objects.create(customer=kept, field="city", reason="Asked", created_at=now)
    merged = making.customer(now=now, first_name="Ada", city="Leeds")

    _merge(kept, merged, now)

    kept.refresh_from_db()
    assert (kept.first_name, kept.city) == ("Ada", "")


@pytest.mark.parametrize(
    ("mine", "theirs", "result"),
    [
        ("granted", "withdrawn", "withdrawn"),
        ("withdrawn", "granted", "withdrawn"),
        ("pending", "granted", "pending"),
        ("granted", "pending", "pending"),
        (None, "granted", "granted"),
    ],
)
def test_the_strictest_consent_holds(
    now: datetime, mine: str | None, theirs: str, result: str
) -> None:
    kept, merged = making.customer(now=now), making.customer(now=now)
    for customer, state in ((kept, mine), (merged, theirs)):
        if state:
            decision = consent.NewDecision(
                customer.pk, "email", "marketing", state, DecisionSource.STAFF, now
            )
            consent.decide_many(decisions=[decision], now=now)

    _merge(kept, merged, now)

    assert Consent.objects.get(customer=kept).state == ConsentState(result)
    assert kept.consent_decisions.count() == (2 if mine else 1)


@pytest.mark.parametrize("longer", [0, 1])
def test_the_longer_pause_stays_in_force(now: datetime, longer: int) -> None:
    pair = [making.customer(now=now) for _ in range(2)]
    for place, customer in enumerate(pair):
        days = 30 if place == longer else 7
        customers.pause(
            customer_id=customer.pk,
            until_at=now + timedelta(days=days),
            reason="x",
            by=None,
            now=now,
        )

    _merge(pair[0], pair[1], now)

    assert MarketingPause.objects.get().expires_at == now + timedelta(days=30)


@pytest.mark.parametrize("fewer", [0, 1])
def test_the_fewest_messages_are_chosen(now: datetime, fewer: int) -> None:
    pair = [making.customer(now=now) for _ in range(2)]
    for place, customer in enumerate(pair):
        ContactPreference.objects.create(
            customer=customer, messages=1 if place == fewer else 5, days=7, chosen_at=now
        )

    _merge(pair[0], pair[1], now)

    assert ContactPreference.objects.get(customer=pair[0]).messages == 1


def test_the_second_open_conversation_is_closed_and_its_question_goes_on_waiting(
    now: datetime,
) -> None:
    kept, merged = making.customer(now=now), making.customer(now=now)
    for customer, waiting in ((kept, None), (merged, now)):
        Conversation.objects.create(
            customer=customer,
            channel="email",
            opened_at=now,
            last_message_at=now,
            waiting_since_at=waiting,
        )

    _merge(kept, merged, now)

    opened, closed = Conversation.objects.filter(customer=kept).order_by("-state")
    assert (opened.state, opened.waiting_since_at) == ("open", now)
    assert (closed.state, closed.waiting_since_at) == ("closed", None)


def test_what_staff_said_of_a_third_person_holds_for_the_kept(now: datetime) -> None:
    merged, third, kept = (making.customer(now=now) for _ in range(3))
    DuplicateCandidate.objects.create(
        left=merged, right=third, reason="same_phone", score=1, state="dismissed", found_at=now
    )

    _merge(kept, merged, now)

    pair = DuplicateCandidate.objects.get()
    assert (pair.left, pair.right, pair.state) == (third, kept, "dismissed")


def test_two_verified_people_are_never_merged(now: datetime) -> None:
    one, other = (
        customers.identify(
            person=Person(external_id=number, verified=frozenset({"external"})), now=now
        )
        for number in ("7", "8")
    )

    with pytest.raises(MergeRefused, match="two people"):
        _merge(one, other, now)

    assert Customer.objects.count() == 2


def test_a_known_person_never_joins_a_visitor(now: datetime) -> None:
    visitor = customers.identify(person=Person(anonymous_id="browser"), now=now)
    known = customers.identify(person=Person(external_id="7"), now=now)

    with pytest.raises(MergeRefused, match=f"Keep #{known} instead"):
        _merge(visitor, known, now)

    assert _merge(known, visitor, now).kept_id == known


def test_senseless_merges_are_refused_with_what_to_do(now: datetime) -> None:
    one, other = making.customer(now=now), making.customer(now=now)
    erased = making.customer(now=now)
    customers.forget_many(customer_ids=[erased.pk], now=now)
    _merge(one, other, now)

    for kept_id, merged_id, words in (
        (one.pk, one.pk, "choose another one"),
        (one.pk, other.pk, f"take #{one.pk}"),
        (one.pk, erased.pk, "erased"),
        (erased.pk, one.pk, "erased"),
    ):
        with pytest.raises(MergeRefused, match=words):
            _merge(kept_id, merged_id, now)


def test_many_visitors_are_merged_in_few_statements(
    now: datetime, django_assert_max_num_queries: object
) -> None:
    visitors = [Person(anonymous_id=f"browser-{number}") for number in range(200)]
    ids = customers.identify_many(people=visitors, now=now)
    events.record_many(
        events=[events.NewEvent(pk, "page.viewed", now, f"{pk}") for pk in ids], now=now
    )
    known = [Person(external_id=f"{number}", email=f"p{number}@x.example") for number in range(100)]
    known_ids = customers.identify_many(people=known, now=now)

    with django_assert_max_num_queries(75):  # type: ignore[operator]
        customers.identify_many(
            people=[
                Person(external_id=f"{number % 100}", anonymous_id=f"browser-{number}")
                for number in range(200)
            ],
            now=now,
        )

    assert set(Customer.objects.values_list("pk", flat=True)) == set(known_ids)
    assert Event.objects.filter(customer__in=known_ids).count() == 200
    assert CustomerAlias.objects.count() == Merge.objects.count() == 200
