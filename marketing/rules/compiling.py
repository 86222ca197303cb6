"""A rule tree as one parameterised statement: the one door to SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from . import logic
from .base import EXISTENCE, Sql, join, wrap
from .planning import Chain, Everybody, Hold, Plan, Planner, Test, Unite
from .tree import leaves, validate

# So few candidates are always tested one by one; nothing need be estimated.
_FEW = 5_000
_AMONG = " WHERE c.id = ANY(%s)"


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

    def of(self, plan: Plan, ground: str = "") -> Sql:
        """The whole statement of a plan."""
        last = self._select(plan, ground)
        if not self._kept:
            return last
        kept = [
            wrap(f"k{number} AS MATERIALIZED (", step, ")")
            for number, step in enumerate(self._kept, start=1)
        ]
        return wrap("WITH ", join(", ", kept), " ") + last

    def keep(self, select: Sql) -> str:
        """Keep what a select finds under a name."""
        self._kept.append(select)
        return f"k{len(self._kept)}"

    def _select(self, plan: Plan, ground: str) -> Sql:
        if isinstance(plan, Everybody):
            return Sql(f"SELECT c.id FROM {ground or 'crm_customer'} c WHERE true")  # noqa: S608
        if isinstance(plan, Test):
            return _tested(plan, ground)
        if isinstance(plan, Hold):
            return _held(plan.atom, ground)
        if isinstance(plan, Unite):
            arms = [wrap("(", self._select(arm, ground), ")") for arm in plan.plans]
            return join(" UNION ", arms)
        return self._chained(_merged(plan), ground)

    def _chained(self, steps: list[Plan], ground: str) -> Sql:
        for step in steps[:-1]:
            ground = self.keep(self._select(step, ground))
        return self._select(steps[-1], ground)


def _tested(plan: Test, ground: str) -> Sql:
    tests = join(" AND ", [form.test for form in plan.forms])
    if not ground:
        return logic.EVERYONE + wrap(" WHERE ", tests)
    if any(form.reads_row for form in plan.forms):
        ground += " k JOIN crm_customer c ON c.id = k.id"
    else:
        ground += " c"
    return Sql(f"SELECT c.id FROM {ground}") + wrap(" WHERE ", tests)  # noqa: S608


def _held(atom: logic.Atom, ground: str) -> Sql:
    """Set operations rather than joins: they stay quick where the planner guesses wrong."""
    if not ground and atom.inside:
        return wrap("SELECT m.id FROM (", atom.alone, ") AS m (id)")
    candidates = f"SELECT k.id FROM {ground or 'crm_customer'} k"  # noqa: S608
    how = "INTERSECT" if atom.inside else "EXCEPT"
    return wrap(f"{candidates} {how} (", atom.members, ")")


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
