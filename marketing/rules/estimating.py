"""How many customers an atom names and what it costs to find them.

Sets are estimated by PostgreSQL, each by itself, as its planner knows single tables well and joins
of them badly. What is asked of a customer's row, of which it often knows nothing, is asked of a
few. Both are kept for some minutes: a wrong estimate makes a statement slower and never wrong.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db import connection

from .base import Sql, wrap
from .logic import EVERYONE, Atom

_KEEP_SECONDS = 300
_MOST_KEPT = 5_000
# So many customers show which share of all a question leaves; fewer than this need no sample.
_ASKED = 2_000
_MANY = 10 * _ASKED
# Not by bucket, which rules may ask for.
_SOME = """
    SELECT 1 + (hashint8extended(n, 0) & 9223372036854775807) %% last.id
    FROM generate_series(1, %s) AS n CROSS JOIN (SELECT max(id) AS id FROM crm_customer) AS last
"""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many rows a statement gives, and its cost in the planner's units."""

    rows: float
    cost: float


_kept: dict[tuple[str, str], tuple[float, Any]] = {}


def estimate(*, atom: Atom) -> Estimate:
    """Estimate an atom that is found by itself."""
    by_plan = planned(select=atom.alone)
    if not atom.is_scan or everyone() < _MANY:
        return by_plan
    share = _remembered("share", atom.test, _sampled)
    return Estimate(share * everyone(), by_plan.cost)


def planned(*, select: Sql) -> Estimate:
    """What PostgreSQL expects of a select."""
    return _remembered("plan", select, _planned)


def _remembered(what: str, asked: Sql, ask: Callable[[Sql], _Answer]) -> _Answer:
    key = (f"{connection.settings_dict['NAME']}:{what}:{asked.text}", _rounded(asked.params))
    found = _kept.get(key)
    if found and found[0] > time.monotonic():
        known: _Answer = found[1]
        return known
    if len(_kept) >= _MOST_KEPT:
        _kept.clear()
    fresh = ask(asked)
    _kept[key] = (time.monotonic() + _KEEP_SECONDS, fresh)
    return fresh


def everyone() -> float:
    """How many customers there are, at least one."""
    return max(1.0, planned(select=EVERYONE).rows)


def _planned(select: Sql) -> Estimate:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {select.text}", select.params)
        plan = cursor.fetchone()[0][0]["Plan"]
    return Estimate(float(plan["Plan Rows"]), float(plan["Total Cost"]))


def _sampled(test: Sql) -> float:
    """Which share of some customers, chosen by chance once and for all, a test leaves."""
    counted = wrap("SELECT count(*), count(*) FILTER (WHERE ", test, ")")
    asked = counted + Sql(f" FROM crm_customer c WHERE c.id IN ({_SOME})", (_ASKED,))
    with connection.cursor() as cursor:
        cursor.execute(asked.text, asked.params)
        people, left = cursor.fetchone()
    # Of whom none was met, there may be some all the same.
    return float(max(left, 0.5) / max(people, 1))


def _rounded(params: tuple[Any, ...]) -> str:
    """Windows move with the clock; an estimate of today's is good for today."""
    return repr([value.date() if isinstance(value, datetime) else value for value in params])
