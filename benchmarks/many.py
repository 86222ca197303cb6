"""Many segments of varied shapes, computed together and each by itself."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from benchmarks.shapes import SHAPES
from marketing import segments
from marketing.models import Segment


@dataclass(frozen=True, slots=True)
class Together:
    """How long many segments took in one sweep, and the sum of each by itself, in seconds."""

    segments: int
    members: int
    together_seconds: float
    sum_seconds: float
    ratio: float


def make(*, count: int) -> None:
    """Make so many segments, no two of which ask quite the same; the next sweep computes them."""
    listed = Segment.objects.order_by("pk").values_list("pk", flat=True).first()
    for number in range(count):
        shape = SHAPES[number % len(SHAPES)]
        rules = _varied(dict(shape.rules), number // len(SHAPES), listed)
        Segment.objects.create(name=f"{shape.name} {number}", rules=rules)


def compute() -> None:
    """Compute all that are due; whatever fails ends the benchmark."""
    segments.refresh_due(clock=timezone.now)
    if failed := list(Segment.objects.exclude(error="").values_list("name", "error")):
        raise RuntimeError(f"Segments cannot be computed: {failed}")


def measure() -> Together:
    """Compute all of them anew, when nobody moves, in both ways."""
    each = list(Segment.objects.values_list("pk", flat=True))
    alone = _seconds(lambda: [segments.refresh(segment_id=pk, now=timezone.now()) for pk in each])
    Segment.objects.update(refresh_wanted_at=timezone.now())
    together = _seconds(compute)
    return Together(
        segments=len(each),
        members=sum(Segment.objects.values_list("member_count", flat=True)),
        together_seconds=round(together, 1),
        sum_seconds=round(alone, 1),
        ratio=round(together / alone, 2),
    )


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _varied(node: Any, number: int, segment_id: int | None) -> Any:
    """The same rules with other figures."""
    if isinstance(node, list):
        return [_varied(inner, number, segment_id) for inner in node]
    if not isinstance(node, dict):
        return node
    made = {key: _varied(inner, number, segment_id) for key, inner in node.items()}
    if "segment" in made:
        made["segment"] = segment_id
    if "within_days" in made:
        made["within_days"] += number
    elif "event" in made and made.get("at_most") != 0:
        made["at_least"] = made.get("at_least", 1) + number
    value = made.get("value")
    if isinstance(value, float):
        made["value"] = value + number / 100
    elif isinstance(value, int) and not isinstance(value, bool):
        made["value"] = value + number
    return made
