"""Everybody who may call the API: nobody, keys of each scope, staff of each role."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import Permission, User
from django.middleware.csrf import get_token
from django.test import Client, RequestFactory
from django.utils import timezone

from crm import keys
from crm.choices import ApiScope

Headers = dict[str, str]


def _key(*scopes: str) -> Callable[[], Headers]:
    def make() -> Headers:
        name = f"Key for {'+'.join(scopes)}"
        secret = keys.create(name=name, scopes=scopes, now=timezone.now()).secret
        return {"Authorization": f"Bearer {secret}"}

    return make


def _session(**facts: Any) -> Callable[[], Headers]:
    def make() -> Headers:
        user = User.objects.create_user("staff", is_staff=True, is_superuser="whole" in facts)
        if "whole" not in facts:
            wanted = Permission.objects.filter(codename__in=["view_customer", "add_event"])
            user.user_permissions.set(wanted)
        client = Client()
        client.force_login(user)
        request = RequestFactory().get("/")
        token = get_token(request)
        cookies = {"sessionid": client.cookies["sessionid"].value, "csrftoken": token}
        return {
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "X-CSRFToken": token,
        }

    return make


CALLERS: dict[str, Callable[[], Headers]] = {
    "anonymous": dict,
    "read": _key(ApiScope.READ),
    "write": _key(ApiScope.WRITE),
    "track": _key(ApiScope.TRACK),
    "manage": _key(ApiScope.MANAGE),
    "all": _key(*ApiScope.values),
    "little staff": _session(),
    "superuser": _session(whole=True),
}
