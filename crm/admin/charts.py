"""Small charts as plain geometry that a template draws as SVG; no script, no canvas."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import formats

WIDTH, HEIGHT = 640, 180
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 10, 22
GAP = 0.22
MOST_LABELS = 7
SPARK_WIDTH, SPARK_HEIGHT = 100, 30
# Where an axis may end, times a power of ten.
ROUND = (1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True)
class Bar:
    """One bar: where it stands and what it says on hover."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Mark:
    """A word at an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class BarChart:
    """Bars with a few marks at both axes."""

    bars: Sequence[Bar]
    lines: Sequence[Mark]
    labels: Sequence[Mark]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    is_empty: bool = False


@dataclass(frozen=True)
class Spark:
    """A line without axes: its points, and the area under it."""

    points: str
    area: str
    width: int = SPARK_WIDTH
    height: int = SPARK_HEIGHT


def bar_chart(rows: Sequence[tuple[str, float, str]]) -> BarChart:
    """Draw (label, value, title) rows as bars from a round scale."""
    top = _round_up(max((value for _label, value, _title in rows), default=0))
    room = HEIGHT - TOP - BOTTOM
    step = (WIDTH - LEFT - RIGHT) / max(len(rows), 1)
    bars = [
        _bar(index, step, room * value / top if top else 0, title)
        for index, (_label, value, title) in enumerate(rows)
    ]
    every = math.ceil(len(rows) / MOST_LABELS) if rows else 1
    labels = [
        Mark(LEFT + (index + 0.5) * step, label)
        for index, (label, _value, _title) in enumerate(rows)
        if index % every == 0
    ]
    lines = [Mark(HEIGHT - BOTTOM - room * part, short(top * part)) for part in (0.0, 0.5, 1.0)]
    return BarChart(bars, lines, labels, is_empty=not top)


def spark(values: Sequence[float]) -> Spark:
    """Draw a run of numbers from its least to its most."""
    if len(values) < 2:
        return Spark("", "")
    low, high = min(values), max(values)
    span = (high - low) or 1
    points = [
        (
            SPARK_WIDTH * index / (len(values) - 1),
            SPARK_HEIGHT - 2 - (SPARK_HEIGHT - 4) * (value - low) / span,
        )
        for index, value in enumerate(values)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Spark(line, f"0,{SPARK_HEIGHT} {line} {SPARK_WIDTH},{SPARK_HEIGHT}")


def short(number: float) -> str:
    """A number in as few characters as an axis allows."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if abs(number) >= size:
            value = number / size
            digits = 0 if value >= 100 or value == int(value) else 1
            return f"{formats.number_format(round(value, 1), digits)}{letter}"
    return _plain(number)


def _plain(number: Any) -> str:
    whole = number == int(number)
    return str(formats.number_format(number, 0 if whole else 1))


def _bar(index: int, step: float, height: float, title: str) -> Bar:
    return Bar(
        x=round(LEFT + (index + GAP / 2) * step, 2),
        y=round(HEIGHT - BOTTOM - height, 2),
        width=round(step * (1 - GAP), 2),
        height=round(height, 2),
        title=title,
    )


def _round_up(number: float) -> float:
    """The next number above whose half is easy to read too."""
    if number <= 0:
        return 0
    power = 10.0 ** math.floor(math.log10(number))
    return next(factor * power for factor in ROUND if factor * power >= number)
