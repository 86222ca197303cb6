"""Customers: identify a batch, list, show, change, merge and part."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from crm import audit, customers, masking, normalise
from crm.api import fields
from crm.api.base import Endpoint, Listed, Plain, Shown, page_of
from crm.attributes import Definition, check, definitions
from crm.choices import AccessKind, IdentityKind, MergeCause
from crm.customers import Person
from crm.models import (
    AttributeDefinition,
    Consent,
    Customer,
    CustomerAlias,
    Identity,
    Merge,
    OrderStatistics,
)

HANDLES = (
    "external_id",
    "email",
    "phone",
    "anonymous_id",
    "telegram_id",
    "whatsapp_id",
    "webchat_id",
)
# What an address that is somebody's only handle looks like at least.
# Named one by one: what else is white space is not the same in every language.
_EMAIL = r"^[^@ \t\r\n]+@[^@ \t\r\n]+$"


class FactsSerializer(serializers.Serializer[Any]):
    """What is known about somebody, handles aside."""

    first_name = fields.Optional(max_length=150)
    last_name = fields.Optional(max_length=150)
    country = fields.Optional(max_length=2)
    city = fields.Optional(max_length=150)
    postcode = fields.Optional(max_length=20)
    street = fields.Optional(max_length=255)
    language = fields.Optional(max_length=10)
    time_zone = fields.Optional(max_length=64)
    attributes = fields.PlainJSONField(required=False)

    def validate_attributes(self, told: dict[str, Any]) -> dict[str, Any]:
        """A value fits what staff said that its attribute means."""
        problems = check(attributes=told, known=self._definitions()) if told else ()
        if problems:
            raise ValidationError({problem.name: [problem.detail] for problem in problems})
        return told

    def _definitions(self) -> dict[str, Definition]:
        """Read once a call, however many people it is about."""
        shared: Any = self.root
        if not hasattr(shared, "known_attributes"):
            shared.known_attributes = definitions()
        known: dict[str, Definition] = shared.known_attributes
        return known


class PersonSerializer(FactsSerializer):
    """Somebody by any of their handles, and what is known about them."""

    external_id = fields.Optional(max_length=320)
    email = fields.Optional(max_length=320)
    phone = fields.Optional(max_length=40)
    anonymous_id = fields.Optional(max_length=320)
    telegram_id = fields.Optional(max_length=320)
    whatsapp_id = fields.Optional(max_length=320)
    webchat_id = fields.Optional(max_length=320)
    created_at = fields.Moment(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Somebody without any handle is nobody."""
        if not any(_is_usable(name, attrs.get(name, "")) for name in HANDLES):
            raise ValidationError(f"One of {', '.join(HANDLES)} is needed.")
        return attrs


