"""What a kind of condition must offer: parse itself, become SQL, say itself in words."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol, Self

# The customer that every test speaks about is called `c` in the statement.
Payload = Mapping[str, Any]

# What can change about a person; the rest is named: `event:<name>`, `attribute:<name>`,
# `score:<kind>`, `segment:<id>`.
EXISTENCE = "customer"
PERSON = "person"
SEEN = "seen"
IDENTITY = "identity"
CONSENT = "consent"
SUPPRESSION = "suppression"
ORDER = "order"
MESSAGE = "message"
CLUSTER = "cluster"
INSIGHT = "insight"
COMPANY = "company"


@dataclass(frozen=True)
class Sql:
    """A fragment of SQL, and the values for its placeholders."""

    text: str
    params: tuple[Any, ...] = ()

    def __add__(self, other: "Sql") -> "Sql":
        return Sql(self.text + other.text, self.params + other.params)


@dataclass(frozen=True)
class Asked:
    """How a condition can be asked: of one customer, and where it pays of all at once.

    `test` is a boolean about the customer `c`, never null and cheap for one. `members` selects the
    ids of those for whom the condition holds, or with `inside=False` of all for whom it does not;
    `names_once` says that it names nobody twice. `reads_row` says that the test reads more of `c`
    than the id; `effort` is how many look-ups in an index it costs, in units of PostgreSQL's
    planner. `kept` is a question of a table that keeps one row per customer: several of the same
    table are read together. Where `parts` are given, the condition holds when all of them do, and
    each is asked by itself.
    """

    test: Sql
    members: Sql | None = None
    inside: bool = True
    names_once: bool = False
    reads_row: bool = False
    effort: float = 1.0
    kept: tuple[str, Sql] | None = None
    parts: tuple["Asked", ...] = ()

    def at(self, effort: float) -> "Asked":
        """The same, and what a test costs."""
        return replace(self, effort=effort)


class Condition(Protocol):
    """One leaf of a rule tree; the payload's key that is its registered name holds its subject."""

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload; a RuleError says what to write instead."""

    def ask(self, now: datetime) -> Asked:
        """The condition as SQL at a moment."""

    def subjects(self) -> frozenset[str]:
        """What must change about a person for the answer to change, the clock aside."""

    def crossed(self, since: datetime, until: datetime) -> Sql | None:
        """The ids of all whose answer the clock alone may change after `since`, up to `until`.

        It may name too many people and never too few; None where the clock changes nothing.
        """

    def sentence(self) -> str:
        """The condition in words, in the reader's language, without a full stop."""


class Timeless:
    """A condition whose answer the clock does not change."""

    def crossed(self, since: datetime, until: datetime) -> Sql | None:
        """Nobody."""
        return None


def wrap(prefix: str, inner: Sql, suffix: str = "") -> Sql:
    """Put fixed text around a fragment."""
    return Sql(prefix + inner.text + suffix, inner.params)


def join(separator: str, parts: list[Sql]) -> Sql:
    """Join fragments by fixed text."""
    params = tuple(value for part in parts for value in part.params)
    return Sql(separator.join(part.text for part in parts), params)


@dataclass(frozen=True)
class United(Sql):
    """Several selects as one, that may be asked each by itself where others ask the same."""

    arms: tuple[Sql, ...] = ()


def unite(arms: list[Sql]) -> United:
    """Everything that any of these selects finds."""
    united = join(" UNION ALL ", arms)
    return United(united.text, united.params, tuple(arms))


def exists(select: Sql) -> Sql:
    """Whether a correlated select finds a row.

    `OFFSET 0` keeps PostgreSQL from turning the look-up for a few into a join with all.
    """
    return wrap("EXISTS (", select, " OFFSET 0)")


def row_test(test: Sql) -> Asked:
    """A test of the customer's own row."""
    return Asked(test, reads_row=True, effort=0.02)
