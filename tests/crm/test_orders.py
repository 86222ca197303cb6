"""Orders come in again and again; what a customer is worth stays true."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from crm import orders
from crm.models import Event, Order, OrderLine, OrderStatistics, Product
from crm.orders import NewLine, NewOrder
from tests import making

pytestmark = pytest.mark.django_db


def order(number: str, customer_id: int | None, at: datetime, quantity: int = 2) -> NewOrder:
    """An order of tea at 12.50 each."""
    line = NewLine("TEA-1", quantity, Decimal("12.50"))
    return NewOrder(number, customer_id, at, "EUR", (line,))


def test_an_order_counts_in_the_statistics_and_on_the_timeline(now: datetime) -> None:
    making.product(now=now)
    customer = making.customer(now=now)
    earlier = now - timedelta(days=30)

    orders.record_many(
        orders=[order("A-1", customer.pk, now), order("A-2", customer.pk, earlier)], now=now
    )

    statistics = OrderStatistics.objects.get(customer=customer)
    assert (statistics.orders, statistics.revenue) == (2, Decimal("50.00"))
    assert (statistics.first_order_at, statistics.last_order_at) == (earlier, now)
    event = Event.objects.get(key="order:A-1:placed")
    assert event.properties["total"] == 25.0
    assert event.properties["products"] == ["TEA-1"]


def test_an_order_told_again_replaces_what_was_known(now: datetime) -> None:
    making.product(now=now)
    customer = making.customer(now=now)
    first = orders.record_many(orders=[order("A-1", customer.pk, now)], now=now)

    again = orders.record_many(orders=[order("A-1", customer.pk, now, quantity=4)], now=now)

    assert again == first
    assert OrderLine.objects.get().quantity == 4
    assert OrderStatistics.objects.get().revenue == Decimal("50.00")
    assert Event.objects.filter(name="order.placed").count() == 1


def test_an_order_that_moves_to_another_customer_leaves_the_first(now: datetime) -> None:
    making.product(now=now)
    wrong, right = making.customer(now=now), making.customer(now=now)
    orders.record_many(orders=[order("A-1", wrong.pk, now)], now=now)

    orders.record_many(orders=[order("A-1", right.pk, now)], now=now)

    assert OrderStatistics.objects.get().customer_id == right.pk


def test_a_cancelled_order_does_not_count(now: datetime) -> None:
    making.product(now=now)
    customer = making.customer(now=now)
    orders.record_many(orders=[order("A-1", customer.pk, now)], now=now)

    cancelled = orders.cancel_many(numbers=["A-1", "unheard-of"], cancelled_at=now, now=now)

    assert cancelled == 1
    assert Order.objects.get().state == "cancelled"
    assert not OrderStatistics.objects.exists()
    assert Event.objects.filter(name="order.cancelled").count() == 1


def test_an_order_without_a_customer_is_kept(now: datetime) -> None:
    making.product(now=now)

    orders.record_many(orders=[order("A-1", None, now)], now=now)

    assert Order.objects.get().customer is None
    assert not Event.objects.exists()


def test_an_order_of_an_unknown_product_is_refused_whole(now: datetime) -> None:
    making.product(now=now)
    unknown = NewOrder("A-2", None, now, "EUR", (NewLine("NO-SUCH", 1, Decimal(1)),))

    with pytest.raises(orders.UnknownProduct, match="NO-SUCH"):
        orders.record_many(orders=[order("A-1", None, now), unknown], now=now)

    assert not Order.objects.exists()


def test_a_product_told_again_is_renewed(now: datetime) -> None:
    first = making.product(now=now, name="Green tea")

    again = making.product(now=now, name="Sencha")

    assert again == first
    assert Product.objects.get().name == "Sencha"
