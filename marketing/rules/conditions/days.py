"""What customers ever did, told by the roll-ups of days, which outlive the events."""

import time as time_module
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import cached_property

from django.db import connection

from crm import rollups
from marketing.rules.base import Sql, exists, join, wrap

# Of whom something before today was recorded that is not rolled up yet.
_LATE = """c.id IN (
    SELECT e.customer_id FROM crm_eventbatch b CROSS JOIN unnest(b.event_ids) AS told (id)
    JOIN crm_event e ON e.id = told.id WHERE e.name = %s AND e.occurred_at < %s)"""

# The oldest event of a name and the first day of it, each the end of an index; and whether a
# retention rule ever took events: what came in late since may be older than what it took.
_OLDEST = """
    SELECT (SELECT (min(occurred_at) AT TIME ZONE 'UTC')::date FROM crm_event WHERE name = %s),
           (SELECT min(date) FROM crm_eventday WHERE name = %s),
           EXISTS (SELECT FROM crm_retentionrule WHERE what = 'events' AND last_run_at IS NOT NULL)
"""
_KEEP_SECONDS = 1
_kept: dict[tuple[str, str], tuple[float, bool]] = {}


def is_forgotten(*, name: str) -> bool:
    """Whether some events of a name are known by their days only."""
    key = (connection.settings_dict["NAME"], name)
    found = _kept.get(key)
    if found is None or found[0] < time_module.monotonic():
        if len(_kept) > 1_000:
            _kept.clear()
        found = (time_module.monotonic() + _KEEP_SECONDS, _look(name))
        _kept[key] = found
    return found[1]


def _look(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST, [name, name])
        event, day, has_run = cursor.fetchone()
    return bool(day is not None and (has_run or event is None or event > day))


@dataclass(frozen=True)
class EventDays:
    """The events of one name up to a moment: whole days, and of today single events."""

    name: str
    now: datetime

    def rows(self) -> Sql:
        """A select of `x.customer_id`, to be grouped by `total`.

        Events are counted where all are there: then an index is all that is read, and nobody need
        look at what waits to be rolled up. Where a retention rule has taken some, days are.
        """
        events = Sql(
            " FROM crm_event x WHERE x.name = %s AND x.occurred_at <= %s", (self.name, self.now)
        )
        if not self._is_by_days:
            return wrap("SELECT x.customer_id", events)
        days = wrap(
            f"SELECT x.customer_id FROM (SELECT d.customer_id, d.count FROM {rollups.DAYS} AS d"  # noqa: S608
            " WHERE ",
            self._before(),
        )
        told = wrap(" UNION ALL SELECT x.customer_id, 1", events, " AND x.occurred_at >= %s) AS x")
        return days + Sql(told.text, (*told.params, self._midnight))

    @property
    def total(self) -> str:
        """The sum of the rows of one customer."""
        return "sum(x.count)" if self._is_by_days else "count(*)"

    @cached_property
    def _is_by_days(self) -> bool:
        return is_forgotten(name=self.name)

    def any_of_one(self) -> Sql:
        """Whether there is any event of the customer `c`."""
        days = wrap("SELECT 1 FROM crm_eventday d WHERE d.customer_id = c.id AND ", self._before())
        today = wrap("SELECT 1 FROM crm_event e WHERE e.customer_id = c.id AND ", self._today())
        return wrap("(", join(" OR ", [exists(days), exists(today), self._late()]), ")")

    def count_of_one(self) -> Sql:
        """How many events of the customer `c` there are."""
        total = "(SELECT coalesce(sum(d.count), 0) FROM "
        mine = wrap(" AS d WHERE d.customer_id = c.id AND ", self._before(), ")")
        late = wrap("CASE WHEN ", self._late(), f" THEN {total}{rollups.DAYS}") + mine
        days = late + wrap(f" ELSE {total}crm_eventday", mine, " END")
        today = wrap(
            "(SELECT count(*) FROM crm_event e WHERE e.customer_id = c.id AND ", self._today(), ")"
        )
        return wrap("(", join(" + ", [wrap("(", days, ")"), today]), ")")

    @property
    def _midnight(self) -> datetime:
        return datetime.combine(self.now.astimezone(UTC).date(), time(), UTC)

    def _before(self) -> Sql:
        return Sql("d.name = %s AND d.date < %s", (self.name, self._midnight.date()))

    def _today(self) -> Sql:
        span = (self.name, self._midnight, self.now)
        return Sql("e.name = %s AND e.occurred_at BETWEEN %s AND %s", span)

    def _late(self) -> Sql:
        return Sql(_LATE, (self.name, self._midnight))
