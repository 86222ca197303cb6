"""Batches take linear time while PostgreSQL thinks the record empty."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest
from django.db import connection

from crm import companies, customers, events, orders, rollups
from crm.customers import merging, refreshing
from crm.imports import people, taking
from crm.models import Event
from tests.crm.plans import Plans, think_the_record_empty

pytestmark = pytest.mark.django_db

MANY = 600


@pytest.fixture
def ids(now: datetime) -> list[int]:
    """Customers with an event, an address and an order each."""
    told = [customers.Person(email=f"c{at}@example.test") for at in range(MANY)]
    found = customers.identify_many(people=told, now=now)
    _order(found, now)
    _view(found, now)
    return found


def _order(ids: list[int], now: datetime) -> None:
    new = [orders.NewOrder(f"o{one}", one, now, "EUR", (), "placed", Decimal(5)) for one in ids]
    orders.record_many(orders=new, now=now)


def _view(ids: list[int], now: datetime) -> None:
    seen = [events.NewEvent(one, "product.viewed", now, f"v{one}:{len(ids)}") for one in ids]
    events.record_many(events=seen, now=now)


def _identify(ids: list[int], now: datetime) -> None:
    told = [
        customers.Person(email=f"c{at}@example.test", anonymous_id=f"a{at}") for at in range(MANY)
    ]
    assert customers.identify_many(people=told, now=now) == ids


def _import(ids: list[int], now: datetime) -> None:
    texts = {name: [""] * MANY for name in people.TEXTS}
    texts["email"] = [f"c{at}@example.test" for at in range(MANY)]
    texts["external_id"] = [f"x{at}" for at in range(MANY)]
    texts["first_name"] = ["Ann"] * MANY
    batch = people.Batch(list(range(MANY)), texts, ["{}"] * MANY, [""] * MANY)

    outcome = taking.take_in(batch=batch, existing="update", now=now)

    assert len(outcome.updated) == MANY


def _draw(ids: list[int], now: datetime) -> None:
    assert rollups.run_due(now=now) == Event.objects.count()


def _cancel(ids: list[int], now: datetime) -> None:
    numbers = [f"o{one}" for one in ids[::2]]
    assert orders.cancel_many(numbers=numbers, cancelled_at=now, now=now) == len(numbers)


def _join(ids: list[int], now: datetime) -> None:
    firms = [companies.NewCompany(key=f"k{one}") for one in ids]
    companies.record_many(companies=firms, now=now)
    told = [companies.Membership(f"k{one}", one) for one in ids]
    assert companies.join_many(memberships=told, now=now) == len(ids)


def _merge(ids: list[int], now: datetime) -> None:
    pairs = list(zip(ids[::2], ids[1::2], strict=True))
    assert len(merging.merge_visitors(pairs=pairs, now=now)) == len(pairs)


def _count_again(ids: list[int], now: datetime) -> None:
    refreshing.refresh(customer_ids=ids, used={"crm_order", "crm_event"})


def _forget(ids: list[int], now: datetime) -> None:
    forgotten = customers.forget_many(customer_ids=ids[::2], now=now)
    assert forgotten["crm_customer"] == len(ids[::2])


BATCHES = [
    _order,
    _view,
    _identify,
    _import,
    _draw,
    _cancel,
    _join,
    _merge,
    _count_again,
    _forget,
]


@pytest.mark.parametrize("batch", BATCHES)
def test_a_batch_compares_nobody_with_everybody(
    ids: list[int], now: datetime, batch: Callable[[list[int], datetime], None]
) -> None:
    plans = Plans()
    think_the_record_empty()

    with connection.execute_wrapper(plans):
        batch(ids, now)

    assert plans.found
    assert plans.comparing_each_with_each() == []
    assert plans.going_through_lists() == []
