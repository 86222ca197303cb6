"""How a logical form is found best: the most selective set first, the rest by set or by customer.

A plan is a chain of steps over a growing smaller set of candidates. Costs are in the planner's
units, from estimates of each atom by itself; see `estimating`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from . import estimating
from .logic import Atom, Both, Form

# In the planner's units, some 4 µs where they were measured: a look-up in an index whose pages are
# mostly in memory is one of them. So are reading the row of a customer, and holding a row against a
# set.
ROW_EFFORT = 1.5
HOLD_AGAINST = 0.02
# What remains of the effort where PostgreSQL joins as it likes, and several processes may share it.
_JOINED = 0.7
# How many of the conditions are tried as the first.
_BEGINNINGS = 6


@dataclass(frozen=True)
class Everybody:
    """All customers."""


@dataclass(frozen=True)
class Test:
    """Of the candidates, those whom the tests pass."""

    forms: tuple[Form, ...]


@dataclass(frozen=True)
class Hold:
    """Of the candidates, those who are in the set, or those who are not."""

    atom: Atom

    @property
    def is_kept(self) -> bool:
        """Whether PostgreSQL knows how many there are, as of a table with a row per customer."""
        return self.atom.kept is not None and self.atom.inside


@dataclass(frozen=True)
class Unite:
    """Of the candidates, those whom any of the plans finds."""

    plans: tuple["Plan", ...]


@dataclass(frozen=True)
class Chain:
    """One step after another, each on what the one before has left."""

    steps: tuple["Plan", ...]


Plan = Everybody | Test | Hold | Unite | Chain


@dataclass(frozen=True)
class Priced:
    """A plan, what it costs, and how many it leaves."""

    plan: Plan
    cost: float
    rows: float


class Planner:
    """Plans one form; estimates are asked for only where there is something to choose."""

    def __init__(self, *, candidates: float | None = None) -> None:
        self._candidates = candidates
        self._everyone = candidates or 0.0
        self._found: dict[int, Priced] = {}
        self._judged: dict[int, estimating.Estimate] = {}
        self._left: dict[tuple[int, int, bool], Priced] = {}

    def plan(self, form: Form) -> Plan:
        """The cheapest plan that is found."""
        if isinstance(form, Both) and not form.forms:
            return Everybody()
        if isinstance(form, Atom) and self._candidates is None:
            return Test((form,)) if form.is_scan else Hold(form)
        self._everyone = estimating.everyone()
        if self._candidates is None:
            return self._from_nothing(form).plan
        return self._among(form, self._candidates).plan

    def _from_nothing(self, form: Form) -> Priced:
        """Find a form without candidates; asked for again and again, so it is kept."""
        if id(form) not in self._found:
            self._found[id(form)] = self._find(form)
        return self._found[id(form)]

    def _find(self, form: Form) -> Priced:
        if isinstance(form, Atom):
            return self._set_alone(form)
        if not form.is_all:
            return self._any_alone(form)
        # Whatever leaves many is no beginning: the rest would be held against all of them.
        begun = sorted(form.forms, key=self._promise)[:_BEGINNINGS]
        return min((self._begun_with(form, first) for first in begun), key=_cost)

    def _promise(self, form: Form) -> float:
        found = self._from_nothing(form)
        return found.cost + found.rows

    def _set_alone(self, atom: Atom) -> Priced:
        found = self._judge(atom)
        if atom.is_scan:
            return Priced(Test((atom,)), found.cost, found.rows)
        if atom.inside:
            return Priced(Hold(atom), found.cost, found.rows)
        cost = found.cost + self._everyone * 2 * HOLD_AGAINST
        return Priced(Hold(atom), cost, max(0.0, self._everyone - found.rows))

    def _any_alone(self, form: Both) -> Priced:
        found = [self._from_nothing(inner) for inner in form.forms]
        rows = self._everyone * _any_of([each.rows / self._everyone for each in found])
        united = sum(each.cost + each.rows * HOLD_AGAINST for each in found)
        scanned = self._everyone * (HOLD_AGAINST + form.effort)
        if scanned < united:
            return Priced(Test((form,)), scanned, rows)
        return Priced(Unite(tuple(each.plan for each in found)), united, rows)

    def _begun_with(self, form: Both, first: Form) -> Priced:
        rest = [inner for inner in form.forms if inner is not first]
        return self._narrowed(self._from_nothing(first), rest)

    def _narrowed(self, begun: Priced, rest: Sequence[Form]) -> Priced:
        """Go on, each time with what leaves the fewest for the least."""
        steps, cost, rows = [begun.plan], begun.cost, begun.rows
        left = list(rest)
        while left:
            form, step = max(
                ((form, self._next(form, steps, rows)) for form in left),
                key=lambda tried: (rows - tried[1].rows + 1) / (tried[1].cost + 1),
            )
            left = [other for other in left if other is not form]
            steps.append(step.plan)
            cost, rows = cost + step.cost, step.rows
        return Priced(Chain(tuple(steps)), cost, rows)

    def _next(self, form: Form, steps: Sequence[Plan], rows: float) -> Priced:
        [*_, last] = steps
        is_joined = len(steps) == 1 and isinstance(last, Hold) and last.is_kept
        if is_joined and isinstance(form, Atom) and form.is_scan:
            return self._joined(form, rows)
        return self._among(form, rows, is_open=_reads_row(last))

    def _joined(self, atom: Atom, rows: float) -> Priced:
        """Test candidates of whom PostgreSQL knows how many they are: it looks up, or joins all."""
        looked_up = rows * (atom.effort + ROW_EFFORT)
        cost = min(looked_up, self._judge(atom).cost + rows * HOLD_AGAINST)
        return Priced(Test((atom,)), cost * _JOINED, rows * self._share(atom))

    def _among(self, form: Form, rows: float, *, is_open: bool = False) -> Priced:
        """Find a form among some candidates; about as many candidates are planned for alike."""
        size = round(math.log(max(rows, 1.0)) * 4)
        key = (id(form), size, is_open)
        if key not in self._left:
            self._left[key] = self._narrow(form, math.exp(size / 4), is_open)
        kept = self._left[key]
        return Priced(kept.plan, kept.cost, rows * self._share(form))

    def _narrow(self, form: Form, rows: float, is_open: bool) -> Priced:
        """Test each candidate, or hold them against a set."""
        left = rows * self._share(form)
        effort = form.effort + (ROW_EFFORT if form.reads_row and not is_open else 0)
        tested = Priced(Test((form,)), rows * effort, left)
        return min(tested, self._held(form, rows, left), key=_cost)

    def _held(self, form: Form, rows: float, left: float) -> Priced:
        if isinstance(form, Atom):
            found = self._judge(form)
            cost = found.cost + (rows + found.rows) * HOLD_AGAINST
            return Priced(Hold(form), cost, left)
        if form.is_all:
            return self._narrowed(Priced(Chain(()), 0.0, rows), form.forms)
        steps = [self._among(inner, rows) for inner in form.forms]
        cost = sum(step.cost + step.rows * HOLD_AGAINST for step in steps)
        return Priced(Unite(tuple(step.plan for step in steps)), cost, left)

    def _judge(self, atom: Atom) -> estimating.Estimate:
        if id(atom) not in self._judged:
            self._judged[id(atom)] = estimating.estimate(atom=atom)
        return self._judged[id(atom)]

    def _share(self, form: Form) -> float:
        """Which share of customers a form leaves, each atom taken as independent."""
        if isinstance(form, Atom):
            found = self._judge(form).rows / self._everyone
            return min(1.0, found) if form.inside else max(0.0, 1 - found)
        shares = [self._share(inner) for inner in form.forms]
        if not form.is_all:
            return _any_of(shares)
        product = 1.0
        for share in shares:
            product *= share
        return product


def _any_of(shares: Sequence[float]) -> float:
    none = 1.0
    for share in shares:
        none *= 1 - min(1.0, share)
    return 1 - none


def _reads_row(plan: Plan) -> bool:
    """Whether the next test of the row can be made in the same step."""
    if isinstance(plan, Chain):
        return bool(plan.steps) and _reads_row(plan.steps[-1])
    return isinstance(plan, Test) and any(form.reads_row for form in plan.forms)


def _cost(priced: Priced) -> float:
    return priced.cost
