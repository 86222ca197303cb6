"""Consents: what customers allow, and the ledger of their decisions."""

from collections.abc import Sequence
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm import consent, customers
from crm.api import fields
from crm.api.base import Endpoint, Listed, Plain, page_of
from crm.api.customers import PersonSerializer, StandingSerializer, people
from crm.api.events import RecordedSerializer
from crm.choices import Channel, ConsentState, DecisionSource, Purpose
from crm.models import Consent, ConsentDecision


class NewDecisionSerializer(serializers.Serializer[Any]):
    """What somebody decided about one channel and purpose, and how we know."""

    customer = PersonSerializer()
    channel = fields.Word(Channel.choices)
    purpose = fields.Word(Purpose.choices)
    state = fields.Word(ConsentState.choices)
    source = fields.Word(DecisionSource.choices)  # type: ignore[assignment]
    decided_at = fields.Moment()
    proof = fields.PlainJSONField(required=False)
    text_shown = fields.Optional(max_length=20_000)


class DecisionsSerializer(serializers.Serializer[Any]):
    """A batch of decisions."""

    consents = fields.Batch(child=NewDecisionSerializer())


class DecisionSerializer(Plain):
    """One entry of the ledger."""

    proof = fields.PlainJSONField(read_only=True)

    class Meta:
        model = ConsentDecision
        fields = (
            "id",
            "channel",
            "purpose",
            "state",
            "source",
            "proof",
            "text_shown",
            "decided_at",
        )

    def to_representation(self, instance: ConsentDecision) -> dict[str, Any]:
        """A proof may hold addresses: it is personal as a whole."""
        shown = super().to_representation(instance)
        if "proof" in shown and not self.context.get("sees_personal"):
            shown["proof"] = {}
        return shown


class StandingsSerializer(serializers.Serializer[Any]):
    """Where a customer's consents stand."""

    results = StandingSerializer(many=True)


_GRANTED = {
    "customer": {"external_id": "C-1"},
    "channel": "email",
    "purpose": "marketing",
    "state": "granted",
    "source": "checkout",
    "decided_at": "2026-04-14T12:00:00Z",
    "proof": {"form": "checkout-3"},
    "text_shown": "Yes, write to me about offers.",
}


class Consents(Endpoint):
    """Decisions of customers."""

    model = ConsentDecision

    @extend_schema(
        request=DecisionsSerializer,
        responses={200: RecordedSerializer},
        examples=[OpenApiExample("A yes", {"consents": [_GRANTED]}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Write a batch of decisions into the ledger, each once."""
        told = self.body(DecisionsSerializer)["consents"]
        now = timezone.now()
        ids = customers.identify_many(people=people([one["customer"] for one in told]), now=now)
        decisions = _decisions(told, ids, self.staff())
        return Response({"recorded": len(consent.decide_many(decisions=decisions, now=now))})


class CustomerConsents(Endpoint):
    """Where the consents of a customer stand."""

    model = Consent

    @extend_schema(responses={200: StandingsSerializer})
    def get(self, request: Request, customer_id: int) -> Response:
        """Show where consent stands now, per channel and purpose."""
        person = self.person(customer_id)
        found = Consent.objects.filter(customer=person).order_by("channel", "purpose")
        return Response({"results": StandingSerializer(found, many=True).data})


class CustomerDecisions(Endpoint):
    """The ledger of one customer."""

    model = ConsentDecision

    @extend_schema(parameters=[Listed], responses={200: page_of(DecisionSerializer, "Decision")})
    def get(self, request: Request, customer_id: int) -> Response:
        """List the decisions of a customer, the last recorded first."""
        asked = self.asked(Listed)
        found = ConsentDecision.objects.filter(customer=self.person(customer_id))
        return self.listed(DecisionSerializer, found, asked)


def _decisions(
    told: Sequence[dict[str, Any]], ids: Sequence[int], by: Any
) -> list[consent.NewDecision]:
    return [
        consent.NewDecision(
            customer_id=customer_id,
            channel=one["channel"],
            purpose=one["purpose"],
            state=one["state"],
            source=one["source"],
            decided_at=one["decided_at"],
            proof=one.get("proof", {}),
            recorded_by_id=by.pk if by else None,
            text_shown=one.get("text_shown", ""),
        )
        for one, customer_id in zip(told, ids, strict=True)
    ]
