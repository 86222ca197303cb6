"""How soon rules are counted, and how segments keep up, beside the best statements by hand."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from statistics import median, quantiles
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from benchmarks import following, history, many, scratch
from benchmarks.shapes import SHAPES, Shape
from marketing import rules
from marketing import segments as operations
from marketing.models import Segment

LIMITS = {
    # Times of our statement by those of the one by hand: for the shapes as a whole, and for any.
    "ratio": 1.1,
    "worst_ratio": 1.5,
    # What staff who build a rule wait for its count.
    "simple_p95_milliseconds": 300.0,
    "cruel_p95_milliseconds": 1500.0,
    # From an event acknowledged to its membership visible, who is wrong after all, and how long it
    # takes until one segment is right after a hundredth of the customers changed.
    "following_p99_seconds": following.MOST_P99_SECONDS,
    "following_differences": 0,
    "changed_seconds": following.MOST_SECONDS_OF_A_SHARE,
}
# Below this the difference between two statements is the network's, not the plan's.
LEAST_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Measured:
    """One shape: how many it finds, and how long each way took, in seconds."""

    shape: Shape
    found: int
    ours: Sequence[float]
    by_hand: Sequence[float]
    previews: Sequence[float]
    settles: Sequence[float]
    estimated: operations.Preview
    first_refresh: float
    refresh: float

    @property
    def ratio(self) -> float:
        """Our time by that of the statement by hand."""
        return (median(self.ours) + LEAST_SECONDS) / (median(self.by_hand) + LEAST_SECONDS)

    @property
    def report(self) -> dict[str, Any]:
        """The figures in milliseconds."""
        return {
            "shape": self.shape.name,
            "is_simple": self.shape.is_simple,
            "found": self.found,
            "milliseconds": _milliseconds(self.ours),
            "by_hand_milliseconds": _milliseconds(self.by_hand),
            "ratio": round(self.ratio, 2),
            "preview_milliseconds": _milliseconds(self.previews),
            "estimated": self.estimated.total,
            "margin": self.estimated.margin,
            "settled_milliseconds": _milliseconds(self.settles),
            "first_refresh_milliseconds": _milliseconds([self.first_refresh]),
            "refresh_milliseconds": _milliseconds([self.refresh]),
        }


def run(
    *, customers: int, events: int, rounds: int, segments: int, seconds: int, keep: int
) -> dict[str, Any]:
    """Fill a database, ask every shape in both ways several times, follow, and report."""
    fill = partial(history.fill, customers=customers, events=events)
    name = f"segments_{customers}_{events}"
    with scratch.filled(name=name, fill=fill, keep=bool(keep)):
        now = timezone.now()
        measured = [_measure(shape, rounds, now) for shape in SHAPES]
        size = _value("SELECT pg_database_size(current_database()) / 1000000")
        changed = following.changed_share()
        many.make(count=segments - following.MARKS - 1)
        marks = following.make_marks()
        many.compute()
        together = many.measure()
        followed = following.measure(seconds=seconds, marks=marks)
    report = _report(measured) | {
        "bench": "segments",
        "customers": customers,
        "events": events,
        "rounds": rounds,
        "database_megabytes": size,
        "together": asdict(together),
        "following": asdict(followed),
        "changed": asdict(changed),
    }
    figures = report | {
        "following_p99_seconds": followed.p99_seconds,
        "following_differences": followed.differences,
        "changed_seconds": changed.seconds,
    }
    within = all(figures[name] <= limit for name, limit in LIMITS.items())
    return figures | {"limit": LIMITS, "is_within_limit": within}


def _measure(shape: Shape, rounds: int, now: datetime) -> Measured:
    found = _check(shape, now)
    compiled = rules.compile_rules(rules=shape.rules, now=now)
    ours, by_hand = [], []
    for _ in range(rounds):
        ours.append(_seconds(lambda: _ids(compiled.sql, compiled.params)))
        by_hand.append(_seconds(lambda: _ids(shape.by_hand, {"now": now})))
    estimated = operations.estimate(rules=shape.rules, now=now)
    previews = [
        _seconds(lambda: operations.estimate(rules=shape.rules, now=now)) for _ in range(rounds)
    ]
    settles = [_seconds(lambda: operations.preview(rules=shape.rules, now=now))]
    segment = Segment.objects.create(name=shape.name, rules=shape.rules)
    first, again = (
        _seconds(lambda: operations.refresh(segment_id=segment.pk, now=now)) for _ in range(2)
    )
    segment.delete()
    return Measured(shape, found, ours, by_hand, previews, settles, estimated, first, again)


def _check(shape: Shape, now: datetime) -> int:
    """Two ways are compared only if they find the same people."""
    compiled = rules.compile_rules(rules=shape.rules, now=now)
    ours = _sum(compiled.sql, compiled.params)
    by_hand = _sum(shape.by_hand, {"now": now})
    if ours != by_hand:
        raise RuntimeError(f"“{shape.name}” finds {ours[0]} people, and {by_hand[0]} by hand.")
    return ours[0]


def _sum(statement: str, params: Any) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), coalesce(sum(hashint8(id)), 0) FROM ({statement}) AS found",
            params,
        )
        count, hashed = cursor.fetchone()
    return int(count), int(hashed)


def _ids(statement: str, params: Any) -> None:
    """What a refresh does with the statement before it compares: all ids, in one place."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"WITH base AS MATERIALIZED ({statement}) SELECT count(*) FROM base",
            params,
        )


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _milliseconds(seconds: Sequence[float]) -> float:
    return round(median(seconds) * 1000, 1)


def _value(query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return int(cursor.fetchone()[0])


def _p95(measured: Sequence[Measured], *, is_simple: bool) -> float:
    taken = [one for each in measured if each.shape.is_simple is is_simple for one in each.previews]
    return round(quantiles(taken, n=20)[-1] * 1000, 1)


def _report(measured: Sequence[Measured]) -> dict[str, Any]:
    ratios = [one.ratio for one in measured]
    return {
        "ratio": round(median(ratios), 3),
        "worst_ratio": round(max(ratios), 3),
        "simple_p95_milliseconds": _p95(measured, is_simple=True),
        "cruel_p95_milliseconds": _p95(measured, is_simple=False),
        "shapes": [one.report for one in measured],
    }
