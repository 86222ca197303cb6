"""A template that is a row of passages prints without Jinja what Jinja would print."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.rendering import (
    Encoded,
    LinkContext,
    RenderError,
    compile_template,
    running,
    share,
    writing,
)
from crm.rendering.compiled import _HTML, _compile
from crm.rendering.running import Runnable

PEOPLE = ("{{ person.name }}", "{{ person.name|default_name }}", "{{ person.name|upper }}")
SHOP = '<a href="https://shop.example/{{ person.city }}">{{ person.city or "here" }}</a>'
FORK = (
    "{% if person.points > 500 %}gold{% elif person.city %}{{ person.city }}{% else %}-{% endif %}"
)
CARDS = '{% for p in products %}<a href="{{ p.url }}">{{ p.name }}</a>{% endfor %}'
DIFFERING = CARDS.replace("<a", "{% if p.name %}<a").replace(
    "/a>", '/a>{% endif %}<a href="{{ p.url }}?b">b</a>'
)
CARDS_OF_SOME = "{% if person.city %}<h2>Yours</h2>" + CARDS + "{% endif %}"
DATED = "{{ person.since|date }}{{ person['points'] + 1 }}{{ person.points|money('EUR') }}"
PARTS = (
    *PEOPLE,
    SHOP,
    FORK,
    CARDS,
    DIFFERING,
    CARDS_OF_SOME,
    DATED,
    "\n.dot\n",
    "{{ unsubscribe_url }}",
)

words = st.one_of(st.text(max_size=8), st.sampled_from(["Zoë", "<b>", "a\nb", ".x", "A & 'B'"]))
numbers = st.one_of(
    st.integers(-3, 1000), st.floats(-5, 5), st.booleans(), st.decimals(-5, 5, places=2)
)
moments = st.sampled_from(
    [
        datetime(2026, 4, 14, 23, 30, tzinfo=UTC),
        datetime(2026, 4, 14, 23, 30, tzinfo=timezone(timedelta(hours=9))),
        date(2026, 4, 15),
    ]
)
people = st.fixed_dictionaries(
    {"name": words, "city": st.one_of(st.none(), words), "points": numbers, "since": moments}
)
products = st.lists(st.fixed_dictionaries({"url": words, "name": words}), max_size=3)


def links(token: str = "tok", *, has_trap: bool = True) -> LinkContext:
    clicks = f"https://s.example/c/{token}/"
    return LinkContext(f"https://s.example/u/{token}", "#", "#", clicks, "https://o", has_trap)


def row_of(source: str) -> Runnable:
    """A part that has run often enough to be written as passages."""
    made = _compile(_HTML, source, "html")
    made._runs = running._BEGINS_AT - 1
    made._is_row()
    return made


def is_row(source: str) -> bool:
    return row_of(source)._texts is not None


def told(one: object) -> object:
    """A mail, or what is wrong with it."""
    if isinstance(one, RenderError):
        return (one.reason, one.message, one.line)
    assert isinstance(one, Encoded)
    return (one.subject, one.html.whole(), one.text)


def outcome(part: Runnable, known: dict[str, Any]) -> tuple[object, object]:
    """What a part prints as text and as bytes, or what is wrong."""
    try:
        return part.to_text(known, "html"), part.to_bytes(known, "html").whole()
    except RenderError as error:
        return (error.reason, error.message, error.line), ""


def both(source: str, **variables: Any) -> object:
    """What passages print; and that Jinja prints the same."""
    known = {"click_": "https://s.example/c/t/", **variables}
    made, plain = row_of(source), _compile.__wrapped__(_HTML, source, "html")
    plain._runs = running._BEGINS_AT  # never looked at as passages
    outcome(made, known)  # so that what is kept is used, too

    assert outcome(made, known) == outcome(plain, known)
    return outcome(made, known)[0]


@pytest.mark.parametrize("source", [*PARTS, "", "only words"])
def test_words_values_conditions_and_cards_are_a_row(source):
    assert is_row(source)


@pytest.mark.parametrize(
    "source",
    [
        "{% set x = person.name %}{{ x }}",
        "{% for p in products %}{{ loop.index }}{% endfor %}",
        "{% for p in products[:2] %}{{ p.name }}{% endfor %}",
        "{% macro m() %}x{% endmacro %}{{ m() }}",
    ],
)
def test_what_only_jinja_can_run_stays_with_it(source):
    assert not is_row(source)
    assert both(source, person={"name": "Li"}, products=[{"name": "Tea"}])


@pytest.mark.parametrize("source", PARTS)
def test_what_is_usual_is_written_without_running_the_template(source):
    made = row_of(source)
    person = {"name": "Li", "city": "Köln", "points": 3, "since": date(2026, 4, 15)}
    known = {
        "person": person,
        "products": [{"url": "u", "name": "Tea"}, {"url": "v", "name": ""}],
        "click_": "c",
    }

    assert made._texts.write(
        {**known, "unsubscribe_url": "w", "pixel_": "", "trap_": False}, made._context, "c"
    )


@settings(deadline=None, max_examples=20)
@given(st.lists(st.sampled_from(PARTS), max_size=6), st.lists(people, min_size=1), products)
def test_every_mail_is_what_jinja_would_print(parts, everybody, bought):
    template = compile_template(channel="email", html="<p>x</p>".join(parts), subject="s")
    shared = [share(dict(one)) for one in bought]
    items = [
        ({"person": one, "products": shared}, links(str(place), has_trap=bool(place % 2)))
        for place, one in enumerate(everybody)
    ]

    first = [told(one) for one in template.encode_many(items)]
    for part in (template._subject, template._tracked, template._text):
        part._runs = max(part._runs, running._BEGINS_AT - 1)
    again = [told(one) for one in template.encode_many(items)]
    _compile.cache_clear()
    compile_template.cache_clear()

    assert again == first


@pytest.mark.parametrize(
    ("first", "second"), [(1, True), (1, 1.0), (0.0, -0.0), (Decimal("1.0"), Decimal("1.00"))]
)
def test_values_that_are_equal_but_print_differently_are_told_apart(first, second):
    source = "{{ it|string }}"

    assert both(source, it=first) != both(source, it=second)


@pytest.mark.parametrize("person", [{}, {"points": None}, {"points": 3}, {"points": {}}])
def test_what_somebody_lacks_has_the_author_s_words(person):
    source = "{{ person.points|default(7)|string }}{{ person.points.of|default('-') }}"

    said = [both(source, person=each) for each in (person, {"points": None}, person)]

    assert said[0] == said[2]


def test_the_same_price_is_printed_for_each_reader():
    said = [
        both("{{ it|money }}{# reader #}", it=5, currency=currency, language=language)
        for currency, language in (("CNY", "en"), ("CNY", "zh"), ("EUR", "en"))
    ]

    assert said == ["CN¥5.00", "¥5.00", "€5.00"]


def test_what_was_worked_out_for_one_is_not_worked_out_again(monkeypatch):
    worked = []
    real = writing.Run.work_out
    monkeypatch.setattr(writing.Run, "work_out", lambda *given: worked.append(1) or real(*given))
    made = row_of("{{ name|upper }}, {{ name|upper|lower }}")

    said = [made.to_text({"name": name}, "html") for name in ("Li", "Ada", "Li", "Li")]

    assert said == ["LI, li", "ADA, ada", "LI, li", "LI, li"]
    assert len(worked) == 4


def test_no_more_is_kept_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(writing, "_MAX_KEPT", 10)
    made = row_of("{{ name|upper|title }}")

    said = [made.to_text({"name": f"n{number}"}, "html") for number in range(50)]

    assert said == [f"N{number}" for number in range(50)]
    assert sum(len(table) for kept in made._texts._kept.values() for table in kept) <= 10


def test_no_more_kinds_of_readers_are_kept_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(writing, "_MAX_READERS", 3)
    made = row_of("{{ name|upper|lower|upper }}")

    said = [made.to_text({"name": "x", "language": f"l{n}"}, "html") for n in range(20)]

    assert set(said) == {"X"}
    assert len(made._texts._kept) <= 3


@pytest.mark.parametrize(
    ("source", "variables"),
    [
        ("one\n{{ person.nam }}", {"person": {}}),
        ("one\n{{ nobody.name }}", {}),
        ("one\n{{ person }}", {"person": {"name": "Li"}}),
        ("one\n{{ person.name|no_list }}".replace("|no_list", "|upper"), {"person": {"name": []}}),
        ("one\n{% if person.nam %}x{% endif %}", {"person": {}}),
        ("one\n{% for p in person %}{{ p.x }}{% endfor %}", {"person": [{}]}),
    ],
)
def test_what_is_wrong_is_told_by_the_line_of_the_author(source, variables):
    made = row_of(source)

    with pytest.raises(RenderError) as caught:
        made.to_bytes(variables, "html")

    assert (caught.value.line, caught.value.part) == (2, "html")


@pytest.mark.parametrize("depth", [10, 20, 50, 90])
def test_conditions_within_conditions_print_the_same_however_deep(depth):
    source = "{% if a %}x" * depth + "{{ a }}" + "{% endif %}" * depth
    try:
        compile_template(channel="email", html=source)
    except RenderError:
        return  # too deep for Jinja itself, which says so at once

    assert both(source, a=1) == "x" * depth + "1"


@pytest.mark.parametrize("name", ['a"]; raise SystemExit #', "a\nraise SystemExit", "known1", "'"])
def test_no_name_of_an_author_is_part_of_what_runs(name):
    source = "{{ it[" + repr(name) + "] }}{% if it[" + repr(name) + "] %}yes{% endif %}"

    assert is_row(source)
    assert both(source, it={name: 7}) == "7yes"


@pytest.mark.parametrize(("count", "is_worth_it"), [(2_000, True), (2_001, False)])
def test_a_template_of_very_many_passages_stays_with_jinja(count, is_worth_it):
    source = "{{ a }}" * count

    assert is_row(source) == is_worth_it
    assert both(source, a=1) == "1" * count


def test_what_cannot_be_read_as_a_row_runs_as_it_is():
    made = _compile.__wrapped__(_HTML, "{{ a }}{{ a|upper }}", "html")
    made._read = _too_deep

    assert [made.to_text({"a": "x"}, "html") for _ in range(5)] == ["xX"] * 5
    assert made._texts is None


def _too_deep():
    raise RecursionError


def test_a_mail_beyond_all_measure_is_refused():
    made = row_of("{{ it }}{{ it }}")

    with pytest.raises(RenderError):
        made.to_text({"it": "x" * 600_000}, "html")
