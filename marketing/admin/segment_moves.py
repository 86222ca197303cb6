"""Who came into a segment and who left it, when and why, page by page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketing import segments
from marketing.choices import MoveCause
from marketing.models import Segment, SegmentMove

PAGE = 50
SHOWN = 8
WAYS = (
    ("", gettext_lazy("All")),
    ("came", gettext_lazy("Came in")),
    ("left", gettext_lazy("Left")),
)


@dataclass(frozen=True)
class Page:
    """Some moves, and where the older ones are."""

    moves: list[SegmentMove]
    older: str


@permission_required("marketing.view_segment", raise_exception=True)
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """Everybody who came or went, the latest first."""
    segment = get_object_or_404(Segment, pk=pk)
    way, cause = request.GET.get("way", ""), request.GET.get("cause", "")
    found = chosen(segment, way, cause)
    before = request.GET.get("before", "")
    context = {
        **admin.site.each_context(request),
        "opts": Segment._meta,
        "title": _("Who came and went"),
        "original": segment,
        "segment": segment,
        "page": cut(found, before, {"way": way, "cause": cause}),
        "is_first": not before,
        "ways": WAYS,
        "way": way,
        "causes": MoveCause,
        "cause": cause,
    }
    return render(request, "admin/marketing/segment_moves.html", context)


def latest(segment: Segment) -> list[SegmentMove]:
    """The last few moves, for the segment's page."""
    return list(segments.moves(segment_id=segment.pk)[:SHOWN])


def chosen(segment: Segment, way: str, cause: str) -> QuerySet[SegmentMove]:
    """The moves of one direction and one cause, or of all."""
    found = segments.moves(segment_id=segment.pk)
    if way in ("came", "left"):
        found = found.filter(is_entry=way == "came")
    return found.filter(cause=cause) if cause in MoveCause.values else found


def cut(found: QuerySet[SegmentMove], before: str, asked: dict[str, str]) -> Page:
    """One page of moves: those before a moment and a number, so that no page is slow."""
    place = _read(before)
    if place:
        at, pk = place
        found = found.filter(moved_at__lte=at).exclude(Q(moved_at=at) & Q(pk__gte=pk))
    moves = list(found[: PAGE + 1])
    if len(moves) <= PAGE:
        return Page(moves, "")
    last: Any = moves[PAGE - 1]
    query = {**asked, "before": f"{last.moved_at.isoformat()},{last.pk}"}
    return Page(moves[:PAGE], "?" + urlencode({k: v for k, v in query.items() if v}))


def _read(text: str) -> tuple[datetime, int] | None:
    at, _comma, pk = text.partition(",")
    try:
        moment = parse_datetime(at)
    except ValueError:
        return None
    if moment is None or moment.tzinfo is None or not pk.isdecimal():
        return None
    return moment, int(pk)
