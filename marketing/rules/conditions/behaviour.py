"""Conditions about what customers did, or never did."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from marketing.rules import counting, facts, operators, values, windows
from marketing.rules.base import Asked, Payload, Sql, join, unite, wrap
from marketing.rules.counting import Times
from marketing.rules.errors import RuleError
from marketing.rules.windows import Span

from .days import EventDays

Filters = tuple[tuple[str, operators.Question], ...]


@dataclass(frozen=True)
class Told:
    """Which events are meant: a name, when, and filters of their properties."""

    name: str
    span: Span
    where: Filters

    def sql(self, now: datetime) -> Sql:
        """A condition on the event `x`."""
        asked = [Sql("x.name = %s", (self.name,)), self.span.where("x.occurred_at", now)]
        asked += [facts.ask(q, "x.properties", name, now) for name, q in self.where]
        return join(" AND ", asked)

    def crossed(self, since: datetime, until: datetime) -> Sql:
        """Whose events left the span, or came into it by the clock: told before they happened."""
        rows = Sql("SELECT x.customer_id FROM crm_event x WHERE x.name = %s", (self.name,))
        between = " AND x.occurred_at BETWEEN %s AND %s"
        arms = [rows + Sql(" AND x.received_at < x.occurred_at" + between, (since, until))]
        if self.span.days is not None:
            window = timedelta(days=self.span.days)
            arms.append(rows + Sql(between, (since - window, until - window)))
        return unite([*arms, *self._turned(since, until)])

    def _turned(self, since: datetime, until: datetime) -> Iterator[Sql]:
        """Whose events have a property of which the clock lets something else be said."""
        rows = Sql(
            "SELECT x.customer_id FROM crm_event x JOIN crm_customer c ON c.id = x.customer_id"
            " WHERE x.name = %s AND (",
            (self.name,),
        )
        for name, question in self.where:
            before, after = (facts.ask(question, "x.properties", name, at) for at in (since, until))
            if before != after:
                yield rows + wrap("", before, ") IS DISTINCT FROM (") + wrap("", after, ")")

    def said(self, what: str) -> str:
        """What is said of them, with when and where."""
        said = self.span.said(what)
        asked = [question.sentence(f"“{name}”") for name, question in self.where]
        if not asked:
            return said
        return _("%(did)s, where %(filters)s") % {"did": said, "filters": _(" and ").join(asked)}


@dataclass(frozen=True)
class Did:
    """Events counted: `{"event": "product.viewed", "at_least": 2, "within_days": 30}`.

    `"at_most": 0` is “never did”; `"where"` filters by property.
    """

    told: Told
    times: Times

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload; without bounds “at least once” is meant."""
        values.only_keys(payload, ("event", *counting.KEYS, *windows.KEYS, "where"), path)
        times = Times.parse(payload, path)
        return cls(told(payload, "event", path), times)

    def ask(self, now: datetime) -> Asked:
        """Count all events of that name per customer, or those of one customer."""
        if self.told.span.is_ever and not self.told.where:
            days = EventDays(self.told.name, now)
            return self.times.asked(
                found=days.any_of_one(),
                count=days.count_of_one(),
                rows=days.rows(),
                total=days.total,
            ).at(3)
        asked = self.told.sql(now)
        mine = Sql("SELECT 1 FROM crm_event x WHERE x.customer_id = c.id AND ") + asked
        rows = Sql("SELECT x.customer_id FROM crm_event x WHERE ") + asked
        return self.times.ask(one=mine, rows=rows, effort=5)

    def subjects(self) -> frozenset[str]:
        """The events of that name."""
        return frozenset({f"event:{self.told.name}"})

    def crossed(self, since: datetime, until: datetime) -> Sql | None:
        """Whose events came into the window or left it."""
        return self.told.crossed(since, until)

    def sentence(self) -> str:
        """Say it."""
        return self.told.said(self._times())

    def _times(self) -> str:
        low, high = self.times.at_least, self.times.at_most
        values_said = {"name": self.told.name, "low": low, "high": high}
        if high == 0:
            return _("never did “%(name)s”") % values_said
        if high is None:
            pattern = ngettext(
                "did “%(name)s” at least once",
                "did “%(name)s” at least %(low)d times",
                low or 1,
            )
            return pattern % values_said
        if low is None:
            pattern = ngettext(
                "did “%(name)s” at most once", "did “%(name)s” at most %(high)d times", high
            )
            return pattern % values_said
        return _("did “%(name)s” %(low)d to %(high)d times") % values_said


def told(payload: Payload, key: str, path: str) -> Told:
    """Read which events are meant."""
    return Told(
        values.text(payload.get(key), f"{path}.{key}"),
        Span.parse(payload, path),
        _filters(payload.get("where", []), f"{path}.where"),
    )


def _filters(found: Any, path: str) -> tuple[tuple[str, operators.Question], ...]:
    if not isinstance(found, list) or len(found) > 20:
        raise RuleError(
            path,
            _("A list of filters is expected."),
            _('Write [{"property": "…", "op": "is", …}].'),
        )
    filters = []
    for position, entry in enumerate(found):
        where = f"{path}[{position}]"
        if not isinstance(entry, dict) or "property" not in entry:
            raise RuleError(
                where, _("A filter needs a property."), _('Write {"property": "…", "op": "is", …}.')
            )
        values.only_keys(entry, ("property", "op", "value"), where)
        name = values.text(entry["property"], f"{where}.property")
        question = operators.parse_json(entry, where)
        if question.family == "anniversary":
            values.choice(question.op, f"{where}.op", [*operators.MOMENT, *operators.WINDOW])
        filters.append((name, question))
    return tuple(filters)
