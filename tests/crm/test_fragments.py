"""What a loop prints for everybody alike is printed once, and no mail can tell the difference."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.rendering import LinkContext, RenderError, compile_template, fragments, share
from crm.rendering.compiled import _HTML, _compile

CARD = '<a href="{{ p.url }}?a=1">{{ p.name }}</a><b>{{ p.price|money(c) }}</b>'
LOOP = "{% for p in products %}" + CARD + "{% endfor %}"


def links(token: str = "tok") -> LinkContext:
    return LinkContext("https://s.example/u/1", "#", "#", f"https://s.example/c/{token}/", "")


def loops(source: str) -> list[fragments.Loop]:
    return _compile(_HTML, source, "html")._loops


def mail(html: str, **variables: Any) -> str:
    return (
        compile_template(channel="email", html=html).render(variables=variables, links=links()).html
    )


def encoded(html: str, **variables: Any) -> str:
    made = compile_template(channel="email", html=html).encode(variables=variables, links=links())
    return made.html.whole().decode().replace("\r\n", "\n")


def product(name: str = "Tea", price: object = 5.0) -> dict[str, Any]:
    return {"url": "https://shop.example/p", "name": name, "price": price}


@pytest.mark.parametrize(
    "body",
    [
        CARD,
        "{{ p }}",
        "{% if p.price > 3 %}{{ p.name|upper }}{% else %}-{% endif %}",
        "{{ p.name }} {{ customer.city }}",
        "{{ p['name'] ~ '!' }}",
    ],
)
def test_a_body_that_reads_its_item_and_plain_values_is_taken_out(body):
    assert len(loops("{% for p in products %}" + body + "{% endfor %}")) == 1


@pytest.mark.parametrize(
    "source",
    [
        "{% for p in ps %}{{ loop.index }}{% endfor %}",
        "{% for p in ps %}{{ p.name.upper() }}{% endfor %}",
        "{% for p in ps if p %}{{ p }}{% endfor %}",
        "{% for p in ps %}{{ p }}{% else %}none{% endfor %}",
        "{% for p in ps %}{% for q in p.parts %}{{ q }}{% endfor %}{% endfor %}",
        "{% set x = 1 %}{% for p in ps %}{{ p }}{{ x }}{% endfor %}",
        "{% macro m() %}{% for p in ps %}{{ p }}{% endfor %}{% endmacro %}{{ m() }}",
        "{% for a, b in ps %}{{ a }}{% endfor %}",
    ],
)
def test_what_may_differ_from_turn_to_turn_or_mail_to_mail_stays(source):
    assert loops(source) == []


def test_the_inner_loop_of_two_is_not_shared_where_it_reads_the_outer():
    source = "{% for a in rows %}{% for b in a.parts %}{{ a.name }}{{ b }}{% endfor %}{% endfor %}"

    assert loops(source) == []
    assert mail(source, rows=[{"name": "x", "parts": [1, 2]}, {"name": "y", "parts": [3]}]) == (
        "x1x2y3"
    )


def test_a_turn_is_printed_once_and_each_mail_has_its_own_links(monkeypatch):
    printed = []
    real = fragments._render
    monkeypatch.setattr(fragments, "_render", lambda *args: printed.append(1) or real(*args))
    html = "<p>once</p>" + LOOP
    template = compile_template(channel="email", html=html)
    products = [product("Tea"), product("Cake"), product("Tea")]

    mails = [
        template.render(variables={"products": products, "c": "EUR"}, links=links(token)).html
        for token in ("one", "two")
    ]

    assert len(printed) == 4  # two kinds of product in HTML and in text, whoever gets them
    assert re.findall(r"/c/(\w+)/(\d+)", mails[0]) == [
        ("one", "1"),
        ("one", "1001"),
        ("one", "2001"),
    ]
    assert re.findall(r"/c/(\w+)/(\d+)", mails[1]) == [
        ("two", "1"),
        ("two", "1001"),
        ("two", "2001"),
    ]


@pytest.mark.parametrize(
    ("first", "second", "printed"),
    [
        (1, 1.0, ["1", "1.0"]),
        (1, True, ["1", "True"]),
        (Decimal("1.0"), Decimal("1.00"), ["1.0", "1.00"]),
        ("a", "b", ["a", "b"]),
        (None, "", ["", ""]),
    ],
)
def test_values_that_are_equal_but_print_differently_are_told_apart(first, second, printed):
    source = "<i></i>{% for p in products %}[{{ p.v }}]{% endfor %}"

    got = [mail(source, products=[{"v": value}]) for value in (first, second)]

    assert [one.removeprefix("<i></i>") for one in got] == [f"[{one}]" for one in printed]


@pytest.mark.parametrize("values", [(1, True, 1.0), (True, 1), (0.0, -0.0, 0, False), (-0.0, 0.0)])
@pytest.mark.parametrize("reads", ["{{ p.price }}", "{{ p.name and c }}"])
def test_no_reader_sees_what_was_printed_for_an_equal_value_of_another(values, reads):
    html = "{% for p in products %}" + reads + ",{% endfor %}"

    for _ in range(2):
        printed = [mail(html, products=[share(product("Tea", one))], c=one) for one in values]

        assert printed == [f"{one}," for one in values]


def test_what_the_reader_speaks_and_pays_in_is_part_of_what_is_shared():
    source = "{% for p in products %}{{ p.price|money }}{% endfor %}{# reader #}"
    products = [product()]

    said = [
        mail(source, products=products, currency=currency, language=language)
        for currency, language in (("CNY", "en"), ("CNY", "zh"), ("EUR", "en"))
    ]

    assert said == ["CN¥5.00", "¥5.00", "€5.00"]


def test_a_moment_is_printed_for_its_own_reader():
    source = "{% for p in products %}{{ p.at|datetime }}{% endfor %}"
    moment = datetime(2026, 4, 14, 23, 30, tzinfo=UTC)

    said = [
        mail(source, products=[{"at": moment}], timezone=zone) for zone in ("UTC", "Asia/Tokyo")
    ]

    assert said == ["14 April 2026, 23:30", "15 April 2026, 08:30"]


def test_an_item_that_lacks_a_field_is_an_error_in_the_author_s_line():
    with pytest.raises(RenderError) as caught:
        mail("<p>\n</p>{% for p in products %}{{ p.name }}{% endfor %}", products=[{"x": 1}])

    assert caught.value.reason == "undefined"
    assert caught.value.line == 2


def test_a_name_that_looks_like_a_token_stays_a_name():
    look_alike = "\ue010c\ue011\ue0103\ue011"

    assert look_alike in mail(LOOP, products=[product(look_alike)], c="EUR")


def test_what_is_shared_is_known_by_itself(monkeypatch):
    shared = share(product("Oolong"))
    template = compile_template(channel="email", html="<u></u>" + LOOP)
    variables = {"products": [shared], "c": "EUR"}
    first = template.encode(variables=variables, links=links()).html.whole()

    monkeypatch.setattr(fragments, "_known_by_content", None)

    assert template.encode(variables=variables, links=links()).html.whole() == first


_NAMES = st.text(max_size=12)
_PRICES = st.one_of(
    st.integers(-5, 5), st.floats(-5, 5), st.sampled_from([True, None, Decimal("1.50")]), _NAMES
)
_TEMPLATE = (
    "Hi {{ n }}{% if many %}{% for p in products %}\n.<a href='{{ p.url }}'>{{ p.name|upper }}</a>"
    "{% if p.price %}{{ p.price }}{% endif %}{{ n }}{% endfor %}{% endif %}"
)


@given(st.lists(st.builds(product, name=_NAMES, price=_PRICES), max_size=4), _NAMES, st.booleans())
def test_a_mail_reads_the_same_as_text_as_bytes_and_without_sharing(products, n, many):
    variables = {"products": products, "n": n, "many": many}
    # The same template with something in its loop that keeps it from being shared.
    plain = _TEMPLATE.replace("\n.<a", "\n.{% set _x = 1 %}<a".replace("_x", "x"))

    shared = mail(_TEMPLATE, **variables)

    assert not loops(plain)
    assert shared == mail(plain, **variables)
    assert encoded(_TEMPLATE, **variables) == re.sub("\r\n?", "\n", shared).replace("\0", "")
