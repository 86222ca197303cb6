"""A feature row knows what was known then, and nothing of what came later."""

from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from crm import events, orders
from marketing import features
from marketing.models import Feature, TrainingRun
from tests import making

pytestmark = pytest.mark.django_db


def buy(customer_id: int, at: datetime, number: str, price: str = "10") -> None:
    making.product(now=at)
    line = orders.NewLine("TEA-1", 1, Decimal(price))
    order = orders.NewOrder(number, customer_id, at, "EUR", (line,))
    orders.record_many(orders=[order], now=at)


def test_features_count_orders_and_visits_before_the_day(now: datetime) -> None:
    customer, _silent = making.customer(now=now), making.customer(now=now)
    midnight = features.moment(day=now.date())
    for days, number in ((400, "a"), (100, "b"), (10, "c")):
        buy(customer.pk, midnight - timedelta(days=days), number)
    visits = [
        events.NewEvent(
            customer.pk, "product.viewed", midnight - timedelta(days=days), f"view:{days}"
        )
        for days in (5, 60, 120)
    ]
    events.record_many(events=visits, now=now)

    assert features.build(as_of_date=now.date()) == 1

    row = Feature.objects.get()
    assert row.customer_id == customer.pk
    assert (row.orders, row.orders_90_days, row.orders_365_days) == (3, 1, 2)
    assert (row.tenure_days, row.recency_days, row.gap_days) == (400, 10, 195)
    assert (row.revenue, row.revenue_365_days, row.average_order) == (30, 20, 10)
    assert (row.views_30_days, row.views_90_days, row.categories) == (1, 2, 1)


def test_what_comes_later_changes_nothing(now: datetime) -> None:
    customer = making.customer(now=now)
    midnight = features.moment(day=now.date())
    buy(customer.pk, midnight - timedelta(days=10), "then")
    features.build(as_of_date=now.date())
    before = features.matrix(as_of_date=now.date())
    buy(customer.pk, midnight, "later", "99")
    events.record(event=events.NewEvent(customer.pk, "product.viewed", midnight, "v"), now=now)
    orders.cancel_many(numbers=["then"], cancelled_at=midnight + timedelta(days=1), now=now)

    features.build(as_of_date=now.date())

    after = features.matrix(as_of_date=now.date())
    np.testing.assert_array_equal(after.values, before.values)
    features.build(as_of_date=now.date() + timedelta(days=2))
    cancelled = features.matrix(as_of_date=now.date() + timedelta(days=2))
    assert cancelled.columns(["orders", "revenue"]).tolist() == [[1, 99]]


def test_labels_look_only_forward(now: datetime) -> None:
    early, late, never = (making.customer(now=now) for _ in range(3))
    midnight = features.moment(day=now.date())
    for nth, customer in enumerate((early, late, never)):
        buy(customer.pk, midnight - timedelta(days=1), f"before-{nth}")
    buy(early.pk, midnight, "first day")
    buy(late.pk, midnight + timedelta(days=90), "day too late")
    features.build(as_of_date=now.date())

    labels = features.bought_within(features=features.matrix(as_of_date=now.date()), days=90)

    assert labels.tolist() == [1, 0, 0]


def test_old_days_are_dropped_unless_a_run_in_use_needs_them(now: datetime) -> None:
    customer = making.customer(now=now)
    old, used = now.date() - timedelta(days=100), now.date() - timedelta(days=101)
    buy(customer.pk, now - timedelta(days=200), "a")
    buy(customer.pk, now, "b")
    for day in (old, used, now.date()):
        features.build(as_of_date=day)
    TrainingRun.objects.create(kind="clusters", state="used", as_of_date=used, requested_at=now)

    features.prune(now=now)

    kept = set(Feature.objects.values_list("as_of_date", flat=True))
    assert kept == {used, now.date()}


def test_a_shop_at_rest_is_looked_at_as_it_was(now: datetime) -> None:
    customer = making.customer(now=now)
    assert features.latest_date(now=now) == now.date()
    buy(customer.pk, datetime(2011, 12, 9, 12, tzinfo=now.tzinfo), "last")

    day = features.latest_date(now=now)

    assert day.isoformat() == "2011-12-10"