class _PersonShown(OpenApiSerializerExtension):
    target_class = PersonSerializer

    def map_serializer(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """One handle at least, which the fields alone cannot say."""
        shown = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        forms = {"email": {"pattern": _EMAIL}}
        shown["anyOf"] = [
            {
                "required": [name],
                "properties": {name: {"type": "string", "minLength": 1, **forms.get(name, {})}},
            }
            for name in HANDLES
        ]
        return dict(shown)


class PeopleSerializer(serializers.Serializer[Any]):
    """A batch of people."""

    customers = fields.Batch(child=PersonSerializer())


class IdsSerializer(serializers.Serializer[Any]):
    """The customers of a batch, in its order."""

    ids = serializers.ListField(child=serializers.IntegerField())


class ChangeSerializer(FactsSerializer):
    """What is to be changed; an empty text takes a fact away, an attribute of null too."""

    email = fields.Optional(max_length=320)
    phone = fields.Optional(max_length=40)


class MergeSerializer(serializers.Serializer[Any]):
    """Who is taken into whom."""

    kept_id = fields.Whole(min_value=1, max_value=2**53)
    merged_id = fields.Whole(min_value=1, max_value=2**53)
    reason = fields.Optional(max_length=255)


class ShownMergeSerializer(Plain):
    """A merge, by whose id it is undone."""

    class Meta:
        model = Merge
        fields = ("id", "kept_id", "merged_id", "cause", "reason", "merged_at", "undone_at")


class ShownIdentitySerializer(Plain):
    """One handle of a customer."""

    class Meta:
        model = Identity
        fields = ("id", "kind", "value", "verified_at", "created_at")

    def to_representation(self, instance: Identity) -> dict[str, Any]:
        """A handle is masked by its kind; the shop's own number is no secret to the shop."""
        shown = super().to_representation(instance)
        if self.context.get("sees_personal") or "value" not in shown:
            return shown
        masks: dict[str, Callable[[str], str]] = {
            "email": masking.email,
            "phone": masking.phone,
            "external": str,
        }
        shown["value"] = masks.get(instance.kind, masking.hidden)(instance.value)
        return shown


class StandingSerializer(Plain):
    """What a customer allows."""

    class Meta:
        model = Consent
        fields = ("channel", "purpose", "state", "decided_at")


class OrderStatisticsSerializer(Plain):
    """What a customer's orders come to."""

    class Meta:
        model = OrderStatistics
        fields = ("orders", "revenue", "first_order_at", "last_order_at")


class CustomerSerializer(Plain):
    """A customer as a list shows them."""

    personal = {
        "first_name": masking.name,
        "last_name": masking.name,
        "email": masking.email,
        "phone": masking.phone,
        "postcode": masking.hidden,
        "street": masking.hidden,
    }
    attributes = fields.PlainJSONField(read_only=True)

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
            "postcode",
            "street",
            "language",
            "time_zone",
            "attributes",
            "created_at",
            "last_seen_at",
        )

    def to_representation(self, instance: Customer) -> dict[str, Any]:
        """Attributes are personal unless staff said that they are not."""
        shown = super().to_representation(instance)
        if self.context.get("sees_personal") or not shown.get("attributes"):
            return shown
        plain = self._plain_attributes()
        shown["attributes"] = {
            name: value if name in plain else _masked(value)
            for name, value in shown["attributes"].items()
        }
        return shown

    def _plain_attributes(self) -> set[str]:
        """Read once an answer."""
        if "plain_attributes" not in self.context:
            known = AttributeDefinition.objects.filter(is_personal=False)
            shared: Any = self.context
            shared["plain_attributes"] = set(known.values_list("name", flat=True))
        known_names: set[str] = self.context["plain_attributes"]
        return known_names


class CustomerDetailSerializer(CustomerSerializer):
    """A customer with handles, consent, what the orders come to, and ids from before merges."""

    identities = ShownIdentitySerializer(many=True, read_only=True)
    consents = StandingSerializer(many=True, read_only=True)
    order_statistics = OrderStatisticsSerializer(read_only=True, allow_null=True, default=None)
    former_ids = serializers.SerializerMethodField()

    class Meta:
        model = Customer
        fields = (
            *CustomerSerializer.Meta.fields,
            "identities",
            "consents",
            "order_statistics",
            "former_ids",
        )

    def get_former_ids(self, customer: Customer) -> list[int]:
        """Numbers that customers who were merged into this one had."""
        known = CustomerAlias.objects.filter(customer=customer)
        return list(known.values_list("old_id", flat=True))


class CustomersAsked(Listed):
    """Which customers are wanted."""

    email = fields.Text(required=False, help_text="Who has this e-mail address")
    phone = fields.Text(required=False, help_text="Who has this phone number, as +44…")
    external_id = fields.Text(required=False, help_text="Who has this customer number")
    country = fields.Text(required=False, max_length=2, help_text="Who lives in this country")


CustomerPage = page_of(CustomerSerializer, "Customer")
_ADA = {"external_id": "C-1", "email": "ada@shop.example", "first_name": "Ada"}


