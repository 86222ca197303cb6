"""Access tokens (OAuth 2.0, RFC 6749) for mail servers that take one in place of a password."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from crm.channels.base import Field, legible
from crm.channels.http_client import provider_client

GRANT_FIELDS = (
    Field(
        "token_url",
        _("Address of tokens"),
        _("Where access tokens are asked for. Only with XOAUTH2 or OAUTHBEARER, as what follows."),
        is_needed=False,
    ),
    Field("client_id", _("Client id"), is_needed=False),
    Field("client_secret", _("Client secret"), is_secret=True, is_needed=False),
    Field(
        "refresh_token",
        _("Refresh token"),
        _("Empty: the application asks in its own name (client credentials)."),
        is_secret=True,
        is_needed=False,
    ),
    Field("scope", _("Scope"), is_needed=False),
)
_NEEDED = frozenset({"token_url", "client_id"})
# A token is not used in the last moments of its life, and lives so long where nobody says.
_MARGIN_SECONDS = 60.0
_USUAL_SECONDS = 300.0


class NotGranted(Exception):  # noqa: N818 - it names what happened
    """Whoever gives tokens gives us none, and says why."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Whom to ask for a token, and in whose name.

    Without a refresh token the application asks in its own name (client credentials).
    """

    token_url: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    scope: str = ""
    # See Account.guarded_but.
    guarded_but: tuple[str, ...] | None = ()


def grant_of(told: Mapping[str, str], *, guarded_but: tuple[str, ...] | None) -> Grant:
    """What staff say of a grant; ValueError names what is missing."""
    said = {one.name: told.get(one.name, "").strip() for one in GRANT_FIELDS}
    missing = [gettext(x.label) for x in GRANT_FIELDS if x.name in _NEEDED and not said[x.name]]
    if missing:
        raise ValueError(gettext("Still needed: %(names)s") % {"names": ", ".join(missing)})
    if not said["token_url"].startswith("https://"):
        raise ValueError(gettext("Tokens are asked for at an address that begins with https://."))
    return Grant(**said, guarded_but=guarded_but)


# What was given to this process, and until when by its clock.
_given: dict[Grant, tuple[str, float]] = {}


def access_token(grant: Grant) -> str:
    """A token that is good for a minute at least; NotGranted or OSError where there is none."""
    token, until = _given.get(grant, ("", 0.0))
    if token and time.monotonic() < until:
        return token
    token, seconds = _asked(grant)
    _given[grant] = (token, time.monotonic() + seconds - _MARGIN_SECONDS)
    return token


def is_kept(grant: Grant) -> bool:
    """Whether a token was given before."""
    return grant in _given


def forget(grant: Grant) -> None:
    """Ask anew next time: the server does not take the token."""
    _given.pop(grant, None)


def _asked(grant: Grant) -> tuple[str, float]:
    try:
        with provider_client(grant.guarded_but) as client:
            answer = client.post(grant.token_url, data=_form(grant))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ConnectionError(f"No access token: {error or type(error).__name__}") from error
    told = _told(answer)
    token = told.get("access_token")
    if answer.is_success and isinstance(token, str) and token:
        return token, _seconds(told.get("expires_in"))
    words = [str(told[name]) for name in ("error", "error_description") if told.get(name)]
    why = legible(": ".join(words) or f"HTTP {answer.status_code}", most=300)
    if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise ConnectionError(f"No access token: {why}")
    raise NotGranted(f"No access token: {why}")


def _form(grant: Grant) -> dict[str, str]:
    form = {"client_id": grant.client_id, "client_secret": grant.client_secret}
    form |= {"scope": grant.scope} if grant.scope else {}
    if grant.refresh_token:
        return form | {"grant_type": "refresh_token", "refresh_token": grant.refresh_token}
    return form | {"grant_type": "client_credentials"}


def _told(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _seconds(word: object) -> float:
    try:
        return max(_MARGIN_SECONDS, float(str(word)))
    except ValueError:
        return _USUAL_SECONDS
