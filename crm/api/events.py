"""Events: what customers did."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from crm import customers, events, masking
from crm.api import fields
from crm.api.base import Endpoint, Listed, Plain, page_of
from crm.api.customers import PersonSerializer, people
from crm.models import Event

# Facts that only we record.
_RESERVED = ("message.", "consent.", "order.")


class NewEventSerializer(serializers.Serializer[Any]):
    """Something that somebody did."""

    customer = PersonSerializer()
    name = fields.Pattern(
        r"^(?!(message|consent|order)\.)[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$",
        max_length=100,
        help_text="Dotted, past tense: product.viewed",
    )
    occurred_at = fields.Moment()
    key = fields.Text(
        max_length=150, help_text="Your own id for it; told twice it is recorded once."
    )
    properties = fields.PlainJSONField(required=False)

    def validate_name(self, name: str) -> str:
        """What we record ourselves cannot be told by others."""
        if name.startswith(_RESERVED):
            raise ValidationError("We record this ourselves.")
        return name


class EventsSerializer(serializers.Serializer[Any]):
    """A batch of events."""

    events = fields.Batch(child=NewEventSerializer())


class RecordedSerializer(serializers.Serializer[Any]):
    """How many of a batch were taken in anew."""

    recorded = serializers.IntegerField()


class EventSerializer(Plain):
    """An event; texts in its properties are masked for whoever may not see personal data."""

    personal = {"properties": masking.facts}
    customer_id = serializers.IntegerField(read_only=True)
    properties = fields.PlainJSONField(read_only=True)

    class Meta:
        model = Event
        fields = ("id", "customer_id", "name", "occurred_at", "received_at", "properties")


class EventsAsked(Listed):
    """Which events of a customer are wanted."""

    name = fields.Text(required=False, max_length=200, help_text="Events of this name")
    since = fields.Moment(required=False, help_text="That occurred then or later")
    until = fields.Moment(required=False, help_text="That occurred before")


EventPage = page_of(EventSerializer, "Event")
_EVENT = {
    "customer": {"external_id": "C-1"},
    "name": "product.viewed",
    "occurred_at": "2026-04-14T11:58:00Z",
    "key": "view-77",
    "properties": {"sku": "TEA-1"},
}


class Events(Endpoint):
    """Events: what customers did."""

    model = Event

    @extend_schema(
        request=EventsSerializer,
        responses={200: RecordedSerializer},
        examples=[OpenApiExample("A view", {"events": [_EVENT]}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Record a batch of events, each once."""
        told = self.body(EventsSerializer)["events"]
        now = timezone.now()
        ids = customers.identify_many(people=people([one["customer"] for one in told]), now=now)
        new = [
            events.NewEvent(
                customer_id=customer_id,
                name=one["name"],
                occurred_at=one["occurred_at"],
                key=f"api:{one['key']}",
                properties=one.get("properties", {}),
            )
            for one, customer_id in zip(told, ids, strict=True)
        ]
        return Response({"recorded": len(events.record_many(events=new, now=now))})


class CustomerEvents(Endpoint):
    """What one customer did."""

    model = Event

    @extend_schema(parameters=[EventsAsked], responses={200: EventPage})
    def get(self, request: Request, customer_id: int) -> Response:
        """List the events of a customer, the last recorded first."""
        asked = self.asked(EventsAsked)
        found = Event.objects.filter(customer=self.person(customer_id))
        for name, lookup in (
            ("name", "name"),
            ("since", "occurred_at__gte"),
            ("until", "occurred_at__lt"),
        ):
            if name in asked:
                found = found.filter(**{lookup: asked[name]})
        return self.listed(EventSerializer, found, asked)