class Customers(Endpoint):
    """Customers: identify a batch, list, find by a handle."""

    @extend_schema(
        request=PeopleSerializer,
        responses={200: IdsSerializer},
        examples=[
            OpenApiExample("A batch", {"customers": [_ADA]}, request_only=True),
            OpenApiExample("Their ids", {"ids": [1]}, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        """Find or create the customer of each person."""
        told = self.body(PeopleSerializer)["customers"]
        return Response({"ids": customers.identify_many(people=people(told), now=timezone.now())})

    @extend_schema(parameters=[CustomersAsked], responses={200: CustomerPage})
    def get(self, request: Request) -> Response:
        """List customers, the newest first."""
        asked = self.asked(CustomersAsked)
        found = Customer.objects.all()
        wanted = {
            IdentityKind.EMAIL: normalise.email(asked["email"]) if "email" in asked else None,
            IdentityKind.PHONE: normalise.phone(asked["phone"]) if "phone" in asked else None,
            IdentityKind.EXTERNAL: asked.get("external_id"),
        }
        for kind, value in wanted.items():
            if value is not None:
                found = found.filter(identities__kind=kind, identities__value=value)
        if "country" in asked:
            found = found.filter(country=asked["country"].upper())
        return self.listed(CustomerSerializer, found, asked)


class CustomerDetail(Endpoint):
    """One customer."""

    @extend_schema(parameters=[Shown], responses={200: CustomerDetailSerializer})
    def get(self, request: Request, customer_id: int) -> Response:
        """Show a customer; an id from before a merge leads to who they are now."""
        person = self._whole(customer_id)
        access = audit.Access(
            AccessKind.VIEWED, "api/customers", by=self.staff(), program=self.program()
        )
        audit.note(access=access, customer_ids=[person.pk], now=timezone.now())
        return self._located(self.show(CustomerDetailSerializer, person))

    @extend_schema(request=ChangeSerializer, responses={200: CustomerDetailSerializer})
    def patch(self, request: Request, customer_id: int) -> Response:
        """Change what is known about a customer; attributes are merged."""
        values = self.body(ChangeSerializer)
        person = self.person(customer_id)
        customers.change(customer_id=person.pk, values=values, now=timezone.now())
        return self._located(self.made(CustomerDetailSerializer, self._whole(person.pk), 200))

    def _whole(self, customer_id: int) -> Customer:
        known = Customer.objects.select_related("order_statistics").prefetch_related(
            "identities", "consents"
        )
        return known.get(pk=self.person(customer_id).pk)

    def _located(self, response: Response) -> Response:
        number = response.data.get("id")
        if number is not None:
            response["Content-Location"] = f"/api/v1/customers/{number}/"
        return response


class Merges(Endpoint):
    """Merges: two customers become one."""

    model = Merge
    permissions = {"GET": "crm.view_customer", "POST": "crm.merge_customer"}

    @extend_schema(request=MergeSerializer, responses={201: ShownMergeSerializer})
    def post(self, request: Request) -> Response:
        """Take one customer into another; 409 says why two people stay two."""
        told = self.body(MergeSerializer)
        merged = customers.merge(
            kept_id=told["kept_id"],
            merged_id=told["merged_id"],
            cause=MergeCause.API,
            reason=told.get("reason", ""),
            by=self.staff(),
            now=timezone.now(),
        )
        return self.made(ShownMergeSerializer, merged, 201)

    @extend_schema(parameters=[Listed], responses={200: page_of(ShownMergeSerializer, "Merge")})
    def get(self, request: Request) -> Response:
        """List merges, the newest first."""
        return self.listed(ShownMergeSerializer, Merge.objects.all(), self.asked(Listed))


class MergeDetail(Endpoint):
    """One merge."""

    model = Merge
    permissions = {"DELETE": "crm.merge_customer"}

    @extend_schema(request=None, responses={200: ShownMergeSerializer})
    def delete(self, request: Request, merge_id: int) -> Response:
        """Part two customers again as they were."""
        undone = customers.unmerge(merge_id=merge_id, by=self.staff(), now=timezone.now())
        return self.made(ShownMergeSerializer, undone, 200)


def people(told: Sequence[Mapping[str, Any]]) -> list[Person]:
    """The people of a batch as operations take them."""
    return [Person(**one) for one in told]


def _is_usable(name: str, text: str) -> bool:
    # Searched, as readers of the document do: a line break at the end does no harm.
    return bool(re.search(_EMAIL, text) if name == "email" else text)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return masking.hidden(value)
    return masking.facts(value) if isinstance(value, list | dict) else value
