"""Questions of free facts: one name in a jsonb column, whatever type its value has.

A list answers for its texts: one that fits is enough, and for a negation none may fit. An amount of
money answers as a number.
"""

import json
from datetime import datetime

from .base import Sql, wrap
from .operators import PRESENCE, Question

# PostgreSQL reads much else as a moment: “today”, “infinity”, 20260410.
_ISO = r"'^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?(Z|[+-]\d\d(:?\d\d)?))?)?$'"


def ask(question: Question, column: str, name: str, now: datetime) -> Sql:
    """Ask a question of one name; what is of another type does not match."""
    as_json, as_text = _json(column, name), _text(column, name)
    if question.family == "equal":
        return _equal(question, as_json, now)
    if question.family == "json_number":
        return question.sql(_number(as_json, as_text), now)
    if question.family == "anniversary":
        return question.sql(day(column, name), now)
    if question.family in ("moment", "window", "ahead"):
        return question.sql(moment(column, name), now)
    if question.family == "presence":
        return _presence(question, as_json, as_text)
    return _of_text(question, column, name, now)


def moment(column: str, name: str) -> Sql:
    """One name in a jsonb column as a moment, null where it is none."""
    return _read(column, name, "timestamptz")


def day(column: str, name: str) -> Sql:
    """One name in a jsonb column as a day, null where it is none."""
    return _read(column, name, "date")


def _json(column: str, name: str) -> Sql:
    return Sql(f"({column} -> %s)", (name,))


def _text(column: str, name: str) -> Sql:
    return Sql(f"({column} ->> %s)", (name,))


def _read(column: str, name: str, to: str) -> Sql:
    as_text = _text(column, name)
    looks = wrap("(CASE WHEN ", as_text, f" ~ {_ISO}")
    reads = wrap(" AND pg_input_is_valid(", as_text, f", '{to}') THEN ")
    return looks + reads + wrap("", as_text, f"::{to} END)")


def _number(as_json: Sql, as_text: Sql) -> Sql:
    plain = wrap("(CASE WHEN jsonb_typeof", as_json, " = 'number' THEN ")
    plain += wrap("", as_text, "::numeric")
    money = wrap(" WHEN jsonb_typeof(", as_json, " -> 'amount') = 'number' THEN (")
    return plain + money + wrap("", as_json, " ->> 'amount')::numeric END)")


def _equal(question: Question, as_json: Sql, now: datetime) -> Sql:
    positive = Question(question.family, "is", question.value)
    found = positive.sql(as_json, now)
    if not isinstance(question.value, bool):
        found = wrap("(", found, " OR ") + positive.sql(wrap("(", as_json, " -> 'amount')"), now)
        found += Sql(")")
    return found if question.op == "is" else wrap("NOT ", found)


def _presence(question: Question, as_json: Sql, as_text: Sql) -> Sql:
    """A list of nothing is unknown."""
    some = wrap("(coalesce(", as_text, f", '') {PRESENCE['known'][0]} AND ")
    some += wrap("", as_json, " <> '[]')")
    return some if question.op == "known" else wrap("NOT ", some)


def _of_text(question: Question, column: str, name: str, now: datetime) -> Sql:
    is_negative = question.op in ("is_not", "not_in")
    positive = {"is_not": "is", "not_in": "in"}.get(question.op, question.op)
    asked = Question("text", positive, question.value)
    if positive == "is":
        found = _is(asked, column, name, now)
    elif positive == "in":
        found = _in(asked, column, name, now)
    else:
        found = _any_entry(asked, column, name, now)
    return wrap("NOT ", found) if is_negative else found


def _is(asked: Question, column: str, name: str, now: datetime) -> Sql:
    """Containing is asked of the whole column, which costs less than taking the value out."""
    whole = asked.bare(_text(column, name), now)
    if str(asked.value).startswith("["):
        whole += _is_no_list(column, name)
    listed = json.dumps({name: [asked.value]}, ensure_ascii=False)
    entry = Sql(f" OR {column} @> %s::jsonb", (listed,))
    return wrap("((", whole + entry, ") IS TRUE)")


def _in(asked: Question, column: str, name: str, now: datetime) -> Sql:
    whole = wrap("(", asked.bare(_text(column, name), now) + _is_no_list(column, name), ")")
    is_list = wrap(" OR (jsonb_typeof", _json(column, name), " = 'array' AND ")
    entry = wrap("", _json(column, name), " ?| %s)")
    entries = Sql(entry.text, (*entry.params, list(asked.value)))
    return wrap("((", whole + is_list + entries, ") IS TRUE)")


def _is_no_list(column: str, name: str) -> Sql:
    return wrap(" AND jsonb_typeof", _json(column, name), " <> 'array'")


def _any_entry(asked: Question, column: str, name: str, now: datetime) -> Sql:
    as_json = _json(column, name)
    entries = wrap("EXISTS (SELECT FROM jsonb_array_elements", as_json, " AS e (one)")
    entry = asked.bare(Sql("(e.one #>> '{}')"), now)
    fits = wrap(" WHERE jsonb_typeof(e.one) = 'string' AND ", entry, ")")
    whole = asked.sql(_text(column, name), now)
    case = wrap("(CASE jsonb_typeof", as_json, " WHEN 'array' THEN ")
    return case + entries + fits + wrap(" ELSE ", whole, " END)")
