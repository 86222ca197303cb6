"""The endpoint for one event as a plain DRF view, to compare with; nothing mounts it in production.

`granian benchmarks.plain_drf:application` serves it at /v1/track: key, serializer, ORM, answer.
"""

import base64
import os
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.urls import path
from django.utils import timezone

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
_application = get_wsgi_application()

from rest_framework import serializers  # noqa: E402 - after the set-up
from rest_framework.authentication import BaseAuthentication  # noqa: E402
from rest_framework.exceptions import AuthenticationFailed  # noqa: E402
from rest_framework.permissions import IsAuthenticated  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from crm import keys  # noqa: E402
from crm.api.access import Caller  # noqa: E402
from crm.models import Customer, Event, Identity  # noqa: E402


class WriteKey(BaseAuthentication):
    """The write key as the user name of basic authentication."""

    def authenticate(self, request: Request) -> tuple[Any, Any]:
        """Look the key up."""
        credentials = request.headers.get("Authorization", "").partition(" ")[2]
        secret = base64.b64decode(credentials).decode().partition(":")[0]
        key = keys.recognise(secret=secret, now=timezone.now())
        if key is None:
            raise AuthenticationFailed("The key is unknown.")
        return Caller(key), key


class TrackSerializer(serializers.Serializer[Any]):
    """A track call."""

    userId = serializers.CharField(max_length=320)  # noqa: N815 - their name
    event = serializers.CharField(max_length=200)
    messageId = serializers.CharField(max_length=150)  # noqa: N815 - their name
    timestamp = serializers.DateTimeField()
    properties = serializers.JSONField(default=dict)
    context = serializers.JSONField(default=dict)  # type: ignore[assignment]


class Track(APIView):
    """One event, written as it comes."""

    authentication_classes = (WriteKey,)
    permission_classes = (IsAuthenticated,)

    def post(self, request: Request) -> Response:
        """Validate, find the customer, write the event."""
        told = TrackSerializer(data=request.data)
        told.is_valid(raise_exception=True)
        now, said = timezone.now(), told.validated_data
        identity = Identity.objects.filter(kind="external", value=said["userId"]).first()
        if identity is None:
            customer = Customer.objects.create(created_at=now)
            identity = Identity.objects.create(
                customer=customer, kind="external", value=said["userId"], created_at=now
            )
        Event.objects.get_or_create(
            key=f"track:{request.auth.pk}:{said['messageId']}",
            defaults={
                "customer_id": identity.customer_id,
                "name": said["event"],
                "occurred_at": said["timestamp"],
                "received_at": now,
                "properties": said["properties"],
            },
        )
        return Response({"success": True})


urlpatterns = [path("v1/track", Track.as_view())]


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """Django with this one address."""
    from django.conf import settings

    if __name__ != settings.ROOT_URLCONF:
        settings.ROOT_URLCONF = __name__
    return _application(environ, start_response)
