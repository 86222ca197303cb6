"""A merge that was a mistake is undone, and both people are exactly who they were."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User

from crm import consent, customers, events
from crm.choices import DecisionSource
from crm.customers import MergeRefused, Person
from crm.models import Consent, Customer, CustomerAlias, Event, Merge
from tests import making
from tests.crm.customers import furnished

pytestmark = pytest.mark.django_db


def _merge(kept: Customer, merged: Customer, now: datetime) -> Merge:
    return customers.merge(
        kept_id=kept.pk, merged_id=merged.pk, cause="staff", reason="", by=None, now=now
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_unmerge_restores_every_row_of_both(now: datetime, order: tuple[int, int]) -> None:
    pair = [furnished.customer(now=now, number=number) for number in (0, 1)]
    kept, merged = pair[order[0]], pair[order[1]]
    before = furnished.dump()
    row = _merge(kept, merged, now)
    assert furnished.differences(before, furnished.dump())

    customers.unmerge(merge_id=row.pk, by=None, now=now)

    assert furnished.differences(before, furnished.dump()) == {}


def test_what_came_since_stays_with_the_kept(now: datetime) -> None:
    staff = User.objects.create(username="grace")
    kept, merged = making.customer(now=now, city=""), making.customer(now=now, city="Leeds")
    row = _merge(kept, merged, now)
    events.record(event=events.NewEvent(kept.pk, "page.viewed", now, "since"), now=now)
    Customer.objects.filter(pk=kept.pk).update(city="York")

    undone = customers.unmerge(merge_id=row.pk, by=staff, now=now)

    kept.refresh_from_db()
    assert kept.city == "York"
    assert Event.objects.get(key="since").customer_id == kept.pk
    assert (undone.undone_at, undone.undone_by) == (now, staff)
    assert not CustomerAlias.objects.exists()


def test_what_was_said_of_the_kept_stays_theirs_though_their_visitor_had_it_too(
    now: datetime,
) -> None:
    known, _visitor = customers.identify_many(
        people=[Person(external_id="1"), Person(webchat_id="X", city="Leeds")], now=now
    )
    both = Person(external_id="1", webchat_id="X", city="Leeds")
    assert customers.identify_many(people=[both], now=now) == [known]

    customers.unmerge(merge_id=Merge.objects.get().pk, by=None, now=now)

    assert Customer.objects.get(pk=known).city == "Leeds"


def test_a_decision_made_since_stays_with_the_kept(now: datetime) -> None:
    kept, merged = making.customer(now=now), making.subscriber(now=now)
    row = _merge(kept, merged, now)
    later = now + timedelta(days=1)
    consent.withdraw(customer_id=kept.pk, channel="email", source=DecisionSource.STAFF, now=later)

    customers.unmerge(merge_id=row.pk, by=None, now=later)

    states = Consent.objects.filter(channel="email").values_list("customer_id", "state")
    assert dict(states) == {kept.pk: "withdrawn", merged.pk: "granted"}


def test_merges_are_undone_the_last_one_first(now: datetime) -> None:
    first, second, third = (making.customer(now=now) for _ in range(3))
    before = furnished.dump()
    one = _merge(second, first, now)
    two = _merge(third, second, now)

    with pytest.raises(MergeRefused, match="undo it first"):
        customers.unmerge(merge_id=one.pk, by=None, now=now)
    customers.unmerge(merge_id=two.pk, by=None, now=now)
    customers.unmerge(merge_id=one.pk, by=None, now=now)

    assert furnished.differences(before, furnished.dump()) == {}


def test_a_merge_is_undone_once(now: datetime) -> None:
    row = _merge(making.customer(now=now), making.customer(now=now), now)
    customers.unmerge(merge_id=row.pk, by=None, now=now)

    with pytest.raises(MergeRefused, match="already"):
        customers.unmerge(merge_id=row.pk, by=None, now=now)
