"""How often: at least, at most, never; asked of one customer, and of all at once."""

from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from . import values
from .base import Asked, Payload, Sql, exists, wrap
from .errors import RuleError

MAX_COUNT = 1_000_000
KEYS = ("at_least", "at_most")


@dataclass(frozen=True)
class Times:
    """Bounds of a count; without any, at least once is meant."""

    at_least: int | None
    at_most: int | None

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check `at_least` and `at_most`."""
        low = _count(payload, "at_least", path, low=1)
        high = _count(payload, "at_most", path, low=0)
        if low is None and high is None:
            low = 1
        if low is not None and high is not None and low > high:
            raise RuleError(
                f"{path}.at_most",
                _("The most is less than the least."),
                _("Raise “at_most” or lower “at_least”."),
            )
        return cls(low, high)

    def ask(self, *, one: Sql, rows: Sql, effort: float) -> Asked:
        """Count rows: those of the customer `c`, and those of all as `x.customer_id`."""
        # No more are counted than it takes to know.
        most = (self.at_least or 0) if self.at_most is None else self.at_most + 1
        enough = wrap("(SELECT count(*) FROM (", one + Sql(" LIMIT %s", (most,)), ") AS x)")
        return self.asked(found=exists(one), count=enough, rows=rows, total="count(*)").at(effort)

    def asked(self, *, found: Sql, count: Sql, rows: Sql, total: str) -> Asked:
        """Where none at all is asked for, those are kept who have more."""
        low, high = self.at_least or 0, self.at_most
        if (low, high) == (1, None):
            return Asked(found, rows)
        if high == 0:
            return Asked(wrap("NOT ", found), rows, inside=False)
        bound = Sql(" >= %s", (low,)) if high is None else Sql(" BETWEEN %s AND %s", (low, high))
        test = wrap("(", count + bound, ")")
        grouped = rows + Sql(f" GROUP BY x.customer_id HAVING {total}")
        if low == 0:
            return Asked(test, grouped + Sql(" > %s", (high,)), inside=False, names_once=True)
        return Asked(test, grouped + bound, names_once=True)

    def said(self, what: str) -> str:
        """What is said to happen, and how often."""
        low, high = self.at_least, self.at_most
        if (low, high) == (1, None):
            return what
        if high == 0:
            return _("never %(what)s") % {"what": what}
        if high is None:
            pattern = ngettext(
                "%(what)s at least once", "%(what)s at least %(low)d times", low or 1
            )
        elif low is None:
            pattern = ngettext("%(what)s at most once", "%(what)s at most %(high)d times", high)
        else:
            pattern = _("%(what)s %(low)d to %(high)d times")
        return pattern % {"what": what, "low": low, "high": high}


def _count(payload: Payload, key: str, path: str, *, low: int) -> int | None:
    if key not in payload:
        return None
    return values.whole(payload[key], f"{path}.{key}", low, MAX_COUNT)
