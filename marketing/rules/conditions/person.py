"""Conditions about the person: fields, attributes, handles, and a stable random share."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.choices import IdentityKind
from marketing.rules import facts, operators, values
from marketing.rules.base import (
    IDENTITY,
    PERSON,
    SEEN,
    Asked,
    Payload,
    Sql,
    Timeless,
    exists,
    row_test,
    wrap,
)
from marketing.rules.errors import RuleError
from marketing.rules.windows import turned, window_crossed

TEXT_FIELDS = {
    "first_name": gettext_lazy("first name"),
    "last_name": gettext_lazy("last name"),
    "email": gettext_lazy("e-mail"),
    "phone": gettext_lazy("phone"),
    "country": gettext_lazy("country"),
    "city": gettext_lazy("city"),
    "language": gettext_lazy("language"),
    "time_zone": gettext_lazy("time zone"),
}
MOMENT_FIELDS = {
    "created_at": gettext_lazy("customer since"),
    "last_seen_at": gettext_lazy("last seen"),
}


def _of_their_day(question: operators.Question) -> frozenset[str]:
    """Which day it is depends on where somebody lives."""
    return frozenset({PERSON} if question.family == "anniversary" else ())


@dataclass(frozen=True)
class Field:
    """A column of the customer: `{"field": "country", "op": "in", "value": ["DE"]}`."""

    name: str
    question: operators.Question

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload."""
        values.only_keys(payload, ("field", "op", "value"), path)
        name = values.choice(payload["field"], f"{path}.field", [*TEXT_FIELDS, *MOMENT_FIELDS])
        parse = operators.parse_text if name in TEXT_FIELDS else operators.parse_moment
        return cls(name, parse(payload, path))

    def ask(self, now: datetime) -> Asked:
        """Ask the column; its name is one of ours, never the payload's."""
        column = self._column()
        if self.name != "last_seen_at":
            return row_test(self.question.bare(column, now))
        return row_test(self.question.sql(column, now))

    def subjects(self) -> frozenset[str]:
        """The person; when they were last seen moves by itself."""
        own = SEEN if self.name == "last_seen_at" else PERSON
        return frozenset({own}) | _of_their_day(self.question)

    def crossed(self, since: datetime, until: datetime) -> Sql | None:
        """Whose moment came into the window, or went out of it."""
        if self.question.family == "anniversary":
            return turned(self.ask(since).test, self.ask(until).test)
        return window_crossed(self.question, self._column(), since, until)

    def _column(self) -> Sql:
        if self.question.family == "anniversary":
            return Sql(f"(c.{self.name} AT TIME ZONE 'UTC')")
        return Sql(f"c.{self.name}")

    def sentence(self) -> str:
        """Say it."""
        return self.question.sentence(str({**TEXT_FIELDS, **MOMENT_FIELDS}[self.name]))


@dataclass(frozen=True)
class Attribute:
    """A free fact of the customer: `{"attribute": "plan", "op": "is", "value": "gold"}`."""

    name: str
    question: operators.Question

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload."""
        values.only_keys(payload, ("attribute", "op", "value"), path)
        name = values.text(payload["attribute"], f"{path}.attribute")
        return cls(name, operators.parse_json(payload, path))

    def ask(self, now: datetime) -> Asked:
        """Ask the JSON value."""
        return row_test(facts.ask(self.question, "c.attributes", self.name, now))

    def subjects(self) -> frozenset[str]:
        """That attribute."""
        return frozenset({f"attribute:{self.name}"}) | _of_their_day(self.question)

    def crossed(self, since: datetime, until: datetime) -> Sql | None:
        """Whose moment came into the window, or went out of it."""
        if self.question.family == "anniversary":
            return turned(self.ask(since).test, self.ask(until).test)
        left = facts.moment("c.attributes", self.name)
        return window_crossed(self.question, left, since, until)

    def sentence(self) -> str:
        """Say it."""
        return self.question.sentence(_("attribute “%(name)s”") % {"name": self.name})


@dataclass(frozen=True)
class HasIdentity(Timeless):
    """A handle we know the customer by: `{"identity": "phone", "op": "known"}`."""

    kind: str
    known: bool

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload."""
        values.only_keys(payload, ("identity", "op"), path)
        kind = values.choice(payload["identity"], f"{path}.identity", IdentityKind.values)
        op = values.choice(payload.get("op", "known"), f"{path}.op", ["known", "unknown"])
        return cls(kind, op == "known")

    def ask(self, now: datetime) -> Asked:
        """Look for a row of that kind."""
        rows = Sql("SELECT i.customer_id FROM crm_identity i WHERE i.kind = %s", (self.kind,))
        found = exists(rows + Sql(" AND i.customer_id = c.id"))
        test = found if self.known else wrap("NOT ", found)
        return Asked(test, rows, inside=self.known)

    def subjects(self) -> frozenset[str]:
        """The handles."""
        return frozenset({IDENTITY})

    def sentence(self) -> str:
        """Say it."""
        pattern = _("%(what)s is known") if self.known else _("%(what)s is unknown")
        return pattern % {"what": str(IdentityKind(self.kind).label)}


@dataclass(frozen=True)
class Share(Timeless):
    """A stable random share in percent: `{"share": 10}` or `{"share": 10, "from": 50}`."""

    percent: float
    start: float

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload."""
        values.only_keys(payload, ("share", "from"), path)
        percent = values.number(payload["share"], f"{path}.share")
        start = values.number(payload.get("from", 0), f"{path}.from")
        if percent <= 0 or start < 0 or start + percent > 100:
            raise RuleError(
                path, _("The share is not within 0 to 100 percent."), _("Write a smaller share.")
            )
        return cls(percent, start)

    def ask(self, now: datetime) -> Asked:
        """Cut the permanent bucket (0–9999)."""
        low, high = round(self.start * 100), round((self.start + self.percent) * 100)
        return row_test(Sql("(c.bucket >= %s AND c.bucket < %s)", (low, high)))

    def subjects(self) -> frozenset[str]:
        """Nothing: the bucket is permanent."""
        return frozenset()

    def sentence(self) -> str:
        """Say it."""
        return _("is in a random share of %(percent)g %% starting at %(start)g %%") % {
            "percent": self.percent,
            "start": self.start,
        }
