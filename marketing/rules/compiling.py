"""A rule tree as one parameterised statement: the one door to SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from . import estimating, logic
from .base import EXISTENCE, Sql, join, wrap
from .planning import Chain, Everybody, Hold, Plan, Planner, Test, Unite
from .tree import leaves, validate

# So few candidates are always tested one by one; nothing need be estimated.
_FEW = 5_000
_AMONG = " WHERE c.id = ANY(%s::bigint[])"
_CUSTOMERS = Sql("crm_customer")


@dataclass(frozen=True)
class Compiled:
    """One statement that selects the ids of customers, and what could change its answer."""

    sql: str
    params: tuple[Any, ...]
    subjects: frozenset[str] = frozenset()


def compile_rules(*, rules: Any, now: datetime, among: Sequence[int] | None = None) -> Compiled:
    """Compile a rule tree into one SELECT of customer ids; values only travel as parameters.

    With `among` only these customers are looked at. PostgreSQL is asked for estimates where
    there is a choice of how to go about it.
    """
    root = validate(rules=rules)
    form = logic.read(node=root, now=now)
    statement = _whole(form) if among is None else _cut(form, list(among))
    subjects = frozenset({EXISTENCE}).union(*(leaf.subjects() for leaf in leaves(root)))
    return Compiled(statement.text, statement.params, subjects)


def explain_plan(*, rules: Any, now: datetime) -> str:
    """How PostgreSQL would go about it, in its own words; nothing is counted."""
    compiled = compile_rules(rules=rules, now=now)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {compiled.sql}", compiled.params)
        return "\n".join(line for (line,) in cursor.fetchall())


def estimate_plan(*, rules: Any, now: datetime) -> estimating.Estimate:
    """What PostgreSQL expects of the whole statement: how many it finds, and at what cost."""
    compiled = compile_rules(rules=rules, now=now)
    return estimating.planned(select=Sql(compiled.sql, compiled.params))


def crossed(*, rules: Any, since: datetime, until: datetime) -> Sql | None:
    """The ids of all whose answer the clock alone may change after `since`, up to `until`."""
    found = [leaf.crossed(since, until) for leaf in leaves(validate(rules=rules))]
    parts = [wrap("(", part, ")") for part in found if part is not None]
    return join(" UNION ", parts) if parts else None


def _whole(form: logic.Form) -> Sql:
    return _Statement().of(Planner().plan(form))


def _cut(form: logic.Form, among: list[int]) -> Sql:
    cut = logic.EVERYONE + Sql(_AMONG, (among,))
    if len(among) <= _FEW:
        return cut + wrap(" AND ", form.test)
    statement = _Statement()
    ground = statement.keep(cut)
    return statement.of(Planner(candidates=float(len(among))).plan(form), ground)


class _Statement:
    """Steps written down as common table expressions, each fenced from the planner."""

    def __init__(self) -> None:
        self._kept: list[Sql] = []

    def of(self, plan: Plan, ground: Sql | None = None) -> Sql:
        """The whole statement of a plan, of everybody or of a ground that is kept."""
        last = self._select(plan, ground)
        if not self._kept:
            return last
        kept = [
            wrap(f"k{number} AS MATERIALIZED (", step, ")")
            for number, step in enumerate(self._kept, start=1)
        ]
        return wrap("WITH ", join(", ", kept), " ") + last

    def keep(self, select: Sql) -> Sql:
        """Keep what a select finds under a name."""
        self._kept.append(select)
        return Sql(f"k{len(self._kept)}")

    def _select(self, plan: Plan, ground: Sql | None) -> Sql:
        if isinstance(plan, Everybody):
            return wrap("SELECT c.id FROM ", ground or _CUSTOMERS, " c WHERE true")
        if isinstance(plan, Test):
            return _tested(plan, ground)
        if isinstance(plan, Hold):
            return _held(plan.atom, ground)
        if isinstance(plan, Unite):
            arms = [wrap("(", self._select(arm, ground), ")") for arm in plan.plans]
            return join(" UNION ", arms)
        return self._chained(_merged(plan), ground)

    def _chained(self, steps: list[Plan], ground: Sql | None) -> Sql:
        for step in steps[:-1]:
            ground = self._ground(step, ground)
        return self._select(steps[-1], ground)

    def _ground(self, step: Plan, ground: Sql | None) -> Sql:
        """What the next step goes on from: of one row per customer PostgreSQL knows how many."""
        found = self._select(step, ground)
        if ground is None and isinstance(step, Hold) and step.is_kept:
            return wrap("(", found, ")")
        return self.keep(found)


def _tested(plan: Test, ground: Sql | None) -> Sql:
    tests = wrap(" WHERE ", join(" AND ", [form.test for form in plan.forms]))
    if ground is None:
        return logic.EVERYONE + tests
    if any(form.reads_row for form in plan.forms):
        return wrap("SELECT c.id FROM ", ground, " k JOIN crm_customer c ON c.id = k.id") + tests
    return wrap("SELECT c.id FROM ", ground, " c") + tests


def _held(atom: logic.Atom, ground: Sql | None) -> Sql:
    """Set operations rather than joins: they stay quick where the planner guesses wrong."""
    if ground is None and atom.inside:
        return wrap("SELECT m.id FROM (", atom.alone, ") AS m (id)")
    candidates = wrap("SELECT k.id FROM ", ground or _CUSTOMERS, " k")
    how = "INTERSECT" if atom.inside else "EXCEPT"
    return candidates + wrap(f" {how} (", atom.members, ")")


def _merged(chain: Chain) -> list[Plan]:
    """The steps in one row; tests that follow one another become one step."""
    steps: list[Plan] = []
    for step in _flat(chain):
        before = steps[-1] if steps else None
        if isinstance(step, Test) and isinstance(before, Test):
            steps[-1] = Test((*before.forms, *step.forms))
        else:
            steps.append(step)
    return steps


def _flat(plan: Plan) -> list[Plan]:
    if not isinstance(plan, Chain):
        return [plan]
    return [inner for step in plan.steps for inner in _flat(step)]
