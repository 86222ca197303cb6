"""How a logical form is found best: the most selective set first, the rest by set or by customer.

A plan is a chain of steps over a growing smaller set of candidates. Costs are in the planner's
units, from estimates of each atom by itself; see `estimating`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import estimating
from .logic import Atom, Both, Form

# One look-up in an index whose pages are mostly in memory; holding a row against a set.
LOOK_UP = 2.5
HOLD_AGAINST = 0.02
# Of what cannot be estimated, one half.
UNKNOWN_SHARE = 0.5


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
        self._left: dict[tuple[int, int], Priced] = {}

    def plan(self, form: Form) -> Plan:
        """The cheapest plan that is found."""
        if isinstance(form, Atom) and self._candidates is None:
            return Hold(form)
        if isinstance(form, Both) and not form.forms:
            return Everybody()
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
        return min((self._begun_with(form, first) for first in form.forms), key=_cost)

    def _set_alone(self, atom: Atom) -> Priced:
        found = estimating.estimate(select=atom.alone)
        if atom.inside:
            return Priced(Hold(atom), found.cost, found.rows)
        cost = found.cost + self._everyone * 2 * HOLD_AGAINST
        return Priced(Hold(atom), cost, max(0.0, self._everyone - found.rows))

    def _any_alone(self, form: Both) -> Priced:
        found = [self._from_nothing(inner) for inner in form.forms]
        rows = self._everyone * _any_of([each.rows / self._everyone for each in found])
        united = sum(each.cost + each.rows * HOLD_AGAINST for each in found)
        scanned = self._everyone * (HOLD_AGAINST + form.effort * LOOK_UP)
        if scanned < united:
            return Priced(Test((form,)), scanned, rows)
        return Priced(Unite(tuple(each.plan for each in found)), united, rows)

    def _begun_with(self, form: Both, first: Form) -> Priced:
        begun = self._from_nothing(first)
        rest = [inner for inner in form.forms if inner is not first]
        return self._chained(begun, rest)

    def _chained(self, begun: Priced, rest: Sequence[Form]) -> Priced:
        """Go on with what leaves the fewest for the least."""
        steps, cost, rows = [begun.plan], begun.cost, begun.rows
        for form in sorted(rest, key=self._merit(begun.rows), reverse=True):
            step = self._among(form, rows)
            steps.append(step.plan)
            cost, rows = cost + step.cost, step.rows
        return Priced(Chain(tuple(steps)), cost, rows)

    def _merit(self, rows: float) -> Callable[[Form], float]:
        def merit(form: Form) -> float:
            step = self._among(form, max(rows, 1.0))
            return (1 - step.rows / max(rows, 1.0)) / (step.cost + 1e-9)

        return merit

    def _among(self, form: Form, rows: float) -> Priced:
        """Find a form among some candidates; about as many candidates are planned for alike."""
        size = round(math.log(max(rows, 1.0)) * 4)
        if (id(form), size) not in self._left:
            self._left[id(form), size] = self._narrow(form, math.exp(size / 4))
        kept = self._left[id(form), size]
        return Priced(kept.plan, kept.cost, rows * self._share(form))

    def _narrow(self, form: Form, rows: float) -> Priced:
        """Test each candidate, or hold them against a set."""
        left = rows * self._share(form)
        tested = Priced(Test((form,)), rows * form.effort * LOOK_UP, left)
        return min([tested, *self._held(form, rows, left)], key=_cost)

    def _held(self, form: Form, rows: float, left: float) -> list[Priced]:
        if isinstance(form, Atom):
            found = estimating.estimate(select=form.alone)
            cost = found.cost + (rows + found.rows) * HOLD_AGAINST
            return [Priced(Hold(form), cost, left)]
        if form.is_all:
            ordered = sorted(form.forms, key=self._merit(rows), reverse=True)
            steps = [self._among(inner, rows) for inner in ordered[:1]]
            for inner in ordered[1:]:
                steps.append(self._among(inner, steps[-1].rows))
            plan: Plan = Chain(tuple(step.plan for step in steps))
        else:
            steps = [self._among(inner, rows) for inner in form.forms]
            plan = Unite(tuple(step.plan for step in steps))
        return [Priced(plan, sum(step.cost for step in steps), left)]

    def _share(self, form: Form) -> float:
        """Which share of customers a form leaves, each atom taken as independent."""
        if isinstance(form, Atom):
            found = estimating.estimate(select=form.alone).rows / self._everyone
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


def _cost(priced: Priced) -> float:
    return priced.cost
