"""How chosen segments overlap: an UpSet plot, drawn by ourselves, and the same as a table."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import DatabaseError
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from crm.admin.charts import short
from marketing import overlaps
from marketing.models import Segment
from marketing.overlaps import Overlap, Region
from marketing.rules.conditions.understanding import MAX_ID

MOST_COLUMNS = 16
# So many are offered to choose from; others are found by name.
MOST_OFFERED = 50
# With more members than these the page is shown first, and compares then.
LATER = 300_000
NOTHING = Overlap((), {}, ())
# The plot's measures, in the units of its own drawing.
ROOM = 10_000
LEFT, COLUMN, BARS, ROW, TOP = 250, 44, 150, 30, 24


@dataclass(frozen=True)
class Dot:
    """One segment in one column."""

    y: int
    is_in: bool


@dataclass(frozen=True)
class Column:
    """One region: a bar above, dots below, and who is in it in words."""

    x: int
    y: int
    height: int
    dots: list[Dot]
    first: int
    last: int
    count: int
    margin: int
    names: list[str]
    address: str

    @property
    def short(self) -> str:
        """The count in as few characters as a column has room for."""
        return short(self.count) if self.count >= ROOM else str(intcomma(self.count))


@dataclass(frozen=True)
class Line:
    """One segment: its name, size and bar."""

    segment: Segment
    y: int
    x: int
    width: int
    size: int


@dataclass(frozen=True)
class Plot:
    """The whole drawing."""

    width: int
    height: int
    columns: list[Column]
    lines: list[Line]
    hidden: int


@permission_required("marketing.view_segment", raise_exception=True)
def show(request: HttpRequest) -> HttpResponse:
    """Show the overlap of the chosen segments, and let staff choose others."""
    chosen = _chosen(request)
    is_later = "now" not in request.GET and _members(chosen) > LATER
    problem, found = "", NOTHING
    try:
        found = NOTHING if is_later else overlaps.compare(segment_ids=chosen)
    except DatabaseError:
        problem = _("Comparing took too long and was stopped. Compare fewer or smaller segments.")
    context = {
        **admin.site.each_context(request),
        "opts": Segment._meta,
        "title": _("Overlap of segments"),
        "overlap": found,
        "problem": problem,
        "is_later": is_later,
        "percent": 100 * found.share,
        "plot": draw(found) if found.regions else None,
        "table": [(names_of(region, found), region) for region in found.regions],
        "most": overlaps.MOST,
        **offer(chosen, ""),
    }
    return render(request, "admin/marketing/segment_overlap.html", context)


@permission_required("marketing.view_segment", raise_exception=True)
def find(request: HttpRequest) -> HttpResponse:
    """Segments to choose from by name; those that are chosen stay."""
    context = offer(_chosen(request), request.GET.get("text", "").strip())
    return render(request, "admin/marketing/segment_offered.html", context)


def offer(chosen: list[int], text: str) -> dict[str, Any]:
    """Those chosen, then some of the others whose name holds the text."""
    kept = list(Segment.objects.filter(pk__in=chosen).order_by("name"))
    others = Segment.objects.exclude(pk__in=chosen).filter(name__icontains=text).order_by("name")
    more = list(others[: MOST_OFFERED + 1])
    return {
        "kept": kept,
        "offered": more[:MOST_OFFERED],
        "is_cut": len(more) > MOST_OFFERED,
        "text": text,
    }


def _members(chosen: list[int]) -> int:
    total = Segment.objects.filter(pk__in=chosen).aggregate(total=Sum("member_count"))["total"]
    return int(total or 0)


def _chosen(request: HttpRequest) -> list[int]:
    found = [int(text) for text in request.GET.getlist("segments") if text.isdecimal()]
    return [pk for pk in found if pk <= MAX_ID][: overlaps.MOST]


def draw(found: Overlap) -> Plot:
    """Lay the plot out: columns for regions, lines for segments, the largest first."""
    shown = found.regions[:MOST_COLUMNS]
    lines = [_line(segment, position, found) for position, segment in enumerate(found.segments)]
    columns = [_column(region, position, found) for position, region in enumerate(shown)]
    return Plot(
        width=LEFT + COLUMN * len(shown) + 20,
        height=TOP + BARS + 16 + ROW * len(lines),
        columns=columns,
        lines=lines,
        hidden=len(found.regions) - len(shown),
    )


def _line(segment: Segment, position: int, found: Overlap) -> Line:
    largest = max(found.sizes.values()) or 1
    width = round(70 * found.sizes[segment.pk] / largest)
    return Line(segment, _y(position), LEFT - 24 - width, width, found.sizes[segment.pk])


def _column(region: Region, position: int, found: Overlap) -> Column:
    height = max(1, round(BARS * region.count / found.regions[0].count))
    dots = [
        Dot(_y(place), segment.pk in region.segment_ids)
        for place, segment in enumerate(found.segments)
    ]
    inside = [dot.y for dot in dots if dot.is_in]
    return Column(
        x=LEFT + COLUMN * position + COLUMN // 2,
        y=TOP + BARS - height,
        height=height,
        dots=dots,
        first=min(inside),
        last=max(inside),
        count=region.count,
        margin=region.margin,
        names=names_of(region, found),
        address=_segment_of(region, found),
    )


def names_of(region: Region, found: Overlap) -> list[str]:
    """The segments of a region, the largest first."""
    return [segment.name for segment in found.segments if segment.pk in region.segment_ids]


def _y(position: int) -> int:
    return TOP + BARS + 16 + ROW * position + ROW // 2


def _segment_of(region: Region, found: Overlap) -> str:
    """Where a new segment begins that is just this region."""
    ids = [segment.pk for segment in found.segments]
    inside: list[dict[str, Any]] = [{"segment": pk} for pk in ids if pk in region.segment_ids]
    outside = [{"segment": pk} for pk in ids if pk not in region.segment_ids]
    nodes = [*inside, {"not": outside}] if outside else inside
    rules = json.dumps({"version": 1, "all": nodes})
    return reverse("admin:marketing_segment_add") + "?" + urlencode({"rules": rules})
