"""How large a segment was: a line over bars of who came and went, drawn by ourselves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.admin.charts import ROUND, Mark, short
from marketing import segments
from marketing.models import Segment, SegmentSize

SPANS = (7, 30, 90, 365)
USUAL = 30
# Longer than this is shown by the week.
BY_DAY = 90
# The drawing's measures, in units of its own.
WIDTH, LEFT, RIGHT, TOP, LINE, GAP, BARS, FOOT = 720, 56, 10, 12, 130, 14, 60, 24
MOST_LABELS = 5
# A scale begins at nothing, unless all sizes lie close together.
CLOSE = 0.5


@dataclass(frozen=True)
class Step:
    """A day or a week: how many were in by its end, how many came and went in it."""

    words: str
    short: str
    members: int
    entered: int
    left: int


@dataclass(frozen=True)
class Bar:
    """One step in the drawing: its column, who came above the line, who left below."""

    x: float
    width: float
    title: str
    came_y: float
    came: float
    went_y: float
    went: float


@dataclass(frozen=True)
class Chart:
    """The whole drawing."""

    points: str
    area: str
    last_x: float
    last_y: float
    bars: Sequence[Bar]
    lines: Sequence[Mark]
    labels: Sequence[Mark]
    middle: float
    came_most: str
    width: int = WIDTH
    height: int = TOP + LINE + GAP + BARS + FOOT
    left: int = LEFT
    right: int = WIDTH - RIGHT


@dataclass(frozen=True)
class History:
    """The sizes of a span: the drawing, and the same as rows, the latest first."""

    days: int
    chart: Chart | None
    steps: Sequence[Step] = field(default_factory=list)


@permission_required("marketing.view_segment", raise_exception=True)
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page with the sizes of the span that the address names."""
    segment = get_object_or_404(Segment, pk=pk)
    context = around(segment, request.GET.get("days", ""), timezone.now())
    return render(request, "admin/marketing/segment_history.html", context)


def around(segment: Segment, days: str, now: datetime) -> dict[str, Any]:
    """What the part of the page shows."""
    span = int(days) if days.isdecimal() and int(days) in SPANS else USUAL
    spans = [(n, ngettext("%(n)d day", "%(n)d days", n) % {"n": n}) for n in SPANS]
    return {"segment": segment, "past": past(segment, span, now), "spans": spans}


def past(segment: Segment, days: int, now: datetime) -> History:
    """The sizes of so many days up to now, in steps of a day or a week."""
    rows = segments.sizes(segment_id=segment.pk, since_at=now - timedelta(days=days))
    steps = list(_steps(rows, by_week=days > BY_DAY))
    return History(days, draw(steps) if len(steps) > 1 else None, steps[::-1])


def _steps(rows: Any, *, by_week: bool) -> Iterator[Step]:
    def begin(row: SegmentSize) -> date:
        day = timezone.localdate(row.hour_at)
        return day - timedelta(days=day.weekday()) if by_week else day

    for day, found in groupby(rows, key=begin):
        held = list(found)
        words = str(formats.date_format(day, "DATE_FORMAT"))
        yield Step(
            _("week of %(day)s") % {"day": words} if by_week else words,
            str(formats.date_format(day, "MONTH_DAY_FORMAT")),
            held[-1].members,
            sum(row.entered for row in held),
            sum(row.left for row in held),
        )


def draw(steps: Sequence[Step]) -> Chart:
    """Lay the drawing out: the size as a line, and below it who came and who went."""
    low, high = scale([step.members for step in steps])
    bottom, width = TOP + LINE, (WIDTH - LEFT - RIGHT) / len(steps)
    points = [
        (LEFT + (at + 0.5) * width, bottom - LINE * (step.members - low) / (high - low))
        for at, step in enumerate(steps)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    most = max(max(step.entered, step.left) for step in steps)
    every = -(-len(steps) // MOST_LABELS)
    return Chart(
        points=line,
        area=f"{points[0][0]:.1f},{bottom} {line} {points[-1][0]:.1f},{bottom}",
        last_x=round(points[-1][0], 1),
        last_y=round(points[-1][1], 1),
        bars=[_bar(step, LEFT + at * width, width, most or 1) for at, step in enumerate(steps)],
        lines=[
            Mark(bottom - LINE * part, short(round(low + (high - low) * part)))
            for part in (0.0, 0.5, 1.0)
        ],
        labels=[
            Mark(round(points[at][0], 1), steps[at].short) for at in range(0, len(steps), every)
        ],
        middle=bottom + GAP + BARS / 2,
        came_most=short(most) if most else "",
    )


def scale(sizes: Sequence[int]) -> tuple[float, float]:
    """Where the axis begins and ends: at nothing, or just around sizes that hardly differ."""
    least, most = min(sizes), max(sizes)
    if most == 0:
        return 0.0, 2.0
    if least < CLOSE * most:
        return 0.0, _round_up(most)
    step = max(_round_up(max(most - least, 1) / 2), 1.0)
    low = max(0.0, (least // step) * step)
    while low + 2 * step < most:
        step = _round_up(step * 1.01)
        low = max(0.0, (least // step) * step)
    return low, low + 2 * step


def _round_up(number: float) -> float:
    power = 1.0
    while power * 10 <= number:
        power *= 10
    return next(factor * power for factor in ROUND if factor * power >= number)


def _bar(step: Step, x: float, width: float, most: int) -> Bar:
    middle, room = TOP + LINE + GAP + BARS / 2, BARS / 2
    came, went = room * step.entered / most, room * step.left / most
    title = _("%(when)s: %(members)s members, %(came)s came, %(left)s left") % {
        "when": step.words,
        "members": _whole(step.members),
        "came": _whole(step.entered),
        "left": _whole(step.left),
    }
    return Bar(
        x=round(x, 2),
        width=round(width, 2),
        title=title,
        came_y=round(middle - came, 2),
        came=round(came, 2),
        went_y=middle,
        went=round(went, 2),
    )


def _whole(number: int) -> str:
    return str(formats.number_format(number, 0, force_grouping=True))
