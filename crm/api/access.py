"""Who may call the API: keys with scopes, and staff as far as their permissions go."""

import logging
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from redis import RedisError
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from crm import keys
from crm.choices import ApiScope
from crm.models import ApiKey

logger = logging.getLogger(__name__)

_VERBS = {
    "GET": "view",
    "HEAD": "view",
    "OPTIONS": "view",
    "POST": "add",
    "PUT": "change",
    "PATCH": "change",
    "DELETE": "delete",
}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


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
    """A key needs the scope that the endpoint names; staff need the permission of its model."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Ask for the scope or the permission of this method."""
        method = str(request.method)
        if isinstance(request.auth, ApiKey):
            return scope_of(view, method) in request.auth.scopes
        return all(request.user.has_perm(wanted) for wanted in permissions_of(view, method))


def scope_of(view: Any, method: str) -> str:
    """The scope that a key needs for a method of an endpoint."""
    if view.scope:
        return str(view.scope)
    return str(ApiScope.READ if _VERBS.get(method) == "view" else ApiScope.WRITE)


def permissions_of(view: Any, method: str) -> tuple[str, ...]:
    """What staff need for a method of an endpoint."""
    if method in view.permissions:
        return (view.permissions[method],)
    return (f"crm.{_VERBS.get(method, 'change')}_{view.model._meta.model_name}",)


def sees_personal(request: Request) -> bool:
    """Whether the caller is shown names and addresses unmasked."""
    if isinstance(request.auth, ApiKey):
        return ApiScope.PERSONAL in request.auth.scopes
    return bool(request.user.has_perm("crm.view_personal_data"))


class PerCaller(BaseThrottle):
    """So many calls in a window for each caller, counted in the cache."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the call; let everybody through while nobody can count."""
        key = request.auth if isinstance(request.auth, ApiKey) else None
        limit, seconds = _rate(key)
        window = int(time.time() // seconds)
        name = f"calls:{request.user.pk}:{window}"
        try:
            cache.add(name, 0, timeout=2 * seconds)
            count = cache.incr(name)
        except (RedisError, ValueError) as error:
            logger.warning("Calls are not counted just now: %s", type(error).__name__)
            return True
        self.left = max(limit - count, 0)
        self.reset = int((window + 1) * seconds - time.time()) + 1
        view.limits = {
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(self.left),
            "RateLimit-Reset": str(self.reset),
        }
        return bool(count <= limit)

    def wait(self) -> float:
        """How long until the next window."""
        return float(self.reset)


def _rate(key: ApiKey | None) -> tuple[int, int]:
    """Calls and seconds: the key's own rate a minute, or as the settings say."""
    if key is not None and key.rate:
        return key.rate, 60
    count, _, unit = str(settings.API_RATE).partition("/")
    return int(count), _SECONDS[unit[0]]
