"""Orders: what customers bought."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from crm import customers, orders
from crm.api import fields
from crm.api.base import Endpoint, Listed, Plain, Shown, page_of
from crm.api.customers import PersonSerializer, people
from crm.api.events import RecordedSerializer
from crm.choices import OrderState
from crm.models import Order, OrderLine

CURRENCY = r"^[A-Z]{3}$"


class NewLineSerializer(serializers.Serializer[Any]):
    """One product in an order; a return has a negative quantity."""

    sku = fields.Text(max_length=100)
    quantity = fields.Whole(min_value=-1000, max_value=1000)
    unit_price = fields.Amount()


class NewOrderSerializer(serializers.Serializer[Any]):
    """An order; the same number again replaces what was known."""

    number = fields.Text(max_length=100)
    customer = PersonSerializer(required=False, allow_null=True)
    placed_at = fields.Moment()
    currency = fields.Pattern(CURRENCY)
    state = fields.Word(OrderState.choices, required=False)
    lines = fields.Batch(child=NewLineSerializer(), max_length=100)


class OrdersSerializer(serializers.Serializer[Any]):
    """A batch of orders."""

    orders = fields.Batch(child=NewOrderSerializer())


class LineSerializer(Plain):
    """One product in an order."""

    sku = serializers.CharField(source="product.sku", read_only=True)

    class Meta:
        model = OrderLine
        fields = ("sku", "quantity", "unit_price")


class OrderSerializer(Plain):
    """An order with its lines."""

    customer_id = serializers.IntegerField(read_only=True, allow_null=True)
    lines = LineSerializer(many=True, read_only=True)

    class Meta:
        model = Order
        fields = ("id", "number", "customer_id", "state", "placed_at", "currency", "total", "lines")


class OrdersAsked(Listed):
    """Which orders are wanted."""

    number = fields.Text(required=False, max_length=100, help_text="The order of this number")
    state = fields.Word(OrderState.choices, required=False, help_text="How the order stands")
    customer_id = fields.AskedWhole(
        required=False, min_value=1, max_value=2**53, help_text="Orders of this customer"
    )
    since = fields.Moment(required=False, help_text="Placed then or later")
    until = fields.Moment(required=False, help_text="Placed before")


_LOOKUPS = {
    "number": "number",
    "state": "state",
    "since": "placed_at__gte",
    "until": "placed_at__lt",
}
_ORDER = {
    "number": "A-1001",
    "customer": {"external_id": "C-1"},
    "placed_at": "2026-04-14T12:00:00Z",
    "currency": "EUR",
    "lines": [{"sku": "TEA-1", "quantity": 2, "unit_price": "12.50"}],
}
_WHOLE = Order.objects.prefetch_related("lines__product")


class Orders(Endpoint):
    """Orders: what customers bought."""

    model = Order

    @extend_schema(
        request=OrdersSerializer,
        responses={200: RecordedSerializer},
        examples=[OpenApiExample("An order", {"orders": [_ORDER]}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Take in a batch of orders; the same number again replaces what was known."""
        told = self.body(OrdersSerializer)["orders"]
        now = timezone.now()
        buyers = [one["customer"] for one in told if one.get("customer")]
        ids = iter(customers.identify_many(people=people(buyers), now=now))
        new = [_order(one, next(ids) if one.get("customer") else None) for one in told]
        return Response({"recorded": len(orders.record_many(orders=new, now=now))})

    @extend_schema(parameters=[OrdersAsked], responses={200: page_of(OrderSerializer, "Order")})
    def get(self, request: Request) -> Response:
        """List orders, the last recorded first."""
        asked = self.asked(OrdersAsked)
        found = _WHOLE.filter(**{_LOOKUPS[name]: asked[name] for name in _LOOKUPS if name in asked})
        if "customer_id" in asked:
            found = found.filter(customer=self.person(asked["customer_id"]))
        return self.listed(OrderSerializer, found, asked)


class OrderDetail(Endpoint):
    """One order."""

    model = Order

    @extend_schema(parameters=[Shown], responses={200: OrderSerializer})
    def get(self, request: Request, order_id: int) -> Response:
        """Show an order."""
        found = _WHOLE.filter(pk=order_id).first()
        if found is None:
            raise NotFound("There is no such order.")
        return self.show(OrderSerializer, found)


def _order(told: Mapping[str, Any], customer_id: int | None) -> orders.NewOrder:
    return orders.NewOrder(
        number=told["number"],
        customer_id=customer_id,
        placed_at=told["placed_at"],
        currency=told["currency"],
        lines=tuple(orders.NewLine(**line) for line in told["lines"]),
        state=told.get("state", OrderState.PLACED),
    )
