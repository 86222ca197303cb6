"""What goes wrong with passages by our fault stops no mail, and is seen."""

from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest

from crm.rendering import RenderError, limits, noticed, running, writing
from crm.rendering.compiled import _HTML, _compile
from crm.rendering.running import Runnable

SOURCE = "one\n<p>{{ name|upper }} of {{ city }}</p>"
ADA = {"name": "Ada", "city": "Köln"}
RIGHT = "one\n<p>ADA of Köln</p>"


def row_of(source: str) -> Runnable:
    """A part that is written as passages, and was never used."""
    made: Runnable = _compile.__wrapped__(_HTML, source, "html")
    made._runs = running._BEGINS_AT
    made._become_a_row()
    return made


def failing(error: Exception) -> Any:
    def fail(*_: object) -> NoReturn:
        raise error

    return fail


def break_a_passage(made: Runnable, error: Exception) -> None:
    """What makes the passages one row fails."""
    for writer in (made._texts, made._bytes):
        assert isinstance(writer, writing.Writer)
        writer._pieces = failing(error)


@pytest.mark.parametrize("error", [ZeroDivisionError("Ada"), KeyError("Ada"), TypeError("Ada")])
def test_a_fault_in_a_passage_is_logged_once_and_every_mail_is_right(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    made = row_of(SOURCE)
    break_a_passage(made, error)

    with noticed() as slow:
        mails = [made.to_text(ADA, "html"), made.to_bytes(ADA, "html").whole().decode()]
        mails += [made.to_text(ADA, "html") for _ in range(3)]

    assert {mail.replace("\r\n", "\n") for mail in mails} == {RIGHT}
    assert slow == {type(error).__name__: 5}
    (record,) = caplog.records
    line = record.getMessage()
    assert f"slow way (html): {type(error).__name__}" in line
    assert "writing.py" in line  # where in our code
    assert "Ada" not in line


def test_an_expression_that_fails_in_passages_alone_is_told_by_its_line(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = row_of(SOURCE)
    forgetful = property(lambda run: run._make({"city": "Köln"}))
    monkeypatch.setattr(writing.Run, "context", forgetful)

    with noticed() as slow:
        mail = made.to_text(ADA, "html")

    assert mail == RIGHT
    assert slow == {"UndefinedError": 1}
    assert "slow way (html, line 2): UndefinedError" in caplog.records[0].getMessage()


@pytest.mark.parametrize(
    ("source", "variables"),
    [
        ("{{ person.nam }}", {"person": {}}),
        ("{{ nobody.name }}", {}),
        ("{{ person }}", {"person": {}}),
        ("{{ 1 // person }}", {"person": 0}),
        ("{{ person|round }}", {"person": "Ada"}),
        ("{{ person|date }}", {"person": "Ada"}),
        ("{% if person.nam %}x{% endif %}", {"person": {}}),
        ("{% for p in person %}{{ p.x }}{% endfor %}", {"person": 1}),
        ("{% for p in person %}{{ p.x }}{% endfor %}", {"person": [{}]}),
        ("{{ person }}{{ person }}", {"person": "x" * 600_000}),
    ],
)
def test_what_the_data_cause_fails_that_mail_and_is_no_fault_of_ours(
    caplog: pytest.LogCaptureFixture, source: str, variables: dict[str, Any]
) -> None:
    made = row_of(source)

    with noticed() as slow, pytest.raises(RenderError):
        made.to_text(variables, "html")

    assert not slow
    assert not caplog.records


@pytest.mark.parametrize(
    ("source", "known", "printed"),
    [
        ("{{ since.year }}", {"since": datetime(2026, 4, 14, tzinfo=UTC)}, "2026"),
        ("{% if since %}x{% endif %}", {"since": datetime(2026, 4, 14, tzinfo=UTC)}, "x"),
        ("{% if a.items %}x{% endif %}", {"a": {}}, "x"),
        ("{{ a }}", {"a": "x", "language": 7}, "x"),
        ("{{ a }}", {"a": "é" * 600_000}, "é" * 600_000),
    ],
)
def test_data_that_only_jinja_reads_are_no_fault_of_ours(
    caplog: pytest.LogCaptureFixture, source: str, known: dict[str, Any], printed: str
) -> None:
    made = row_of(source)

    with noticed() as slow:
        assert made.to_bytes(known, "html").whole().decode() == printed

    assert not slow
    assert not caplog.records


def test_passages_that_cannot_be_read_by_our_fault_are_told_of_with_every_mail(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made: Runnable = _compile.__wrapped__(_HTML, SOURCE, "html")
    made._read = failing(AttributeError("Ada"))

    with noticed() as slow:
        mails = {made.to_text(ADA, "html") for _ in range(5)}

    assert mails == {RIGHT}
    assert slow == {"AttributeError": 3}  # the first two were not to be passages
    assert [record.getMessage().count("Ada") for record in caplog.records] == [0]
    assert isinstance(made._texts, running._Unreadable)
    assert made._texts._error.__traceback__ is None


def test_what_is_nested_too_deeply_for_passages_is_no_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for error in (RecursionError(), RenderError("failed", "deep"), RenderError("too_big", "big")):
        made: Runnable = _compile.__wrapped__(_HTML, SOURCE, "html")
        made._read = failing(error)

        assert {made.to_text(ADA, "html") for _ in range(5)} == {RIGHT}

    assert not caplog.records


def test_the_mail_that_passages_are_read_with_is_not_late_for_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]
    monkeypatch.setattr(limits, "_clock", lambda: clock[0])
    made: Runnable = _compile.__wrapped__(_HTML, SOURCE, "html")
    read = made._read

    def read_slowly() -> running.Row | None:
        clock[0] += 10 * limits.MAX_SECONDS
        return read()

    made._read = read_slowly
    with limits.budget():
        assert {made.to_text(ADA, "html") for _ in range(4)} == {RIGHT}
        assert isinstance(made._texts, writing.Writer)

        clock[0] += 1.1 * limits.MAX_SECONDS
        with pytest.raises(RenderError):
            limits.check_time()


def test_whoever_looks_inside_sees_only_what_happened_inside() -> None:
    made = row_of(SOURCE)
    break_a_passage(made, ZeroDivisionError())

    with noticed() as outer:
        with noticed() as inner:
            made.to_text(ADA, "html")
        made.to_text(ADA, "html")
    made.to_text(ADA, "html")

    assert (inner, outer) == ({"ZeroDivisionError": 1}, {"ZeroDivisionError": 1})
