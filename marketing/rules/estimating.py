"""How many customers an atom names and what it costs to find them: PostgreSQL's own estimates.

Each is asked for by itself, as the planner knows single tables well and joins of them badly, and
kept for some minutes: a wrong estimate makes a statement slower and never wrong.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from .base import Sql
from .logic import EVERYONE

_KEEP_SECONDS = 300
_MOST_KEPT = 5_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many rows a statement gives, and its cost in the planner's units."""

    rows: float
    cost: float


_kept: dict[tuple[str, str], tuple[float, Estimate]] = {}


def estimate(*, select: Sql) -> Estimate:
    """Estimate a select that stands by itself."""
    key = (f"{connection.settings_dict['NAME']}:{select.text}", _rounded(select.params))
    found = _kept.get(key)
    if found and found[0] > time.monotonic():
        return found[1]
    if len(_kept) >= _MOST_KEPT:
        _kept.clear()
    fresh = _ask(select)
    _kept[key] = (time.monotonic() + _KEEP_SECONDS, fresh)
    return fresh


def everyone() -> float:
    """How many customers there are, at least one."""
    return max(1.0, estimate(select=EVERYONE).rows)


def _ask(select: Sql) -> Estimate:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {select.text}", select.params)
        plan = cursor.fetchone()[0][0]["Plan"]
    return Estimate(float(plan["Plan Rows"]), float(plan["Total Cost"]))


def _rounded(params: tuple[Any, ...]) -> str:
    """Windows move with the clock; an estimate of today's is good for today."""
    return repr([value.date() if isinstance(value, datetime) else value for value in params])
