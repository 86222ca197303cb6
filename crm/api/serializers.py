"""What the API takes and gives, field by field."""

import json
from typing import Any

from rest_framework import serializers

from crm.choices import OrderState
from crm.customers import Person
from crm.models import Consent, Customer, Identity, OrderStatistics

MAX_BATCH = 1_000
# Facts that only we record.
_RESERVED = ("message.", "consent.", "order.")


class PlainJSONField(serializers.JSONField):
    """A JSON object that PostgreSQL can keep: no NUL, no half characters, no infinity."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse what cannot be stored."""
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            raise serializers.ValidationError("An object is expected.")
        try:
            written = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except ValueError as error:
            raise serializers.ValidationError("It holds what JSON cannot carry.") from error
        if rb"\u0000" in written:
            raise serializers.ValidationError("It holds a NUL character.")
        return value


class PersonSerializer(serializers.Serializer[Person]):
    """Somebody by any of their handles, and what is known about them."""

    external_id = serializers.CharField(max_length=320, default="", allow_blank=True)
    email = serializers.CharField(max_length=320, default="", allow_blank=True)
    phone = serializers.CharField(max_length=40, default="", allow_blank=True)
    anonymous_id = serializers.CharField(max_length=320, default="", allow_blank=True)
    first_name = serializers.CharField(max_length=150, default="", allow_blank=True)
    last_name = serializers.CharField(max_length=150, default="", allow_blank=True)
    country = serializers.CharField(max_length=2, default="", allow_blank=True)
    city = serializers.CharField(max_length=150, default="", allow_blank=True)
    language = serializers.CharField(max_length=10, default="", allow_blank=True)
    time_zone = serializers.CharField(max_length=64, default="", allow_blank=True)
    attributes = PlainJSONField(default=dict)
    created_at = serializers.DateTimeField(default=None, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Somebody without any handle is nobody."""
        if not any(attrs[name] for name in ("external_id", "email", "phone", "anonymous_id")):
            raise serializers.ValidationError(
                "One of external_id, email, phone and anonymous_id is needed."
            )
        return attrs


class PeopleSerializer(serializers.Serializer[Any]):
    """A batch of people."""

    customers = PersonSerializer(many=True, max_length=MAX_BATCH, allow_empty=False)  # type: ignore[call-arg]


class NewEventSerializer(serializers.Serializer[Any]):
    """Something that somebody did."""

    customer = PersonSerializer()
    name = serializers.RegexField(
        r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$",
        max_length=100,
        help_text="Dotted, past tense: product.viewed",
    )
    occurred_at = serializers.DateTimeField()
    key = serializers.CharField(
        max_length=150, help_text="Your own id for it; told twice it is recorded once."
    )
    properties = PlainJSONField(default=dict)

    def validate_name(self, name: str) -> str:
        """What we record ourselves cannot be told by others."""
        if name.startswith(_RESERVED):
            raise serializers.ValidationError("We record this ourselves.")
        return name


class EventsSerializer(serializers.Serializer[Any]):
    """A batch of events."""

    events = NewEventSerializer(many=True, max_length=MAX_BATCH, allow_empty=False)  # type: ignore[call-arg]


class NewProductSerializer(serializers.Serializer[Any]):
    """Something that the shop sells."""

    sku = serializers.CharField(max_length=100)
    name = serializers.CharField(max_length=255)
    price = serializers.DecimalField(max_digits=12, decimal_places=2)
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    description = serializers.CharField(default="", allow_blank=True, max_length=20_000)
    category = serializers.CharField(default="", allow_blank=True, max_length=150)
    brand = serializers.CharField(default="", allow_blank=True, max_length=150)
    url = serializers.URLField(default="", allow_blank=True, max_length=500)
    image_url = serializers.URLField(default="", allow_blank=True, max_length=500)
    is_active = serializers.BooleanField(default=True)
    created_at = serializers.DateTimeField(default=None, allow_null=True)


class ProductsSerializer(serializers.Serializer[Any]):
    """A batch of products."""

    products = NewProductSerializer(many=True, max_length=MAX_BATCH, allow_empty=False)  # type: ignore[call-arg]


class NewLineSerializer(serializers.Serializer[Any]):
    """One product in an order; a return has a negative quantity."""

    sku = serializers.CharField(max_length=100)
    quantity = serializers.IntegerField(min_value=-1_000_000, max_value=1_000_000)
    unit_price = serializers.DecimalField(max_digits=10, decimal_places=2)


class NewOrderSerializer(serializers.Serializer[Any]):
    """An order; the same number again replaces what was known."""

    number = serializers.CharField(max_length=100)
    customer = PersonSerializer(default=None, allow_null=True)
    placed_at = serializers.DateTimeField()
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    state = serializers.ChoiceField(OrderState.choices, default=OrderState.PLACED)
    lines = NewLineSerializer(many=True, allow_empty=False, max_length=100)  # type: ignore[call-arg]


class OrdersSerializer(serializers.Serializer[Any]):
    """A batch of orders."""

    orders = NewOrderSerializer(many=True, max_length=MAX_BATCH, allow_empty=False)  # type: ignore[call-arg]


class IdsSerializer(serializers.Serializer[Any]):
    """The customers of a batch, in its order."""

    ids = serializers.ListField(child=serializers.IntegerField())


class RecordedSerializer(serializers.Serializer[Any]):
    """How many of a batch were taken in anew."""

    recorded = serializers.IntegerField()


class ProblemSerializer(serializers.Serializer[Any]):
    """What went wrong (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = serializers.JSONField(required=False)  # type: ignore[assignment]


class IdentitySerializer(serializers.ModelSerializer[Identity]):
    """One handle of a customer."""

    class Meta:
        model = Identity
        fields = ("kind", "value", "created_at")


class ConsentSerializer(serializers.ModelSerializer[Consent]):
    """What a customer allows."""

    class Meta:
        model = Consent
        fields = ("channel", "purpose", "state", "decided_at")


class OrderStatisticsSerializer(serializers.ModelSerializer[OrderStatistics]):
    """What a customer's orders come to."""

    class Meta:
        model = OrderStatistics
        fields = ("orders", "revenue", "first_order_at", "last_order_at")


class CustomerSerializer(serializers.ModelSerializer[Customer]):
    """A customer as a list shows them."""

    class Meta:
        model = Customer
        fields = (
            "id",
            "first_name",
            "last_name",
            "email",
            "phone",
            "country",
            "city",
            "language",
            "time_zone",
            "attributes",
            "created_at",
            "last_seen_at",
        )


class CustomerDetailSerializer(serializers.ModelSerializer[Customer]):
    """A customer with handles, consent and what the orders come to."""

    identities = IdentitySerializer(many=True, read_only=True)
    consents = ConsentSerializer(many=True, read_only=True)
    order_statistics = OrderStatisticsSerializer(read_only=True, allow_null=True, default=None)

    class Meta:
        model = Customer
        fields = (*CustomerSerializer.Meta.fields, "identities", "consents", "order_statistics")


class CustomerPageSerializer(serializers.Serializer[Any]):
    """One page of customers, and where the next and the previous begin."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = CustomerSerializer(many=True)
