"""Suppressions: addresses not to be written to; only their hashes come back."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from crm import consent, normalise
from crm.api import fields
from crm.api.base import Endpoint, Listed, Plain, page_of
from crm.choices import Channel, DecisionSource, SuppressionReason
from crm.models import Suppression


class AddressSerializer(serializers.Serializer[Any]):
    """An address of a channel."""

    channel = fields.Word(Channel.choices)
    address = fields.Text(max_length=320)


class NewSuppressionSerializer(AddressSerializer):
    """An address to keep from being written to, and why."""

    reason = fields.Word(SuppressionReason.choices)
    detail = fields.Optional(max_length=255)
    expires_at = fields.Moment(required=False, allow_null=True)


class SuppressionSerializer(Plain):
    """A suppression, by the hash of its address."""

    class Meta:
        model = Suppression
        fields = (
            "id",
            "channel",
            "address_hash",
            "reason",
            "source",
            "detail",
            "created_at",
            "expires_at",
        )


class SuppressionsAsked(Listed):
    """Which suppressions are wanted."""

    channel = fields.Word(Channel.choices, required=False, help_text="Of this channel")
    reason = fields.Word(SuppressionReason.choices, required=False, help_text="For this reason")
    address_hash = fields.Text(required=False, max_length=64, help_text="Of this address")


_BOUNCED = {"channel": "email", "address": "ada@shop.example", "reason": "hard_bounce"}


class Suppressions(Endpoint):
    """Addresses not to be written to."""

    model = Suppression

    @extend_schema(
        request=NewSuppressionSerializer,
        responses={201: SuppressionSerializer},
        examples=[OpenApiExample("A hard bounce", _BOUNCED, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Keep an address from being written to; of two terms the longer holds."""
        told = self.body(NewSuppressionSerializer)
        new = consent.NewSuppression(**told, source=DecisionSource.API)
        consent.suppress(suppression=new, now=timezone.now())
        return self.made(SuppressionSerializer, _found(told).get(), 201)

    @extend_schema(
        parameters=[SuppressionsAsked],
        responses={200: page_of(SuppressionSerializer, "Suppression")},
    )
    def get(self, request: Request) -> Response:
        """List suppressions, the newest first."""
        asked = self.asked(SuppressionsAsked)
        names = ("channel", "reason", "address_hash")
        wanted = {name: asked[name] for name in names if name in asked}
        return self.listed(SuppressionSerializer, Suppression.objects.filter(**wanted), asked)


class SuppressionLift(Endpoint):
    """Lifting a suppression."""

    model = Suppression
    permissions = {"POST": "crm.delete_suppression"}

    @extend_schema(request=AddressSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Let an address be written to again."""
        told = self.body(AddressSerializer)
        if not consent.unsuppress(
            channel=told["channel"], address=told["address"], now=timezone.now()
        ):
            raise NotFound("This address is not suppressed.")
        return Response(status=204)


def _found(told: dict[str, Any]) -> Any:
    address = normalise.address(channel=told["channel"], text=told["address"])
    hashed = normalise.address_hash(channel=told["channel"], address=address)
    return Suppression.objects.filter(channel=told["channel"], address_hash=hashed)
