"""Conditions about what customers did, or never did."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from marketing.rules import operators, values
from marketing.rules.base import Asked, Payload, Sql, exists, join, wrap
from marketing.rules.errors import RuleError
from marketing.rules.windows import moved

from .days import EventDays

MAX_COUNT = 1_000_000


@dataclass(frozen=True)
class Did:
    """Events counted: `{"event": "product.viewed", "at_least": 2, "within_days": 30}`.

    `"at_most": 0` is “never did”; `"where"` filters by property.
    """

    name: str
    at_least: int | None
    at_most: int | None
    within_days: int | None
    where: tuple[tuple[str, operators.Question], ...]

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload; without bounds “at least once” is meant."""
        values.only_keys(payload, ("event", "at_least", "at_most", "within_days", "where"), path)
        at_least = _count(payload, "at_least", path, low=1)
        at_most = _count(payload, "at_most", path, low=0)
        if at_least is None and at_most is None:
            at_least = 1
        if at_least is not None and at_most is not None and at_least > at_most:
            raise RuleError(
                f"{path}.at_most",
                _("The most is less than the least."),
                _("Raise “at_most” or lower “at_least”."),
            )
        return cls(
            values.text(payload["event"], f"{path}.event"),
            at_least,
            at_most,
            values.optional_days(payload, path),
            _filters(payload.get("where", []), f"{path}.where"),
        )

    def ask(self, now: datetime) -> Asked:
        """Count all events of that name per customer, or those of one customer."""
        if self.within_days is None and not self.where:
            days = EventDays(self.name, now)
            return self._asked(days.any_of_one(), days.count_of_one(), days.rows(), days.total)
        told = self._told(now)
        mine = Sql("SELECT 1 FROM crm_event e WHERE e.customer_id = c.id AND ") + told
        # No more are counted than it takes to know.
        most = Sql(
            " LIMIT %s", ((self.at_least or 0) if self.at_most is None else self.at_most + 1,)
        )
        count = wrap("(SELECT count(*) FROM (", mine + most, ") AS e)")
        rows = Sql("SELECT e.customer_id FROM crm_event e WHERE ") + told
        asked = self._asked(exists(mine), count, rows, "count(*)")
        return replace(asked, effort=8)

    def _asked(self, found: Sql, count: Sql, rows: Sql, total: str) -> Asked:
        """Where none at all is asked for, those are kept who did more."""
        low, high = self.at_least or 0, self.at_most
        if (low, high) == (1, None):
            return Asked(found, rows, effort=3)
        if high == 0:
            return Asked(wrap("NOT ", found), rows, inside=False, effort=3)
        bound = Sql(" >= %s", (low,)) if high is None else Sql(" BETWEEN %s AND %s", (low, high))
        test = wrap("(", count + bound, ")")
        grouped = rows + Sql(f" GROUP BY e.customer_id HAVING {total}")
        if low == 0:
            members = grouped + Sql(" > %s", (high,))
            return Asked(test, members, inside=False, names_once=True, effort=4)
        return Asked(test, grouped + bound, names_once=True, effort=4)

    def subjects(self) -> frozenset[str]:
        """The events of that name."""
        return frozenset({f"event:{self.name}"})

    def crossed(self, since: datetime, until: datetime) -> Sql | None:
        """Whose events came into the window or left it."""
        rows = Sql("SELECT e.customer_id FROM crm_event e WHERE e.name = %s", (self.name,))
        return moved(rows, Sql("e.occurred_at"), since, until, self.within_days)

    def _told(self, now: datetime) -> Sql:
        asked = [Sql("e.name = %s AND e.occurred_at <= %s", (self.name, now))]
        if self.within_days is not None:
            since = now - timedelta(days=self.within_days)
            asked.append(Sql("e.occurred_at >= %s", (since,)))
        asked += [operators.json_sql(q, "e.properties", name, now) for name, q in self.where]
        return join(" AND ", asked)

    def sentence(self) -> str:
        """Say it."""
        said = windowed(self._times(), self.within_days)
        asked = [question.sentence(f"“{name}”") for name, question in self.where]
        if not asked:
            return said
        return _("%(did)s, where %(filters)s") % {"did": said, "filters": _(" and ").join(asked)}

    def _times(self) -> str:
        values_said = {"name": self.name, "low": self.at_least, "high": self.at_most}
        if self.at_most == 0:
            return _("never did “%(name)s”") % values_said
        if self.at_most is None:
            pattern = ngettext(
                "did “%(name)s” at least once",
                "did “%(name)s” at least %(low)d times",
                self.at_least or 1,
            )
            return pattern % values_said
        if self.at_least is None:
            pattern = ngettext(
                "did “%(name)s” at most once",
                "did “%(name)s” at most %(high)d times",
                self.at_most,
            )
            return pattern % values_said
        return _("did “%(name)s” %(low)d to %(high)d times") % values_said


def windowed(said: str, days: int | None) -> str:
    """What is said, narrowed to the last N days where there is such a window."""
    if days is None:
        return said
    window = ngettext("in the last day", "in the last %(n)d days", days) % {"n": days}
    return _("%(said)s %(window)s") % {"said": said, "window": window}


def _count(payload: Payload, key: str, path: str, *, low: int) -> int | None:
    if key not in payload:
        return None
    return values.whole(payload[key], f"{path}.{key}", low, MAX_COUNT)


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
        filters.append((name, operators.parse_json(entry, where)))
    return tuple(filters)
