"""Segment's e-commerce events become products, orders and refunds, each once."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from crm import ingest
from crm.models import Event, Order, OrderLine, OrderStatistics, Product, RejectedEvent

pytestmark = pytest.mark.django_db(transaction=True)

Tell = Callable[..., ingest.Receipt]
TEA = {"product_id": "TEA-1", "name": "Green tea", "price": 12.5, "quantity": 2}
CUP = {"product_id": "CUP-1", "name": "Cup", "price": 5, "quantity": 1}


def said(event: str, **properties: Any) -> dict[str, Any]:
    return {"type": "track", "userId": "C-1", "event": event, "properties": properties}


def bought(**more: Any) -> dict[str, Any]:
    return said("Order Completed", order_id="A-1", currency="EUR", products=[TEA, CUP], **more)


def test_a_product_that_is_viewed_is_known_from_then_on(tell: Tell, drained: Any) -> None:
    tell(said("Product Viewed", **TEA, category="Tea", currency="usd"))

    drained()

    product = Product.objects.get()
    assert (product.sku, product.name, product.price) == ("TEA-1", "Green tea", Decimal("12.50"))
    assert (product.category, product.currency) == ("Tea", "USD")
    event = Event.objects.get()
    assert (event.name, event.properties["sku"]) == ("product.viewed", "TEA-1")


def test_a_view_without_a_price_makes_no_product(tell: Tell, drained: Any) -> None:
    tell(said("Product Viewed", product_id="TEA-1"), said("Cart Viewed", products=[{"x": 1}, 3]))

    drained()

    assert not Product.objects.exists()
    assert Event.objects.count() == 2


def test_a_view_takes_nothing_from_what_is_known(tell: Tell, drained: Any) -> None:
    tell(said("Product Viewed", **TEA, category="Tea", url="https://shop.example/tea"))
    drained()

    tell(said("Product Viewed", product_id="TEA-1", name="Sencha"))
    drained()

    product = Product.objects.get()
    assert (product.name, product.category, product.price) == ("Sencha", "Tea", Decimal("12.50"))


def test_what_was_told_last_of_a_product_counts_though_it_was_told_before(
    tell: Tell, drained: Any
) -> None:
    dear = {**TEA, "price": 14}
    told = (TEA, dear, TEA, dear, TEA)
    tell(*(said("Product Viewed", **one) for one in told))

    drained()

    assert Product.objects.get().price == Decimal("12.50")
    assert Event.objects.count() == len(told)


def test_an_order_counts_with_what_the_shop_says_it_comes_to(tell: Tell, drained: Any) -> None:
    tell(bought(total=34.90), bought(total=99))

    drained()

    order = Order.objects.get()
    assert (order.total, order.lines.count()) == (Decimal("34.90"), 2)
    assert OrderStatistics.objects.get().revenue == Decimal("34.90")
    assert Event.objects.filter(name="order.placed").count() == 1


def test_a_full_refund_takes_the_order_out_of_the_statistics(tell: Tell, drained: Any) -> None:
    refund = {**said("Order Refunded", order_id="A-1"), "messageId": "r-1"}
    tell(bought(), refund, refund)

    drained()

    assert Order.objects.get().state == "refunded"
    assert not OrderStatistics.objects.exists()
    assert Event.objects.filter(name="order.refunded").count() == 1


def test_a_partial_refund_shrinks_the_total(tell: Tell, drained: Any) -> None:
    back = [{"product_id": "TEA-1", "quantity": 1}]
    tell(bought(), said("Order Refunded", order_id="A-1", products=back))

    drained()

    order = Order.objects.get()
    assert (order.state, order.total) == ("placed", Decimal("17.50"))
    assert OrderLine.objects.get(quantity=-1).unit_price == Decimal("12.50")
    assert OrderStatistics.objects.get().revenue == Decimal("17.50")
    refunded = Event.objects.get(name="order.refunded")
    assert (refunded.properties["amount"], refunded.properties["is_partial"]) == (12.5, True)


def test_a_cancelled_order_stays_cancelled(tell: Tell, drained: Any) -> None:
    tell(bought(), said("Order Cancelled", order_id="A-1"), said("Order Updated", order_id="A-1"))

    drained()

    assert Order.objects.get().state == "cancelled"
    assert not OrderStatistics.objects.exists()


def test_an_update_replaces_lines_and_total(tell: Tell, drained: Any) -> None:
    tell(bought(), said("Order Updated", order_id="A-1", products=[CUP], total=5))

    drained()

    order = Order.objects.get()
    assert (order.total, order.lines.get().product.sku) == (Decimal("5.00"), "CUP-1")


def test_a_refund_of_what_is_not_known_is_put_aside(tell: Tell, drained: Any) -> None:
    tell(said("Order Refunded", order_id="Z-9"), said("Order Completed"), bought())

    drained()

    assert RejectedEvent.objects.filter(reason="not_recorded").count() == 2
    assert Order.objects.get().number == "A-1"


@pytest.mark.parametrize("price", ["free", True, None, [], "1e400", -1e30, float(10**15)])
def test_a_price_that_is_none_is_no_price(tell: Tell, drained: Any, price: Any) -> None:
    tell(said("Product Viewed", product_id="TEA-1", name="Green tea", price=price))

    drained()

    assert not Product.objects.exists()
    assert not RejectedEvent.objects.exists()
