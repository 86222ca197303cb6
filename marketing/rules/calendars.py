"""Days as customers count them: which day it is in their own time zone, and its anniversaries."""

from calendar import isleap
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from .base import Sql, join, wrap


@dataclass(frozen=True)
class Today:
    """It is this day for the customers of these time zones."""

    day: date
    zones: tuple[str, ...]


def todays(now: datetime) -> list[Today]:
    """The days that it is on earth; a zone that is not known counts as UTC."""
    return list(_todays(now.astimezone(UTC).replace(second=0, microsecond=0)))


@lru_cache(maxsize=256)
def _todays(minute: datetime) -> tuple[Today, ...]:
    found: dict[date, list[str]] = {}
    for zone in sorted(available_timezones()):
        found.setdefault(minute.astimezone(ZoneInfo(zone)).date(), []).append(zone)
    elsewhere = {day: zones for day, zones in found.items() if day != minute.date()}
    return tuple(Today(day, tuple(zones)) for day, zones in sorted(elsewhere.items()))


def has_anniversary(moment: Sql, now: datetime, days: int) -> Sql:
    """Whether a date's month and day come up today or in the next days, where the customer is."""
    there = wrap("to_char(", moment, ", 'MMDD') = ANY(%s)")
    arms = []
    for today in todays(now):
        there_now = Sql(there.text, (*moment.params, _month_days(today.day, days)))
        arms.append(Sql("WHEN c.time_zone = ANY(%s) THEN ", (list(today.zones),)) + there_now)
    here = Sql(there.text, (*moment.params, _month_days(now.astimezone(UTC).date(), days)))
    if not arms:
        return here
    return wrap("CASE ", join(" ", arms), " ELSE ") + wrap("", here, " END")


def _month_days(today: date, days: int) -> list[str]:
    """Of 29 February the 28th is the anniversary in a year without it."""
    coming = [today + timedelta(days=ahead) for ahead in range(min(days, 366) + 1)]
    found = {f"{day:%m%d}" for day in coming}
    if any(not isleap(day.year) and (day.month, day.day) == (2, 28) for day in coming):
        found.add("0229")
    return sorted(found)
