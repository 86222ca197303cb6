"""How much is noted of a customer who opens messages and follows their links."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm import tracking
from crm.api import fields
from crm.api.base import Endpoint
from crm.models import TrackingRefusal
from crm.tracking_choices import TrackingMode


class TrackingSerializer(serializers.Serializer[Any]):
    """At most this is noted; `personal` is what the shop notes of everybody."""

    mode = fields.Word(TrackingMode.choices)


class CustomerTracking(Endpoint):
    """What a customer lets us note."""

    model = TrackingRefusal
    permissions = {"PUT": "crm.add_trackingrefusal"}

    @extend_schema(responses={200: TrackingSerializer})
    def get(self, request: Request, customer_id: int) -> Response:
        """Show what a customer lets us note at most."""
        return _answer(self.person(customer_id).pk)

    @extend_schema(request=TrackingSerializer, responses={200: TrackingSerializer})
    def put(self, request: Request, customer_id: int) -> Response:
        """Let us note at most this of a customer."""
        person_id = self.person(customer_id).pk
        mode = self.body(TrackingSerializer)["mode"]
        tracking.choose_mode(customer_id=person_id, mode=mode, now=timezone.now())
        return _answer(person_id)


def _answer(customer_id: int) -> Response:
    chosen = tracking.chosen_mode(customer_id=customer_id)
    return Response({"mode": chosen or TrackingMode.PERSONAL.value})
