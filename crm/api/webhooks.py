"""Webhooks: who is told what happens, and how every telling fared."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm import masking, tasks, webhooks
from crm.api import fields
from crm.api.base import Endpoint, Listed, Plain, Shown, page_of
from crm.api.problems import Conflict
from crm.choices import ApiScope, WebhookState
from crm.models import Webhook, WebhookDelivery

_PATTERN = r"^(\*|[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.\*)?)$"


class NewWebhookSerializer(serializers.Serializer[Any]):
    """A subscriber: where it listens and what it wants to hear."""

    name = fields.Text(max_length=100)
    url = fields.Pattern(r"^https?://[^\s/]+[^\s]*$", max_length=500)
    events = serializers.ListField(
        child=fields.Pattern(_PATTERN, max_length=200), min_length=1, max_length=50
    )
    tells_handles = fields.Flag(required=False)


class WebhookSerializer(Plain):
    """A subscriber; its secret is shown only when it is made or replaced."""

    class Meta:
        model = Webhook
        fields = (
            "id",
            "name",
            "url",
            "events",
            "tells_handles",
            "is_active",
            "stopped_because",
            "created_at",
        )


class SecretSerializer(serializers.Serializer[Any]):
    """A secret, shown once."""

    secret = serializers.CharField(read_only=True)


class SubscribedSerializer(WebhookSerializer):
    """A new subscriber with its secret."""

    secret = serializers.SerializerMethodField()

    class Meta:
        model = Webhook
        fields = (*WebhookSerializer.Meta.fields, "secret")

    def get_secret(self, webhook: Webhook) -> str:
        """The newest."""
        return webhook.secrets.split()[0]


class DeliverySerializer(Plain):
    """One thing told, with every try; handles in it are personal."""

    personal = {"tries": masking.facts}
    tries = serializers.ListField(source="log", child=serializers.DictField(), read_only=True)

    class Meta:
        model = WebhookDelivery
        fields = (
            "id",
            "key",
            "event_name",
            "customer_id",
            "state",
            "attempts",
            "tries",
            "created_at",
            "due_at",
            "delivered_at",
        )


class DeliveriesAsked(Listed):
    """Which deliveries are wanted."""

    state = fields.Word(WebhookState.choices, required=False, help_text="How they stand")


_NEW = {"name": "Warehouse", "url": "https://hooks.example.com/in", "events": ["order.*"]}


class Webhooks(Endpoint):
    """Subscribers."""

    model = Webhook
    scope = ApiScope.MANAGE

    @extend_schema(
        request=NewWebhookSerializer,
        responses={201: SubscribedSerializer},
        examples=[OpenApiExample("Orders", _NEW, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Take a subscriber on; the secret is shown in this answer and never again."""
        new = _wanted(self.body(NewWebhookSerializer))
        with _named_once():
            made = webhooks.subscribe(new=new, now=timezone.now())
        return self.made(SubscribedSerializer, made.webhook, 201)

    @extend_schema(parameters=[Listed], responses={200: page_of(WebhookSerializer, "Webhook")})
    def get(self, request: Request) -> Response:
        """List subscribers, the newest first."""
        return self.listed(WebhookSerializer, Webhook.objects.all(), self.asked(Listed))


class WebhookDetail(Endpoint):
    """One subscriber."""

    model = Webhook
    scope = ApiScope.MANAGE

    @extend_schema(parameters=[Shown], responses={200: WebhookSerializer})
    def get(self, request: Request, webhook_id: int) -> Response:
        """Show a subscriber."""
        return self.show(WebhookSerializer, get_object_or_404(Webhook, pk=webhook_id))

    @extend_schema(request=NewWebhookSerializer, responses={200: WebhookSerializer})
    def patch(self, request: Request, webhook_id: int) -> Response:
        """Give a subscriber another name, address or choice of events."""
        told = self.body(NewWebhookSerializer, partial=True)
        known = get_object_or_404(Webhook, pk=webhook_id)
        names = ("name", "url", "events", "tells_handles")
        now_so = {name: getattr(known, name) for name in names}
        with _named_once():
            changed = webhooks.change(webhook_id=known.pk, wanted=_wanted({**now_so, **told}))
        return self.made(WebhookSerializer, changed, 200)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, webhook_id: int) -> Response:
        """Forget a subscriber and what it was told."""
        get_object_or_404(Webhook, pk=webhook_id).delete()
        return Response(status=204)


