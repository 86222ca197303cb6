"""Amounts, days, counts and names as the person reads them, whatever the data hold."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from crm.rendering import LinkContext, RenderError, compile_template


def said(source, **variables):
    made = compile_template(channel="sms", text=source)
    return made.render(variables=variables, links=LinkContext("#", "#")).text


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (Decimal("2.665"), "EUR", "€2.67"),
        (Decimal("-2.665"), "EUR", "-€2.67"),
        (Decimal("-0.001"), "EUR", "€0.00"),
        (Decimal("0.5"), "JPY", "¥1"),
        (Decimal("1.2345"), "KWD", "KWD 1.235"),
        (1000, "XOF", "XOF 1,000"),
    ],
)
def test_amounts_are_rounded_as_shops_do_to_what_the_currency_has(amount, currency, written):
    assert said("{{ a|money(c) }}", a=amount, c=currency) == written


@pytest.mark.parametrize(
    ("language", "amount", "day", "weekday"),
    [
        ("en", "€1,234.50", "14 April 2026", "Tuesday"),
        ("zh-hans", "€1,234.50", "2026年4月14日", "星期二"),
        ("de", "1.234,50\u00a0€", "14. April 2026", "Dienstag"),
        ("de-at", "1.234,50\u00a0€", "14. April 2026", "Dienstag"),
        ("pt-br", "€1.234,50", "14 de Abril de 2026", "Terça-feira"),
        ("fr", "1\u00a0234,50\u00a0€", "14 avril 2026", "mardi"),
        ("ar", "€1.234,50", "14 إبريل، 2026", "الثلاثاء"),
        ("ja", "€1,234.50", "2026年4月14日", "火曜日"),
        ("tlh", "€1,234.50", "14 April 2026", "Tuesday"),
    ],
)
def test_a_reader_of_another_language_reads_its_own(language, amount, day, weekday):
    found = said(
        "{{ a|money('EUR') }}|{{ d|date }}|{{ d|weekday }}",
        a=1234.5,
        d=date(2026, 4, 14),
        language=language,
    )

    assert found == f"{amount}|{day}|{weekday}"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("1990-04-01", "1 April 1990"),
        (" 2026-03-29T01:30:00Z ", "29 March 2026, 03:30"),
        ("2026-03-29T00:30:00+00:00", "29 March 2026, 01:30"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "25 October 2026, 02:30"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "25 October 2026, 02:30"),
    ],
)
def test_days_of_free_facts_are_texts_and_clocks_change(value, written):
    assert said("{{ d|datetime }}", d=value, timezone="Europe/Berlin") == written


@pytest.mark.parametrize(
    ("value", "zone", "why"),
    [
        (None, "UTC", "None is not a day"),
        ("soon", "UTC", "'soon' is not a day"),
        (datetime(2026, 4, 14, tzinfo=UTC), "Mars/Base", "'Mars/Base' is not a time zone"),
    ],
)
def test_what_is_no_day_is_said_to_be_none(value, zone, why):
    with pytest.raises(RenderError, match=why):
        said("{{ d|date }}", d=value, timezone=zone)


def test_who_has_no_time_zone_reads_universal_time():
    moment = datetime(2026, 4, 14, 12, tzinfo=UTC)

    assert said("{{ d|datetime }}", d=moment, timezone="") == "14 April 2026, 12:00"


@pytest.mark.parametrize(
    ("language", "words", "chosen"),
    [
        ("en", ["one", "many"], {0: "many", 1: "one", 2: "many", 21: "many"}),
        ("fr", ["un", "des"], {0: "un", 1: "un", 1.5: "un", 2: "des"}),
        ("ru", ["a", "b", "c"], {1: "a", 2: "b", 5: "c", 11: "c", 12: "c", 21: "a", 22: "b"}),
        ("pl", ["a", "b", "c"], {1: "a", 2: "b", 5: "c", 21: "c", 22: "b", 112: "c"}),
        ("cs", ["a", "b", "c"], {1: "a", 4: "b", 5: "c", 22: "c"}),
        ("sl", ["a", "b", "c", "d"], {1: "a", 102: "b", 3: "c", 5: "d"}),
        ("lt", ["a", "b", "c"], {1: "a", 11: "c", 2: "b", 20: "c", 21: "a"}),
        ("lv", ["a", "b", "c"], {0: "a", 1: "b", 11: "a", 21: "b", 2: "c"}),
        ("ro", ["a", "b", "c"], {1: "a", 0: "b", 19: "b", 20: "c", 101: "b"}),
        ("ar", list("abcdef"), {0: "a", 1: "b", 2: "c", 3: "d", 11: "e", 100: "f", 103: "d"}),
        ("en", ["a", "b", "c"], {1: "a", 2: "c"}),
    ],
)
def test_a_count_has_the_word_of_its_language(language, words, chosen):
    source = "{{ n|plural(" + ", ".join(map(repr, words)) + ") }}"

    found = {count: said(source, n=count, language=language) for count in chosen}

    assert found == chosen
    assert said("{{ 2|plural('заказ', 'заказа', 'заказов', language='ru') }}") == "заказа"


@pytest.mark.parametrize("name", ["", "  ", "null", "NULL", "N/A", "-", "\u200b \ufeff", None])
def test_what_is_no_name_is_no_name_to_greet_by(name):
    assert said("{{ n|default_name }}", n=name) == "there"


@pytest.mark.parametrize("name", ["Nan", "Nil", "Na", "🌸", "O", "\u200bAnn\u200b"])
def test_a_short_name_is_one(name):
    assert said("{{ n|default_name }}", n=name) == name.strip("\u200b")


FAMILY, FLAG, ACCENT = "👨‍👩‍👧‍👦", "🇩🇪", "e\u0301"


@pytest.mark.parametrize(
    ("text", "length", "cut"),
    [
        (FAMILY * 3, 15, FAMILY + "..."),
        (FLAG * 6, 6, FLAG + "..."),
        (ACCENT * 9, 8, ACCENT * 2 + "..."),
        ("👍🏽" * 9, 6, "👍🏽..."),
        ("One two three four", 10, "One..."),
        ("Eight", 3, "Eight"),
    ],
)
def test_no_sign_is_torn_where_a_text_is_cut(text, length, cut):
    assert said("{{ t|truncate(n) }}", t=text, n=length) == cut


def test_a_text_cannot_be_cut_shorter_than_what_shows_it():
    with pytest.raises(RenderError, match="at least 3 characters"):
        said("{{ 'abcdefghij'|truncate(2) }}")
