"""Openings and clicks, answered before Django; what needs a page goes on to Django's own view."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from django.utils import timezone
from django.utils.encoding import iri_to_uri

from crm import accounts, links, tracking
from crm.rendering import RenderError
from crm.rendering.slots import TRAP

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]

# The address of the picture, as the documentation says it.
PICTURE: Final = "GET /o/<token>"
_CLICK: Final = re.compile(r"/c/([\w=-]{1,100})/([0-9]{1,6})", re.ASCII)
_OPEN: Final = re.compile(r"/o/([^/]{1,200})")
_PRIVATE: Final = [
    ("Cache-Control", "max-age=0, no-cache, no-store, must-revalidate, private"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Robots-Tag", "noindex, nofollow"),
    ("X-Content-Type-Options", "nosniff"),
]
# One transparent GIF pixel.
PIXEL: Final = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
_PICTURE: Final = [*_PRIVATE, ("Content-Type", "image/gif"), ("Content-Length", str(len(PIXEL)))]


def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes] | None:
    """Answer an opening or a click; None for every other address, and where a page is due."""
    path: str = environ["PATH_INFO"]
    if path[:3] not in {"/c/", "/o/"} or environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
        return None
    if found := _OPEN.fullmatch(path):
        return _opened(found[1], environ, start_response)
    if found := _CLICK.fullmatch(path):
        return _clicked(found[1], int(found[2]), environ, start_response)
    return None


def _opened(token: str, environ: Environ, start_response: StartResponse) -> list[bytes]:
    """The picture, whatever the token is; only one of ours is noted."""
    try:
        message_id = links.unsign(purpose=links.OPEN, token=token, keys=accounts.link_keys())
    except links.BadToken:
        pass
    else:
        look = tracking.look_of(environ=environ)
        tracking.saw_opening(message_id=message_id, look=look, now=timezone.now())
    start_response("200 OK", _PICTURE)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [PIXEL]


def _clicked(
    token: str, position: int, environ: Environ, start_response: StartResponse
) -> list[bytes] | None:
    """Lead on to where the link goes; None where it goes nowhere.

    The link that nobody sees leads nowhere either: whoever follows it stays where they are.
    """
    look, now = tracking.look_of(environ=environ), timezone.now()
    try:
        message_id = links.unsign(purpose=links.CLICK, token=token, keys=accounts.link_keys())
        if position == TRAP:
            tracking.saw_trap(message_id=message_id, look=look, now=now)
            start_response("204 No Content", _PRIVATE)
            return []
        url = tracking.follow(message_id=message_id, position=position, look=look, now=now)
    except (links.BadToken, tracking.NotFound, RenderError):
        return None
    # Quoted, so that nothing that was filled in can end the header.
    start_response("302 Found", [*_PRIVATE, ("Location", iri_to_uri(url)), ("Content-Length", "0")])
    return [b""]