class _Verb(Endpoint):
    """Something done to a subscriber."""

    model = Webhook
    scope = ApiScope.MANAGE
    permissions = {"POST": "crm.change_webhook"}


class WebhookStart(_Verb):
    """Starting a subscriber."""

    @extend_schema(request=None, responses={200: WebhookSerializer})
    def post(self, request: Request, webhook_id: int) -> Response:
        """Tell a stopped subscriber again."""
        known = get_object_or_404(Webhook, pk=webhook_id)
        webhooks.resume(webhook_id=known.pk)
        tasks.ring(tasks.deliver_webhooks)
        return self.made(WebhookSerializer, Webhook.objects.get(pk=known.pk), 200)


class WebhookStop(_Verb):
    """Stopping a subscriber."""

    @extend_schema(request=None, responses={200: WebhookSerializer})
    def post(self, request: Request, webhook_id: int) -> Response:
        """Tell a subscriber nothing more until it is started."""
        known = get_object_or_404(Webhook, pk=webhook_id)
        webhooks.stop(webhook_id=known.pk, reason="Stopped by the API.")
        return self.made(WebhookSerializer, Webhook.objects.get(pk=known.pk), 200)


class WebhookSecret(_Verb):
    """Replacing a secret."""

    @extend_schema(request=None, responses={201: SecretSerializer})
    def post(self, request: Request, webhook_id: int) -> Response:
        """Give a subscriber a new secret; for a day the one before signs beside it."""
        known = get_object_or_404(Webhook, pk=webhook_id)
        secret = webhooks.rotate_secret(webhook_id=known.pk, now=timezone.now())
        return Response({"secret": secret}, status=201)


class WebhookTest(_Verb):
    """Trying a subscriber out."""

    @extend_schema(request=None, responses={201: DeliverySerializer})
    def post(self, request: Request, webhook_id: int) -> Response:
        """Tell a subscriber something harmless."""
        known = get_object_or_404(Webhook, pk=webhook_id)
        sent = webhooks.send_test(webhook_id=known.pk, now=timezone.now())
        tasks.ring(tasks.deliver_webhooks)
        return self.made(DeliverySerializer, sent, 201)


class WebhookDeliveries(Endpoint):
    """What a subscriber was told."""

    model = WebhookDelivery
    scope = ApiScope.MANAGE

    @extend_schema(
        parameters=[DeliveriesAsked],
        responses={200: page_of(DeliverySerializer, "WebhookDelivery")},
    )
    def get(self, request: Request, webhook_id: int) -> Response:
        """List what a subscriber was told, the newest first."""
        asked = self.asked(DeliveriesAsked)
        found = WebhookDelivery.objects.filter(webhook=get_object_or_404(Webhook, pk=webhook_id))
        if "state" in asked:
            found = found.filter(state=asked["state"])
        return self.listed(DeliverySerializer, found, asked)


class WebhookReplay(_Verb):
    """Telling one thing again."""

    @extend_schema(request=None, responses={200: DeliverySerializer})
    def post(self, request: Request, webhook_id: int, delivery_id: int) -> Response:
        """Tell one thing again under the same id."""
        known = get_object_or_404(WebhookDelivery, pk=delivery_id, webhook_id=webhook_id)
        again = webhooks.replay(delivery_id=known.pk, now=timezone.now())
        tasks.ring(tasks.deliver_webhooks)
        return self.made(DeliverySerializer, again, 200)


@contextmanager
def _named_once() -> Iterator[None]:
    """Two subscribers of one name are a conflict."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise Conflict("Another webhook has this name.") from error


def _wanted(told: dict[str, Any]) -> webhooks.NewWebhook:
    return webhooks.NewWebhook(
        name=told["name"],
        url=told["url"],
        events=tuple(told["events"]),
        tells_handles=told.get("tells_handles", False),
    )
