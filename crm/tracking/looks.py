"""How somebody looked: what their program calls itself, and what it says of its request."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from crm.tracking_choices import SightingReason

_AHEAD = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
_IS_AHEAD = re.compile(r"prefetch|prerender|preview", re.IGNORECASE)
LONGEST_AGENT = 300


class Look(msgspec.Struct, frozen=True):
    """What is known of a request; `mark` says why it is no person's, where that is sure."""

    agent: str = ""
    mark: str = ""
    # Browsers say which languages their people read; scanners seldom do.
    has_language: bool = True


def look_of(*, environ: Mapping[str, Any]) -> Look:
    """Read it off a request, in the names of WSGI; no address is kept, nothing else either."""
    agent = str(environ.get("HTTP_USER_AGENT", ""))[:LONGEST_AGENT]
    return Look(agent, _mark(environ), bool(environ.get("HTTP_ACCEPT_LANGUAGE")))


def _mark(environ: Mapping[str, Any]) -> str:
    if environ.get("REQUEST_METHOD") == "HEAD":
        return SightingReason.HEAD.value
    if any(_IS_AHEAD.search(str(environ.get(name, ""))) for name in _AHEAD):
        return SightingReason.PREFETCH.value
    return ""
