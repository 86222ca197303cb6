"""A parsed tree as logic: negations pushed down to what can be asked, so that sets show."""

from dataclasses import dataclass
from datetime import datetime

from .base import Asked, Sql, join, wrap
from .tree import Group, Node

# What is asked of a row alone costs less than this much of a look-up in an index.
_LIGHT = 0.5
_CUSTOMERS = "crm_customer"
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
    # The table of one row per customer that is read, and what is asked of it.
    kept: tuple[str, Sql] | None = None

    @property
    def is_light(self) -> bool:
        """Whether it is answered by the customer's row alone."""
        return self.is_scan and self.effort < _LIGHT

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
    once, row, effort = asked.names_once, asked.reads_row, asked.effort
    return Atom(test, asked.members, inside, once, row, effort, kept=asked.kept)


def _scan(test: Sql, effort: float) -> Atom:
    return Atom(test, EVERYONE + wrap(" WHERE ", test), True, True, True, effort, is_scan=True)


def _gather(forms: tuple[Form, ...], *, is_all: bool) -> Form:
    """Flatten groups of the same kind, and read once what can be read together."""
    flat = [inner for form in forms for inner in _inner(form, is_all)]
    together: dict[str, list[Atom]] = {}
    for form in flat:
        if isinstance(form, Atom) and (table := _table(form, is_all)):
            together.setdefault(table, []).append(form)
    for table, atoms in together.items():
        if len(atoms) > 1:
            flat = [form for form in flat if form not in atoms]
            flat.insert(0, _at_once(table, atoms, is_all))
    return flat[0] if len(flat) == 1 else Both(tuple(flat), is_all)


def _table(atom: Atom, is_all: bool) -> str:
    """What is read together: the row of a customer, and tables of one row per customer.

    In such a table, all must be in what is asked for, or any out of what is not.
    """
    if atom.is_light:
        return _CUSTOMERS
    if atom.kept is None:
        return ""
    return f"{atom.kept[0]} {'in' if atom.inside else 'out'}"


def _at_once(table: str, atoms: list[Atom], is_all: bool) -> Atom:
    both = Both(tuple(atoms), is_all)
    if table == _CUSTOMERS:
        return _scan(both.test, both.effort)
    first = atoms[0]
    asked = [atom.kept[1] for atom in atoms if atom.kept]
    # Out of any of them is out of what they have in common.
    is_common = is_all == first.inside
    where = wrap("(", join(" AND " if is_common else " OR ", asked), ")")
    source = first.kept[0] if first.kept else ""
    members = wrap(f"SELECT s.customer_id FROM {source} s WHERE ", where)  # noqa: S608
    return Atom(both.test, members, first.inside, True, False, 1.0, kept=(source, where))


def _inner(form: Form, is_all: bool) -> tuple[Form, ...]:
    return form.forms if isinstance(form, Both) and form.is_all == is_all else (form,)
