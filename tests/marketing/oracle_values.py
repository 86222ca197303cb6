"""What a question of a value means, in plain Python: texts, numbers, lists, moments, days."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from operator import eq, ge, gt, le, lt
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?: ?(Z|[+-]\d\d(?::?\d\d)?))?)?",
    re.ASCII,
)
COMPARE = {"is": eq, "at_least": ge, "at_most": le, "more_than": gt, "less_than": lt}


def comes_up(day: date, asked: Mapping[str, Any], zone: str, now: datetime) -> bool:
    """Whether the anniversary of a day is today or in the next days, where the person lives."""
    today = now.astimezone(ZoneInfo(zone if zone in available_timezones() else "UTC")).date()
    for ahead in range(asked["value"] + 1):
        coming = today + timedelta(days=ahead)
        try:
            there = day.replace(year=coming.year)
        except ValueError:
            there = date(coming.year, 2, 28)
        if there == coming:
            return True
    return False


def free(asked: Mapping[str, Any], value: Any, now: datetime) -> bool:
    """A question of a value of any type."""
    op, wanted = asked["op"], asked.get("value")
    if op in ("before", "after", "within_days", "not_within_days", "in_next_days"):
        return moment(asked, as_moment(value), now)
    if op in ("is", "is_not") and isinstance(wanted, bool):
        return (value is wanted) == (op == "is")
    if op in ("is", "is_not") and isinstance(wanted, int | float):
        return (_as_number(value) == exactly(wanted)) == (op == "is")
    if op in ("at_least", "at_most", "more_than", "less_than"):
        number = _as_number(value)
        return number is not None and COMPARE[op](number, exactly(wanted))
    if isinstance(value, list):
        return entries(asked, value)
    return text(asked, _as_text(value))


def entries(asked: Mapping[str, Any], value: list[Any]) -> bool:
    """A question of a list: one text that fits is enough, and for a negation none may fit."""
    if asked["op"] in ("known", "unknown"):
        return bool(value) == (asked["op"] == "known")
    positive = {"is_not": "is", "not_in": "in"}.get(asked["op"], asked["op"])
    fits = any(text({**asked, "op": positive}, one) for one in value if isinstance(one, str))
    return fits == (positive == asked["op"])


def exactly(number: float) -> Fraction:
    """A number as it is written, not as a machine holds it."""
    return Fraction(Decimal(repr(number)))


def _as_number(value: Any) -> Fraction | None:
    if isinstance(value, dict):
        return _as_number(value["amount"]) if is_number(value.get("amount")) else None
    return exactly(value) if is_number(value) else None


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_number(value):
        return f"{abs(number) if not (number := Decimal(repr(value))) else number:f}"
    if isinstance(value, dict):
        kept = dict(sorted(value.items(), key=lambda pair: (len(pair[0]), pair[0])))
        return json.dumps(kept, ensure_ascii=False)
    return None if value is None else str(value)


def as_moment(value: Any) -> datetime | None:
    found = ISO.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    day, clock, zone = found.groups()
    zone = "+00:00" if zone in (None, "Z") else zone
    zone = zone if ":" in zone else f"{zone[:3]}:{zone[3:] or '00'}"
    try:
        return datetime.fromisoformat(f"{day}T{clock or '00:00'}{zone}")
    except ValueError:
        return None


def lower(value: str) -> str:
    """Without capitals, letter by letter."""
    return "".join(one.lower()[0] for one in value)


def pattern(wanted: str) -> re.Pattern[str]:
    """A regular expression as PostgreSQL reads it: ends are ends, and digits are 0 to 9."""
    said = wanted.replace(r"\d", "[0-9]").replace("$", r"\Z")
    return re.compile(said, re.IGNORECASE | re.DOTALL)


def text(asked: Mapping[str, Any], value: str | None) -> bool:
    """A question of a text that may be unknown."""
    op, wanted = asked["op"], asked.get("value")
    if op in ("known", "unknown"):
        return bool(value) == (op == "known")
    if value is None:
        return op in ("is_not", "not_in")
    answers: dict[str, Callable[[], bool]] = {
        "is": lambda: value == wanted,
        "is_not": lambda: value != wanted,
        "in": lambda: value in wanted,
        "not_in": lambda: value not in wanted,
        "contains": lambda: lower(wanted) in lower(value),
        "matches": lambda: pattern(wanted).search(value) is not None,
        "starts_with": lambda: lower(value).startswith(lower(wanted)),
    }
    return answers[op]()


def instant(written: str) -> datetime:
    """A moment as rules write it; in UTC where no zone is given."""
    found = datetime.fromisoformat(written)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def moment(asked: Mapping[str, Any], value: datetime | None, now: datetime) -> bool:
    """A question of a moment that may be unknown."""
    op, wanted = asked["op"], asked.get("value")
    if op in ("known", "unknown"):
        return (value is not None) == (op == "known")
    if value is None:
        return bool(op == "not_within_days")
    if op in ("before", "after"):
        edge = instant(wanted)
        return value < edge if op == "before" else value >= edge
    if op == "in_next_days":
        return now <= value <= now + timedelta(days=wanted)
    return (now - timedelta(days=wanted) <= value <= now) == (op == "within_days")
