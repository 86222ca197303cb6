"""When something counts: in the last days, between two moments, ever; what the clock moves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from . import values
from .base import Sql, join, unite, wrap
from .errors import RuleError
from .operators import Question

KEYS = ("within_days", "since", "until")


@dataclass(frozen=True)
class Span:
    """A stretch of time that ends now at the latest: `within_days`, or `since` and `until`."""

    days: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def parse(cls, payload: Mapping[str, Any], path: str) -> Self:
        """Read and check the three keys, of which all may be missing."""
        days = values.optional_days(payload, path)
        edges = [
            values.moment(payload[key], f"{path}.{key}") if key in payload else None
            for key in ("since", "until")
        ]
        if days is not None and edges != [None, None]:
            raise RuleError(
                f"{path}.within_days",
                _("The last days and fixed dates exclude one another."),
                _("Keep “within_days”, or “since” and “until”."),
            )
        if edges[0] and edges[1] and edges[0] >= edges[1]:
            raise RuleError(
                f"{path}.until", _("The end is not after the start."), _("Write a later date.")
            )
        return cls(days, *edges)

    @property
    def is_ever(self) -> bool:
        """Whether all the past counts."""
        return self == Span()

    def where(self, column: str, now: datetime) -> Sql:
        """A condition on a column; what is still to come never counts."""
        asked = [Sql(f"{column} <= %s", (now,))]
        if self.days is not None:
            asked.append(Sql(f"{column} >= %s", (now - timedelta(days=self.days),)))
        if self.since is not None:
            asked.append(Sql(f"{column} >= %s", (self.since,)))
        if self.until is not None:
            asked.append(Sql(f"{column} < %s", (self.until,)))
        return join(" AND ", asked)

    def crossed(self, select: Sql, column: str, since: datetime, until: datetime) -> Sql:
        """Of a select that ends in a condition: what came to be past, and what left the span."""
        return moved(select, Sql(column), since, until, self.days)

    def said(self, what: str) -> str:
        """What is said, narrowed to the span."""
        if self.days is not None:
            return windowed(what, self.days)
        if self.since and self.until:
            pattern = _("%(said)s from %(since)s until before %(until)s")
        elif self.since:
            pattern = _("%(said)s since %(since)s")
        elif self.until:
            pattern = _("%(said)s before %(until)s")
        else:
            return what
        return pattern % {
            "said": what,
            "since": self.since and self.since.date().isoformat(),
            "until": self.until and self.until.date().isoformat(),
        }


def windowed(said: str, days: int) -> str:
    """What is said, narrowed to the last N days."""
    window = ngettext("in the last day", "in the last %(n)d days", days) % {"n": days}
    return _("%(said)s %(window)s") % {"said": said, "window": window}


def moved(select: Sql, column: Sql, since: datetime, until: datetime, days: int | None) -> Sql:
    """Of a select that ends in a condition: what came to be past, and what left the window."""
    spans = [(since, until)]
    if days is not None:
        window = timedelta(days=days)
        spans.append((since - window, until - window))
    arms = [wrap("", select, " AND ") + column + Sql(" BETWEEN %s AND %s", span) for span in spans]
    return unite(arms)


def turned(before: Sql, after: Sql) -> Sql | None:
    """The customers of whom a test at one moment and at a later one do not say the same."""
    if before == after:
        return None
    differ = wrap("(", before, ") IS DISTINCT FROM ") + wrap("(", after, ")")
    return wrap("SELECT c.id FROM crm_customer c WHERE ", differ)


def window_crossed(question: Question, left: Sql, since: datetime, until: datetime) -> Sql | None:
    """The customers whose moment crossed an end of the window that is asked for."""
    everyone = Sql("SELECT c.id FROM crm_customer c WHERE true")
    return question_moved(everyone, question, left, since, until)


def question_moved(
    select: Sql, question: Question, left: Sql, since: datetime, until: datetime
) -> Sql | None:
    """Of a select that ends in a condition: where a moment crossed an end of a window."""
    if question.family not in ("window", "ahead"):
        return None
    days = question.value if question.family == "window" else -question.value
    return moved(select, left, since, until, days)
