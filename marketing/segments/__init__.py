"""Segments: refresh members by one statement, preview rules, put people in or out by hand."""

from .base import base as compiled
from .base import queryset
from .following import Followed, follow
from .nesting import check
from .overrides import lift, put
from .previews import Preview, estimate, members, preview
from .refreshing import Refreshed, due, refresh, refresh_due, request_refresh, want_refresh

__all__ = [
    "Followed",
    "Preview",
    "Refreshed",
    "check",
    "compiled",
    "due",
    "estimate",
    "follow",
    "lift",
    "members",
    "preview",
    "put",
    "queryset",
    "refresh",
    "refresh_due",
    "request_refresh",
    "want_refresh",
]
