"""Who may call the API: keys with scopes, and staff who are signed in and may look."""

import logging
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from redis import RedisError
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from crm import keys
from crm.choices import ApiScope
from crm.models import ApiKey

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    """A program that called with a key: authenticated, but nobody's account."""

    key: ApiKey
    is_authenticated: bool = True
    is_active: bool = True

    @property
    def pk(self) -> str:
        """What tells callers apart."""
        return f"key-{self.key.pk}"


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>`."""

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        """Recognise the key, or leave the call to the next way of signing in."""
        word, _, secret = get_authorization_header(request).partition(b" ")
        if word.lower() != b"bearer":
            return None
        key = keys.recognise(secret=secret.decode("latin-1").strip(), now=timezone.now())
        if key is None:
            raise AuthenticationFailed("The key is unknown, expired or revoked.")
        return Caller(key), key

    def authenticate_header(self, request: Request) -> str:
        """What a caller without a key is told to bring."""
        return "Bearer"


class KeyScheme(OpenApiAuthenticationExtension):
    """How the key is described in the OpenAPI document."""

    target_class = KeyAuthentication
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """An HTTP bearer scheme."""
        return {"type": "http", "scheme": "bearer"}


class MayCall(BasePermission):
    """A key needs the scope; staff may look if they may see customers."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Reading and writing are two scopes."""
        is_reading = request.method in SAFE_METHODS
        if isinstance(request.auth, ApiKey):
            return (ApiScope.READ if is_reading else ApiScope.WRITE) in request.auth.scopes
        return is_reading and bool(request.user.has_perm("crm.view_customer"))


class PerCaller(SimpleRateThrottle):
    """So many calls a minute for each key."""

    scope = "api"

    def get_rate(self) -> str:
        """As the settings say."""
        return str(settings.API_RATE)

    def allow_request(self, request: Request, view: Any) -> bool:
        """Let everybody through while nobody can count: a shop's events matter more."""
        try:
            return bool(super().allow_request(request, view))
        except RedisError as error:
            logger.warning("Calls are not counted just now: %s", type(error).__name__)
            return True

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """Each caller is counted alone."""
        return self.cache_format % {"scope": self.scope, "ident": request.user.pk}
