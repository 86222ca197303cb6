"""Attributes: what the free facts on customers mean."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm import attributes, masking
from crm.api import fields
from crm.api.base import Endpoint, Listed, Plain, Shown, page_of
from crm.choices import AttributeState, AttributeType
from crm.models import AttributeDefinition


class NewAttributeSerializer(serializers.Serializer[Any]):
    """What an attribute means."""

    name = fields.Text(max_length=100)
    label = fields.Optional(max_length=150)  # type: ignore[assignment]
    type = fields.Word(AttributeType.choices)
    choices = serializers.ListField(
        child=fields.Text(max_length=150), required=False, max_length=200
    )
    is_personal = fields.Flag(required=False)
    is_protected = fields.Flag(required=False)


class AttributeSerializer(Plain):
    """An attribute; its example is a person's."""

    personal = {"example": masking.hidden}

    class Meta:
        model = AttributeDefinition
        fields = (
            "id",
            "name",
            "label",
            "type",
            "choices",
            "is_personal",
            "is_protected",
            "state",
            "example",
            "created_at",
        )


class AttributesAsked(Listed):
    """Which attributes are wanted."""

    state = fields.Word(AttributeState.choices, required=False, help_text="Taken on, seen, ignored")


class Attributes(Endpoint):
    """Definitions of attributes."""

    model = AttributeDefinition

    @extend_schema(request=NewAttributeSerializer, responses={201: AttributeSerializer})
    def post(self, request: Request) -> Response:
        """Define an attribute, or change what it means; the name tells which."""
        told = self.body(NewAttributeSerializer)
        flags = {"personal": told.get("is_personal", True), "protected": told.get("is_protected")}
        wanted = attributes.Definition(
            name=told["name"],
            label=told.get("label", ""),
            type=told["type"],
            choices=tuple(told.get("choices", ())),
            flags=frozenset(name for name, is_set in flags.items() if is_set),
        )
        row = attributes.define(wanted=wanted, now=timezone.now())
        return self.made(AttributeSerializer, row, 201)

    @extend_schema(
        parameters=[AttributesAsked], responses={200: page_of(AttributeSerializer, "Attribute")}
    )
    def get(self, request: Request) -> Response:
        """List attributes, the last seen first."""
        asked = self.asked(AttributesAsked)
        found = AttributeDefinition.objects.all()
        if "state" in asked:
            found = found.filter(state=asked["state"])
        return self.listed(AttributeSerializer, found, asked)


class AttributeDetail(Endpoint):
    """One attribute."""

    model = AttributeDefinition

    @extend_schema(parameters=[Shown], responses={200: AttributeSerializer})
    def get(self, request: Request, attribute_id: int) -> Response:
        """Show an attribute."""
        row = get_object_or_404(AttributeDefinition, pk=attribute_id)
        return self.show(AttributeSerializer, row)
