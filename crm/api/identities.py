"""Identities: the handles that lead to a customer."""

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm import customers
from crm.api import fields
from crm.api.base import Endpoint, Listed, page_of
from crm.api.customers import ShownIdentitySerializer
from crm.choices import IdentityKind
from crm.models import Identity


class NewIdentitySerializer(serializers.Serializer[None]):
    """A handle to add."""

    kind = fields.Word(IdentityKind.choices)
    value = fields.Text(max_length=320)


class Identities(Endpoint):
    """The handles of a customer."""

    model = Identity

    @extend_schema(
        parameters=[Listed], responses={200: page_of(ShownIdentitySerializer, "Identity")}
    )
    def get(self, request: Request, customer_id: int) -> Response:
        """List the handles of a customer, the newest first."""
        asked = self.asked(Listed)
        found = Identity.objects.filter(customer=self.person(customer_id))
        return self.listed(ShownIdentitySerializer, found, asked)

    @extend_schema(request=NewIdentitySerializer, responses={201: ShownIdentitySerializer})
    def post(self, request: Request, customer_id: int) -> Response:
        """Let one more handle lead to a customer."""
        told = self.body(NewIdentitySerializer)
        person = self.person(customer_id)
        added = customers.add_identity(
            customer_id=person.pk, kind=told["kind"], value=told["value"], now=timezone.now()
        )
        return self.made(ShownIdentitySerializer, added, 201)


class IdentityDetail(Endpoint):
    """One handle of a customer."""

    model = Identity

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, customer_id: int, identity_id: int) -> Response:
        """Let a handle lead to its customer no more; the last one stays."""
        person = self.person(customer_id)
        found = get_object_or_404(Identity, pk=identity_id, customer=person)
        customers.remove_identity(identity_id=found.pk, now=timezone.now())
        return Response(status=204)
