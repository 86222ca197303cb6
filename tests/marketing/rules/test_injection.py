"""Hostile texts in every place of every kind of rule: refused, or just what they say."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import translation

from crm.models import Customer
from marketing.rules import (
    RuleError,
    compile_rules,
    crossed,
    estimating,
    explain,
    holds,
    read,
    validate,
)
from marketing.rules.patterns import pattern
from tests.crm import hostile
from tests.marketing.oracle_values import text as says

NOW = datetime(2026, 4, 14, 12, 0, tzinfo=UTC)
IS_LONG = bool(os.environ.get("RAPPORT_LONG"))
# In the suite every so manieth text goes everywhere; where all are promised, each does.
EVERY = 1 if IS_LONG else 12
PLAIN = "gold"
UNREADABLE = ("\x00", "a\x00b", "\ud800", "x\udfff", "\ud83d", "")

Slot = Callable[[Any], dict[str, Any]]
TEXT_OPS = ("is", "is_not", "contains", "starts_with", "matches")
LIST_OPS = ("in", "not_in")


def _question(base: dict[str, Any], op: str) -> Slot:
    return lambda text: {**base, "op": op, "value": [text, PLAIN] if op in LIST_OPS else text}


def _open() -> Iterator[Slot]:
    """Where any text may stand."""
    for op in (*TEXT_OPS, *LIST_OPS):
        for base in ({"field": "city"}, {"attribute": "note"}, {"company": "name"}):
            yield _question(base, op)
        ask = _question({"property": "note"}, op)
        yield lambda text, ask=ask: {"event": "a.b", "where": [ask(text)]}
        yield lambda text, ask=ask: {
            **{"event_figure": "sum", "of": "a.b", "property": "x", "op": "is", "value": 1},
            "where": [ask(text)],
        }
    for op, value in (("known", None), ("at_least", 1), ("within_days", 3), ("anniversary", 3)):
        more = {"op": op} if value is None else {"op": op, "value": value}
        yield lambda text, more=more: {"attribute": text, **more}
    yield lambda text: {"attribute": text, "op": "in", "value": [text]}
    yield lambda text: {"event": text}
    yield lambda text: {"event": text, "at_least": 2, "within_days": 9}
    yield lambda text: {"event": text, "at_most": 0, "since": "2026-01-01"}
    yield lambda text: {"event": "a.b", "where": [{"property": text, "op": "is", "value": text}]}
    figure = {"op": "is", "value": 1}
    yield lambda text: {"event_figure": "first", "of": text, "property": "x", **figure}
    yield lambda text: {"event_figure": "average", "of": "a.b", "property": text, **figure}
    yield lambda text: {"sequence": [text, "a.b"], "days": 3}
    yield lambda text: {"sequence": ["a.b", text], "days": 3}
    yield lambda text: {"insight": text, "within_days": 3}
    for by in ("product", "category", "brand"):
        yield lambda text, by=by: {"bought": by, "value": [text]}
        yield lambda text, by=by: {"bought": by, "value": [PLAIN, text], "at_least": 2}


def _closed() -> Iterator[Slot]:
    """Where only words and numbers of ours may stand."""
    yield lambda text: {"field": text, "op": "is", "value": "x"}
    yield lambda text: {"field": "city", "op": text, "value": "x"}
    yield lambda text: {"attribute": "note", "op": text, "value": "x"}
    for op in ("at_least", "within_days", "in_next_days", "anniversary", "before", "after"):
        yield lambda text, op=op: {"attribute": "note", "op": op, "value": text}
    yield lambda text: {"identity": text}
    yield lambda text: {"identity": "email", "op": text}
    yield lambda text: {"share": text}
    yield lambda text: {"share": 1, "from": text}
    yield lambda text: {"consent": text, "channel": "email"}
    yield lambda text: {"consent": "granted", "channel": text}
    yield lambda text: {"consent": "granted", "channel": "email", "purpose": text}
    yield lambda text: {"reach": text}
    yield lambda text: {"suppressed": text}
    yield lambda text: {"suppressed": "sms", "reason": text}
    for key in ("at_least", "at_most", "within_days", "since", "until", "where"):
        yield lambda text, key=key: {"event": "a.b", key: text}
    yield lambda text: {"event": "a.b", "where": [text]}
    yield lambda text: {"orders": text, "op": "is", "value": 1}
    yield lambda text: {"orders": "count", "op": text, "value": 1}
    yield lambda text: {"orders": "count", "op": "is", "value": text}
    yield lambda text: {"bought": text, "value": ["x"]}
    yield lambda text: {"bought": "brand", "value": ["x"], "at_least": text}
    yield lambda text: {"score": text, "op": "is", "value": 1}
    yield lambda text: {"score": "buys_90_days", "op": "is", "value": text}
    yield lambda text: {"cluster": [text]}
    yield lambda text: {"segment": text}
    yield lambda text: {"segment": 1, "op": text}
    yield lambda text: {"message": text}
    yield lambda text: {"message": "sent", "channel": text}
    yield lambda text: {"company": text, "op": "is", "value": "x"}
    yield lambda text: {"event_figure": text, "of": "a", "property": "b", "op": "is", "value": 1}
    yield lambda text: {"sequence": ["a", "b"], "days": text}
    yield lambda text: {"campaign": text, "fate": "sent"}
    yield lambda text: {"campaign": 1, "fate": text}
    yield lambda text: {"campaign": 1, "fate": "sent", "step": text}
    yield lambda text: {text: "x"}
    yield lambda text: {"reach": "email", text: 1}
    yield lambda text: {"all": text}
    yield lambda text: text


OPEN, CLOSED = list(_open()), list(_closed())
# Words that are ours after all, and dates.
OURS = {"any", "email", "sms", "1"}


def whole(*conditions: Any) -> dict[str, Any]:
    return {"version": 1, "all": list(conditions)}


def taken(condition: Any) -> bool:
    """Whether a condition is taken; what refuses it can be shown and written down."""
    refused = ""
    try:
        validate(rules=whole(condition))
    except RuleError as error:
        refused = str(error)
    assert refused.encode("utf-8").count(b"\0") == 0
    return not refused


@pytest.fixture
def texts(shared_corpora: Path) -> list[str]:
    found = hostile.texts(shared_corpora)
    assert len(found) > 1_400
    return found


@pytest.fixture
def _no_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimating, "estimate", lambda **_: estimating.Estimate(1, 1))


def shape(condition: dict[str, Any]) -> str:
    """The statement without its values."""
    return compile_rules(rules=whole(condition), now=NOW).sql


@pytest.mark.django_db
@pytest.mark.usefixtures("_no_estimates")
def test_no_text_is_ever_part_of_a_statement(texts: list[str]) -> None:
    plain = {number: shape(slot(PLAIN)) for number, slot in enumerate(OPEN)}
    # A text that could be a whole list asks besides whether the value is one.
    listed = {
        number: shape(slot("[gold"))
        for number, slot in enumerate(OPEN)
        if "matches" not in json.dumps(slot(PLAIN))
    }

    for text in texts[::EVERY]:
        for number, slot in enumerate(OPEN):
            if taken(slot(text)):
                is_listed = text.startswith("[")
                expected = listed.get(number, plain[number]) if is_listed else plain[number]
                assert shape(slot(text)) == expected, (text, number)


@pytest.mark.django_db
@pytest.mark.usefixtures("_no_estimates")
def test_every_text_is_run_in_every_place(texts: list[str]) -> None:
    Customer.objects.create(attributes={"note": PLAIN}, city=PLAIN, created_at=NOW)
    refused = 0

    for text in texts[::EVERY]:
        asked = [slot(text) for slot in OPEN if taken(slot(text))]
        refused += len(OPEN) - len(asked)
        if not asked:
            continue
        rules = {"version": 1, "any": asked}
        compiled = compile_rules(rules=rules, now=NOW)
        clock = crossed(rules=rules, since=NOW, until=NOW + timedelta(hours=1))
        assert clock is not None
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(compiled.sql, compiled.params)
            everybody = {pk for (pk,) in cursor.fetchall()}
            test = holds(rules=rules, now=NOW)
            cursor.execute(f"SELECT c.id FROM crm_customer c WHERE {test.text}", test.params)
            assert {pk for (pk,) in cursor.fetchall()} == everybody
            cursor.execute(clock.text, clock.params)
        for language in ("en", "zh-hans"):
            with translation.override(language):
                assert f"“{text}”" in explain(rules=rules)

    # Long texts, and most that are no patterns.
    assert refused < len(texts[::EVERY]) * len(OPEN) / 4


def test_where_words_of_ours_belong_no_other_is_taken(texts: list[str]) -> None:
    for text in [*texts, *UNREADABLE]:
        if text in OURS:
            continue
        for slot in CLOSED:
            assert not taken(slot(text)), (text, slot(text))


def test_a_text_that_cannot_be_kept_is_refused_everywhere() -> None:
    for text in UNREADABLE:
        for slot in OPEN:
            assert not taken(slot(text)), (text, slot(text))


@pytest.mark.django_db
@pytest.mark.usefixtures("_no_estimates")
def test_whoever_has_a_text_is_found_by_it(texts: list[str]) -> None:
    kept = sorted({text for text in texts if hostile.storable(text) and len(text) <= 500})
    people = Customer.objects.bulk_create(
        Customer(attributes={"note": text, text: "key"}, city=text[:100], created_at=NOW)
        for text in kept
    )
    having = {one.pk: text for one, text in zip(people, kept, strict=True)}
    asked = kept[::EVERY]

    def found(condition: dict[str, Any]) -> set[int]:
        compiled = compile_rules(rules=whole(condition), now=NOW)
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, compiled.params)
            return {pk for (pk,) in cursor.fetchall()}

    for text in asked:
        for op in ("is", "contains", "starts_with"):
            question = {"op": op, "value": text}
            expected = {pk for pk, held in having.items() if says(question, held)}
            assert expected
            assert found({"attribute": "note", **question}) == expected, (op, text)
        assert found({"attribute": text, "op": "known"}) == {
            pk for pk, held in having.items() if text in (held, "note")
        } | (set(having) if text == "note" else set())
    everybody = set(having)
    assert found({"attribute": "note", "op": "in", "value": kept[:1000]}) == {
        pk for pk, held in having.items() if held in kept[:1000]
    }
    assert found({"attribute": "note", "op": "not_in", "value": kept[:1000]}) == {
        pk for pk in everybody if having[pk] not in kept[:1000]
    }


HARD = [
    *(".{50}" * 20, ".{0,50}" * 14, "(.{0,50}|.{0,50})" * 5, "[ -\U0010ffff]" * 20),
    *(r"[\w\W]{50}" * 10, "(a|b|.)*a.{50}b.{50}c.{50}d", ".*a.{50}b.*a.{50}c", ".*" * 33 + "x"),
    *("(a|aa)a*a*a*a*a*a*a*a*a*a*a*a*b", "a?" * 25 + "a" * 50, "(" + "." * 90 + "){50}"),
    *("(" + "." * 43 + "){50}(" + "." * 42 + "){50}", r"(\w|\d|\s|.){50}" * 6),
    *("(((((((((.|.)|.)|.)|.)|.)|.)|.)|.)|.){50}x", "[^上]{0,50}" * 10, "(x|y|[^z]){1,50}z" * 5),
]


@pytest.mark.django_db
@pytest.mark.parametrize("hard", HARD, ids=range(len(HARD)))
def test_a_pattern_that_is_taken_is_quick_on_long_texts(hard: str) -> None:
    pattern(hard, "here")
    Customer.objects.bulk_create(
        Customer(attributes={"note": note}, created_at=NOW)
        for note in ("a" * 5_000, "ab" * 2_500, "ba" * 2_500 + "!", "上" * 5_000)
    )
    compiled = compile_rules(
        rules=whole({"attribute": "note", "op": "matches", "value": hard}), now=NOW
    )

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '5s'")
        cursor.execute(compiled.sql, compiled.params)
        cursor.fetchall()


@pytest.mark.django_db
def test_many_dear_patterns_end_with_the_time_limit() -> None:
    Customer.objects.bulk_create(
        Customer(attributes={"note": "ab" * 50_000 + str(n)}, created_at=NOW) for n in range(50)
    )
    dear = [
        {"attribute": "note", "op": "matches", "value": f"a.{{50}}b.{{50}}{n}x"} for n in range(90)
    ]
    compiled = compile_rules(rules={"version": 1, "any": dear}, now=NOW)

    started = datetime.now(UTC)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '300ms'")
        with pytest.raises(DatabaseError, match="timeout"), transaction.atomic():
            cursor.execute(compiled.sql, compiled.params)

    assert datetime.now(UTC) - started < timedelta(seconds=10)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        '{"version": 1, "all": [NaN]}',
        '{"version": 1, "all": [Infinity]}',
        "1" * 5_000,
        "[" * 200_000,
        '{"a":' * 200_000,
        r'{"version": 1, "all": [{"reach": "\u0000"}]}',
        r'{"version": 1, "\u0000": 1}',
        r'{"version": 1, "all": [["\ud800"]]}',
    ],
    ids=range(11),
)
def test_what_is_no_json_that_can_be_kept_is_refused(text: str) -> None:
    with pytest.raises(RuleError):
        read(text=text)
