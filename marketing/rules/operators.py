"""What can be asked of a text, a number, a moment or a JSON value, in SQL and in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import eq, ge, gt, le, lt
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from . import calendars, patterns, values
from .base import Payload, Sql, wrap

# Each operator: how SQL asks it (the placeholder %s is the value) and how it is said.
TEXT = {
    "is": (" = %s", _("%(what)s is %(value)s")),
    "is_not": (" <> %s", _("%(what)s is not %(value)s")),
    "in": (" = ANY(%s)", _("%(what)s is one of %(value)s")),
    "not_in": (" <> ALL(%s)", _("%(what)s is none of %(value)s")),
    "contains": ("strpos(lower({}), lower(%s)) > 0", _("%(what)s contains %(value)s")),
    "matches": (" ~* %s", _("%(what)s matches %(value)s")),
    "starts_with": ("starts_with(lower({}), lower(%s))", _("%(what)s starts with %(value)s")),
}
PRESENCE = {
    "known": (" <> ''", _("%(what)s is known")),
    "unknown": (" = ''", _("%(what)s is unknown")),
}
NUMBER = {
    "is": (" = %s", _("%(what)s is %(value)s")),
    "at_least": (" >= %s", _("%(what)s is at least %(value)s")),
    "at_most": (" <= %s", _("%(what)s is at most %(value)s")),
    "more_than": (" > %s", _("%(what)s is more than %(value)s")),
    "less_than": (" < %s", _("%(what)s is less than %(value)s")),
}
MOMENT = {
    "before": (" < %s", _("%(what)s is before %(value)s")),
    "after": (" >= %s", _("%(what)s is %(value)s or later")),
}
_COMPARE = {"is": eq, "at_least": ge, "at_most": le, "more_than": gt, "less_than": lt}
WINDOW = ("within_days", "not_within_days")
# What lies ahead: in the next days, and the day of the year that comes up.
AHEAD = ("in_next_days", "anniversary")
NEGATIVE = ("is_not", "not_in", "unknown", "not_within_days")


@dataclass(frozen=True)
class Question:
    """An operator and its value, read from a payload and checked."""

    family: str
    op: str
    value: Any = None

    def sql(self, left: Sql, now: datetime) -> Sql:
        """Ask the question of an expression that may be null; the answer never is."""
        # Unlike in a coalesce, PostgreSQL sees how many would answer yes.
        what = "IS NOT FALSE" if self.op in NEGATIVE else "IS TRUE"
        return wrap("(", self.bare(left, now), f" {what})")

    def bare(self, left: Sql, now: datetime) -> Sql:
        """Ask the question so that an index can answer; null of a null expression."""
        return wrap("(", _ASK[self.family](self, left, now), ")")

    def is_true_of(self, number: float) -> bool:
        """Whether a number that is known already answers yes."""
        return bool(_COMPARE[self.op](number, self.value))

    def sentence(self, what: str) -> str:
        """The question in words about `what`."""
        if self.family in ("window", "ahead", "anniversary"):
            return _window_sentence(self, what)
        table: Mapping[str, tuple[str, Any]] = _TABLES[self.family]
        return str(table[self.op][1]) % {"what": what, "value": said(self.value)}


def said(value: Any) -> str:
    """A value as it appears in a sentence."""
    if isinstance(value, tuple):
        return ", ".join(said(entry) for entry in value)
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, str):
        return f"“{value}”"
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    return f"{value:g}" if isinstance(value, float) else str(value)


def parse_text(payload: Payload, path: str) -> Question:
    """Read a question about a text."""
    op = values.choice(payload.get("op"), f"{path}.op", [*TEXT, *PRESENCE])
    return _read_text(op, payload, path)


def parse_number(payload: Payload, path: str) -> Question:
    """Read a question about a number."""
    op = values.choice(payload.get("op"), f"{path}.op", list(NUMBER))
    return Question("number", op, values.number(payload.get("value"), f"{path}.value"))


def parse_moment(payload: Payload, path: str) -> Question:
    """Read a question about a moment."""
    op = values.choice(payload.get("op"), f"{path}.op", [*MOMENT, *WINDOW, *AHEAD, *PRESENCE])
    return _read_moment(op, payload, path)


def parse_json(payload: Payload, path: str) -> Question:
    """Read a question about a JSON value; operator and value decide what it is taken for."""
    known = [*TEXT, *(op for op in NUMBER if op not in TEXT), *MOMENT, *WINDOW, *AHEAD, *PRESENCE]
    op = values.choice(payload.get("op"), f"{path}.op", known)
    value = payload.get("value")
    if op in ("is", "is_not") and isinstance(value, bool):
        return Question("equal", op, value)
    if op in ("is", "is_not") and isinstance(value, int | float):
        return Question("equal", op, values.number(value, f"{path}.value"))
    if op in NUMBER and op not in TEXT:
        return Question("json_number", op, values.number(value, f"{path}.value"))
    if op in (*MOMENT, *WINDOW, *AHEAD):
        return _read_moment(op, payload, path)
    return _read_text(op, payload, path)


def _read_text(op: str, payload: Payload, path: str) -> Question:
    if op in PRESENCE:
        values.only_keys(payload, set(payload) - {"value"}, path)
        return Question("presence", op)
    read: Callable[[Any, str], object] = {
        "in": values.texts,
        "not_in": values.texts,
        "matches": patterns.pattern,
    }.get(op, values.text)
    return Question("text", op, read(payload.get("value"), f"{path}.value"))


def _read_moment(op: str, payload: Payload, path: str) -> Question:
    if op in PRESENCE:
        values.only_keys(payload, set(payload) - {"value"}, path)
        return Question("moment_presence", op)
    if op in WINDOW:
        return Question("window", op, values.days(payload.get("value"), f"{path}.value"))
    if op == "in_next_days":
        return Question("ahead", op, values.days(payload.get("value"), f"{path}.value"))
    if op == "anniversary":
        ahead = values.whole(payload.get("value"), f"{path}.value", 0, 366)
        return Question("anniversary", op, ahead)
    return Question("moment", op, values.moment(payload.get("value"), f"{path}.value"))


def _text(question: Question, left: Sql, now: datetime) -> Sql:
    pattern = TEXT[question.op][0]
    value = list(question.value) if isinstance(question.value, tuple) else question.value
    asked = pattern.replace("{}", left.text) if "{}" in pattern else left.text + pattern
    return Sql(asked, (*left.params, value))


def _presence(question: Question, left: Sql, now: datetime) -> Sql:
    return wrap("coalesce(", left, f", ''){PRESENCE[question.op][0]}")


def _number(question: Question, left: Sql, now: datetime) -> Sql:
    return left + Sql(NUMBER[question.op][0], (question.value,))


def _equal(question: Question, left: Sql, now: datetime) -> Sql:
    return left + Sql(" = to_jsonb(%s)", (question.value,))


def _moment(question: Question, left: Sql, now: datetime) -> Sql:
    return left + Sql(MOMENT[question.op][0], (question.value,))


def _moment_presence(question: Question, left: Sql, now: datetime) -> Sql:
    return wrap("", left, " IS NOT NULL" if question.op == "known" else " IS NULL")


def _window(question: Question, left: Sql, now: datetime) -> Sql:
    since = now - timedelta(days=question.value)
    within = left + Sql(" BETWEEN %s AND %s", (since, now))
    return wrap("NOT ", within) if question.op == "not_within_days" else within


def _ahead(question: Question, left: Sql, now: datetime) -> Sql:
    until = now + timedelta(days=question.value)
    return left + Sql(" BETWEEN %s AND %s", (now, until))


def _anniversary(question: Question, left: Sql, now: datetime) -> Sql:
    return calendars.has_anniversary(left, now, question.value)


def _window_sentence(question: Question, what: str) -> str:
    days = question.value
    patterns_said = {
        "within_days": ngettext(
            "%(what)s is within the last day", "%(what)s is within the last %(n)d days", days
        ),
        "not_within_days": ngettext(
            "%(what)s is not within the last day",
            "%(what)s is not within the last %(n)d days",
            days,
        ),
        "in_next_days": ngettext(
            "%(what)s is within the next day", "%(what)s is within the next %(n)d days", days
        ),
        "anniversary": ngettext(
            "the anniversary of %(what)s is today or tomorrow",
            "the anniversary of %(what)s is within the next %(n)d days",
            days,
        )
        if days
        else _("the anniversary of %(what)s is today"),
    }
    return patterns_said[question.op] % {"what": what, "n": days}


_ASK: Mapping[str, Callable[[Question, Sql, datetime], Sql]] = {
    "text": _text,
    "presence": _presence,
    "number": _number,
    "json_number": _number,
    "equal": _equal,
    "moment": _moment,
    "moment_presence": _moment_presence,
    "window": _window,
    "ahead": _ahead,
    "anniversary": _anniversary,
}
_TABLES: Mapping[str, Mapping[str, tuple[str, Any]]] = {
    "text": TEXT,
    "presence": PRESENCE,
    "number": NUMBER,
    "json_number": NUMBER,
    "equal": TEXT,
    "moment": MOMENT,
    "moment_presence": PRESENCE,
}
