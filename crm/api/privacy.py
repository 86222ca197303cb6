"""Privacy requests: somebody asks for a copy of their data, or to be erased."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm import privacy
from crm.api import fields
from crm.api.base import Endpoint, Listed, Plain, Shown, page_of
from crm.choices import ApiScope, DecisionSource, PrivacyKind, PrivacyState
from crm.models import PrivacyRequest


class NewPrivacyRequestSerializer(serializers.Serializer[Any]):
    """Who asks for what; the shop has made sure that it is them."""

    kind = fields.Word(PrivacyKind.choices)
    customer_id = fields.Whole(min_value=1, max_value=2**53)


class PrivacyRequestSerializer(Plain):
    """A request and how it stands."""

    customer_id = serializers.IntegerField(read_only=True, allow_null=True)

    class Meta:
        model = PrivacyRequest
        fields = (
            "id",
            "kind",
            "state",
            "customer_id",
            "source",
            "requested_at",
            "due_at",
            "done_at",
            "refusal",
        )


class PrivacyRequestsAsked(Listed):
    """Which requests are wanted."""

    kind = fields.Word(PrivacyKind.choices, required=False, help_text="Copies or erasures")
    state = fields.Word(PrivacyState.choices, required=False, help_text="How they stand")


_ERASE = {"kind": "erasure", "customer_id": 1}


class PrivacyRequests(Endpoint):
    """Privacy requests."""

    model = PrivacyRequest
    scope = ApiScope.MANAGE
    permissions = {"GET": "crm.view_privacyrequest", "POST": "crm.erase_customer"}

    @extend_schema(
        request=NewPrivacyRequestSerializer,
        responses={201: PrivacyRequestSerializer},
        examples=[OpenApiExample("Erase", _ERASE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Take down what a customer asks; an erasure is done by a worker within minutes."""
        told = self.body(NewPrivacyRequestSerializer)
        made = privacy.order(
            kind=told["kind"],
            customer_id=self.person(told["customer_id"]).pk,
            by=self.staff(),
            source=DecisionSource.API,
            now=timezone.now(),
        )
        return self.made(PrivacyRequestSerializer, made, 201)

    @extend_schema(
        parameters=[PrivacyRequestsAsked],
        responses={200: page_of(PrivacyRequestSerializer, "PrivacyRequest")},
    )
    def get(self, request: Request) -> Response:
        """List requests, the newest first."""
        asked = self.asked(PrivacyRequestsAsked)
        wanted = {name: asked[name] for name in ("kind", "state") if name in asked}
        found = PrivacyRequest.objects.filter(**wanted)
        return self.listed(PrivacyRequestSerializer, found, asked)


class PrivacyRequestDetail(Endpoint):
    """One privacy request."""

    model = PrivacyRequest
    scope = ApiScope.MANAGE

    @extend_schema(parameters=[Shown], responses={200: PrivacyRequestSerializer})
    def get(self, request: Request, request_id: int) -> Response:
        """Show how a request stands."""
        found = get_object_or_404(PrivacyRequest, pk=request_id)
        return self.show(PrivacyRequestSerializer, found)
