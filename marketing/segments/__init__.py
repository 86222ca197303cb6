"""Segments: refresh members by one statement, preview rules, put people in or out by hand."""

from .base import queryset
from .nesting import check
from .overrides import lift, put
from .previews import Preview, estimate, members, preview
from .refreshing import Refreshed, due, refresh, refresh_due, request_refresh, want_touched

__all__ = [
    "Preview",
    "Refreshed",
    "check",
    "due",
    "estimate",
    "lift",
    "members",
    "preview",
    "put",
    "queryset",
    "refresh",
    "refresh_due",
    "request_refresh",
    "want_touched",
]
