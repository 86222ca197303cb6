"""A parsed tree as logic: negations pushed down to what can be asked, so that sets show."""

from dataclasses import dataclass
from datetime import datetime

from .base import Asked, Sql, join, wrap
from .tree import Group, Node

EVERYONE = Sql("SELECT c.id FROM crm_customer c")


@dataclass(frozen=True, eq=False)
class Atom:
    """One thing asked, as it must hold: `members` are all for whom it does, or does not."""

    test: Sql
    members: Sql
    inside: bool
    names_once: bool
    reads_row: bool
    effort: float
    # Found by reading the rows of customers, rather than by something kept about them.
    is_scan: bool = False

    @property
    def alone(self) -> Sql:
        """The members, each named once."""
        if self.names_once:
            return self.members
        return wrap("SELECT DISTINCT m.id FROM (", self.members, ") AS m (id)")


@dataclass(frozen=True, eq=False)
class Both:
    """Forms that must all hold (`is_all`), or of which any must."""

    forms: tuple["Form", ...]
    is_all: bool

    @property
    def reads_row(self) -> bool:
        """Whether any test below reads more of the customer than the id."""
        return any(form.reads_row for form in self.forms)

    @property
    def effort(self) -> float:
        """What it costs to test one customer."""
        return sum(form.effort for form in self.forms)

    @property
    def test(self) -> Sql:
        """All tests below as one boolean."""
        if not self.forms:
            return Sql("true" if self.is_all else "false")
        parts = [form.test for form in self.forms]
        return wrap("(", join(" AND " if self.is_all else " OR ", parts), ")")


Form = Atom | Both


def read(*, node: Node, now: datetime) -> Form:
    """Give a tree its logical form; tests of a customer's own row are one atom per group."""
    return _read(node, now, holds=True)


def _read(node: Node, now: datetime, *, holds: bool) -> Form:
    if not isinstance(node, Group):
        return _asked(node.ask(now), holds=holds)
    if node.how == "not":
        # None may hold: all of the opposites do.
        forms = tuple(_read(inner, now, holds=not holds) for inner in node.nodes)
        return _gather(forms, is_all=holds)
    forms = tuple(_read(inner, now, holds=holds) for inner in node.nodes)
    return _gather(forms, is_all=(node.how == "all") == holds)


def _asked(asked: Asked, *, holds: bool) -> Form:
    if asked.parts:
        return _gather(tuple(_asked(part, holds=holds) for part in asked.parts), is_all=holds)
    test = asked.test if holds else wrap("NOT ", asked.test)
    if asked.members is None:
        return _scan(test, asked.effort)
    inside = asked.inside == holds
    return Atom(test, asked.members, inside, asked.names_once, asked.reads_row, asked.effort)


def _scan(test: Sql, effort: float) -> Atom:
    return Atom(test, EVERYONE + wrap(" WHERE ", test), True, True, True, effort, is_scan=True)


def _gather(forms: tuple[Form, ...], *, is_all: bool) -> Form:
    """Flatten groups of the same kind, and read the rows of customers once."""
    flat = [inner for form in forms for inner in _inner(form, is_all)]
    scans = [form for form in flat if isinstance(form, Atom) and form.is_scan]
    if len(scans) > 1:
        both = Both(tuple(scans), is_all)
        flat = [form for form in flat if form not in scans]
        flat.insert(0, _scan(both.test, both.effort))
    return flat[0] if len(flat) == 1 else Both(tuple(flat), is_all)


def _inner(form: Form, is_all: bool) -> tuple[Form, ...]:
    return form.forms if isinstance(form, Both) and form.is_all == is_all else (form,)
