"""Showing what others wrote: a document of its own that can run, load and send nothing."""

from django.http import HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_HEADER = f"{POLICY}; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox"


def document(html: str) -> HttpResponse:
    """The answer a sandboxed frame loads; its own policy replaces the admin's."""
    response = HttpResponse(html or _EMPTY)
    response["Content-Security-Policy"] = _HEADER
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    return response


def inline(html: str, title: str) -> SafeString:
    """A sandboxed frame that carries its document, for what is not stored anywhere."""
    sealed = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">{html}'
    return format_html(
        '<iframe class="rp-frame" sandbox="" title="{}" srcdoc="{}"></iframe>', title, sealed
    )


_EMPTY = mark_safe("<!doctype html><title></title><p></p>")
