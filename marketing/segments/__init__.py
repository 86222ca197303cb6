"""Segments: followed as people change, computed as a whole, previewed, filled, put by hand."""

from .base import base as compiled
from .base import queryset
from .following import Followed, follow, is_waiting
from .history import Flow, flow, moves, sample, sizes
from .lagging import Freshness, freshness, worries
from .lists import Row, Uploaded, snapshot, upload
from .naming import names
from .nesting import check
from .overrides import lift, put
from .previews import Preview, estimate, members, preview
from .refreshing import Refreshed, due, refresh, refresh_due, request_refresh, want_refresh
from .uses import SegmentInUse, Use, delete, uses

__all__ = [
    "Flow",
    "Followed",
    "Freshness",
    "Preview",
    "Refreshed",
    "Row",
    "SegmentInUse",
    "Uploaded",
    "Use",
    "check",
    "compiled",
    "delete",
    "due",
    "estimate",
    "flow",
    "follow",
    "freshness",
    "is_waiting",
    "lift",
    "members",
    "moves",
    "names",
    "preview",
    "put",
    "queryset",
    "refresh",
    "refresh_due",
    "request_refresh",
    "sample",
    "sizes",
    "snapshot",
    "upload",
    "uses",
    "want_refresh",
    "worries",
]
