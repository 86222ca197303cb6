"""Conditions about what lies in events: figures over a property, and one thing after another."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketing.rules import operators, values, windows
from marketing.rules.base import Asked, Payload, Sql, exists, join, wrap

from .behaviour import Told, told

_NUMBER = "CASE WHEN jsonb_typeof(x.properties -> %s) = 'number'" + (
    " THEN (x.properties ->> %s)::numeric END"
)
_IN_ORDER = " ORDER BY x.occurred_at{}, x.id{}) FILTER (WHERE jsonb_typeof(x.properties -> %s) = "
# Each figure: how it is aggregated, and its name.
FIGURES: Mapping[str, tuple[str, object]] = {
    "sum": ("sum", gettext_lazy("sum of “%(property)s” in “%(event)s”")),
    "average": ("avg", gettext_lazy("average of “%(property)s” in “%(event)s”")),
    "least": ("min", gettext_lazy("least “%(property)s” in “%(event)s”")),
    "most": ("max", gettext_lazy("most “%(property)s” in “%(event)s”")),
    "first": ("", gettext_lazy("first “%(property)s” in “%(event)s”")),
    "last": (" DESC", gettext_lazy("last “%(property)s” in “%(event)s”")),
}
IN_ORDER = ("first", "last")


@dataclass(frozen=True)
class EventFigure:
    """A figure over a property: `{"event_figure": "sum", "of": "order.placed", …}`.

    Of values that are no numbers nothing is known, and who has none answers no.
    """

    figure: str
    told: Told
    name: str
    question: operators.Question

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload."""
        keys = ("event_figure", "of", "property", "op", "value", "where", *windows.KEYS)
        values.only_keys(payload, keys, path)
        return cls(
            values.choice(payload["event_figure"], f"{path}.event_figure", list(FIGURES)),
            told(payload, "of", path),
            values.text(payload.get("property"), f"{path}.property"),
            operators.parse_number(payload, path),
        )

    def ask(self, now: datetime) -> Asked:
        """Aggregate the events of all, or those of one customer."""
        events = wrap(" FROM crm_event x WHERE ", self.told.sql(now))
        figure = self._figure()
        one = wrap("(SELECT ", figure + events, " AND x.customer_id = c.id)")
        test = self.question.sql(one, now)
        grouped = wrap("SELECT x.customer_id", events, " GROUP BY x.customer_id HAVING ")
        members = grouped + self.question.bare(figure, now)
        return Asked(test, members, names_once=True, effort=10)

    def subjects(self) -> frozenset[str]:
        """The events of that name."""
        return frozenset({f"event:{self.told.name}"})

    def crossed(self, since: datetime, until: datetime) -> Sql | None:
        """Whose events came into the span or left it."""
        return self.told.crossed(since, until)

    def sentence(self) -> str:
        """Say it."""
        words = {"property": self.name, "event": self.told.name}
        return self.told.said(self.question.sentence(str(FIGURES[self.figure][1]) % words))

    def _figure(self) -> Sql:
        number = Sql(_NUMBER, (self.name, self.name))
        how = FIGURES[self.figure][0]
        if self.figure not in IN_ORDER:
            return wrap(f"{how}(", number, ")")
        ordered = Sql(_IN_ORDER.replace("{}", how), (self.name,))
        return wrap("(array_agg(", number + ordered, "'number'))[1]")


@dataclass(frozen=True)
class DidThen:
    """One thing after another: `{"sequence": ["cart.filled", "order.placed"], "days": 3}`.

    The second follows the first within so many days; the span looks at the first.
    """

    first: Told
    then: str
    days: int

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload."""
        values.only_keys(payload, ("sequence", "days", *windows.KEYS), path)
        where = f"{path}.sequence"
        names = values.pair(values.texts(payload["sequence"], where), where)
        return cls(
            told({**payload, "sequence": names[0]}, "sequence", path),
            names[1],
            values.days(payload.get("days"), f"{path}.days"),
        )

    def ask(self, now: datetime) -> Asked:
        """Look for the second after each of the first, of the same customer."""
        follows = Sql(
            "EXISTS (SELECT FROM crm_event y WHERE y.customer_id = x.customer_id AND y.name = %s"
            " AND y.occurred_at > x.occurred_at AND y.occurred_at <= x.occurred_at + %s"
            " AND y.occurred_at <= %s OFFSET 0)",
            (self.then, timedelta(days=self.days), now),
        )
        asked = join(" AND ", [self.first.sql(now), follows])
        rows = Sql("SELECT x.customer_id FROM crm_event x WHERE ") + asked
        mine = Sql("SELECT 1 FROM crm_event x WHERE x.customer_id = c.id AND ") + asked
        return Asked(exists(mine), rows, effort=16)

    def subjects(self) -> frozenset[str]:
        """The events of both names."""
        return frozenset({f"event:{self.first.name}", f"event:{self.then}"})

    def crossed(self, since: datetime, until: datetime) -> Sql | None:
        """Whose first event came into the span or left it, or whose second came to be past."""
        second = Sql(
            "SELECT x.customer_id FROM crm_event x"
            " WHERE x.name = %s AND x.occurred_at BETWEEN %s AND %s",
            (self.then, since, until),
        )
        return join(" UNION ALL ", [self.first.crossed(since, until), second])

    def sentence(self) -> str:
        """Say it."""
        words = {"first": self.first.name, "then": self.then, "n": self.days}
        said = _("did “%(then)s” within %(n)d days after “%(first)s”") % words
        return self.first.said(said)
