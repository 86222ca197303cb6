"""Snippets are put into templates: included, imported and extended, by name and line."""

import json

import pytest

from crm.rendering import LinkContext, Parts, RenderError, check_snippet, compile_template, make
from crm.rendering.assembling import MAX_INCLUSIONS, assemble

LINKS = LinkContext("https://s.example/u", "https://s.example/p")
SNIPPETS = {
    "footer": "{% set year = 2026 %}<p>{{ shop }}, {{ year }}</p>\n",
    "layout": "<html>{% block head %}Head{% endblock %}\n<body>"
    '{% block body required %}{% endblock %}{% include "footer" %}</body></html>',
    "middle": '{% extends "layout" %}{% block head %}[{{ super() }}]{% endblock %}',
    "cards": "not shown {% macro card(name, big=false) %}<b>{{ low(name) }}{{ sign }}</b>"
    "{% endmacro %}"
    "{% set sign = '!' %}{% macro low(word) %}{{ word|lower }}{% endmacro %}",
    "shop cards": '{% from "cards" import card %}{% macro pair(a, b) %}{{ card(a) }}{{ card(b) }}'
    "{% endmacro %}",
    "page": "{% block a %}1{% endblock %}{% block b %}2{% endblock %}",
    "loop": 'x\n{% include "loop" %}',
    "left": '{% include "right" %}',
    "right": '\n\n{% include "left" %}',
    "broken": "fine\n{% if %}",
    "asks": "one\n\n{{ nothing }}",
    "fills": '{% extends "page" %}{% block a %}9{% endblock %}',
    "页脚": "<i>再见</i>",
}


def fetch(name: str) -> str:
    """The source of a snippet of these."""
    if name not in SNIPPETS:
        raise RenderError("undefined", f"There is no snippet “{name}”.")
    return SNIPPETS[name]


def shown(source: str, **known: object) -> str:
    """What a template prints with its snippets."""
    whole = make(Parts(html=source), fetch=lambda part: fetch).html
    return (
        compile_template(channel="email", html=whole)
        .render(variables={"shop": "Tea & Co", **known}, links=LINKS)
        .html
    )


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ('<h1>Hi</h1>{% include "footer" %}', "<h1>Hi</h1><p>Tea &amp; Co, 2026</p>"),
        ('{% include "页脚" %}', "<i>再见</i>"),
        ('{% include "footer" with context %}', "<p>Tea &amp; Co, 2026</p>"),
        (
            '{% for shop in ["A", "B"] %}{% include "footer" %}{% endfor %}',
            "<p>A, 2026</p><p>B, 2026</p>",
        ),
        ("{% raw %}{% include 'footer' %}{% endraw %}", "{% include 'footer' %}"),
        ("{# {% include 'nope' %} #}x", "x"),
        ('{% from "cards" import card %}{{ card("ADA") }}', "<b>ada!</b>"),
        (
            '{% from "cards" import card as c, low %}{{ c("A", big=true) }}{{ low("B") }}',
            "<b>a!</b>b",
        ),
        ('{% import "cards" as c %}{{ c.card("ADA") }}{{ c.sign }}', "<b>ada!</b>!"),
        ('{% from "shop cards" import pair %}{{ pair("A", "B") }}', "<b>a!</b><b>b!</b>"),
        (
            '{% set sign = "?" %}{% from "cards" import card %}{{ card("A") }}{{ sign }}',
            "<b>a!</b>?",
        ),
        ('{% include "page" %}{% include "page" %}', "1212"),
        ('{% include "fills" %}', "92"),
        (
            '{% extends "layout" %}{% block body %}Body{{ super() }}{% endblock %}',
            "<html>Head\n<body>Body<p>Tea &amp; Co, 2026</p></body></html>",
        ),
        (
            '{% extends "middle" %}{% set n = 1 %}{% from "cards" import low %}'
            "{% block head %}{{ super() }}+{% endblock %}"
            "{% block body %}{{ low('X') }}{{ n }}{% endblock %}",
            "<html>[Head]+\n<body>x1<p>Tea &amp; Co, 2026</p></body></html>",
        ),
    ],
)
def test_snippets_work_as_jinja_has_them(source: str, printed: str):
    assert shown(source) == printed


def test_what_a_snippet_sets_ends_with_it():
    with pytest.raises(RenderError, match="'year' is undefined"):
        shown('{% include "footer" %}{{ year }}')


def test_a_source_without_snippets_stays_as_it_is():
    source = "{%- if x -%}\r\n a {{ b }} {% endif %}\n"

    assert assemble(source, fetch=fetch) == source


def test_the_variables_and_links_of_a_snippet_are_those_of_the_template():
    html = '<p>{{ customer.first_name }}</p>{% include "a" %}'
    snippet = '<a href="https://shop.example/{{ orders.last.number }}">{{ shop.name }}</a>'

    made = make(Parts(html=html), fetch=lambda part: lambda name: snippet)
    compiled = compile_template(channel="email", html=made.html)

    assert compiled.variables == {"customer.first_name", "orders.last.number", "shop.name"}
    assert [link.position for link in compiled.links] == [1]


@pytest.mark.parametrize(
    ("source", "reason", "said"),
    [
        ('\n{% include "nope" %}', "undefined", "html line 2: There is no snippet “nope”."),
        ("{% include name %}", "forbidden", "html line 1: “include” names one snippet in quotes"),
        ('{% include ["a", "b"] %}', "forbidden", "html line 1: “include” names one"),
        ('{% include "footer" ignore missing %}', "forbidden", "html line 1: “include” names one"),
        ('{% include "footer" without context %}', "forbidden", "html line 1: “include” names"),
        ('a{% extends "layout" %}', "syntax", "html line 1: A layout is extended at the very"),
        ('{% extends "layout" %}', "syntax", "line 2: The layout wants the block “body”"),
        ('{% extends "page" %}\n\nlost', "syntax", "Beside its blocks"),
        ('{% extends "page" %}{% block a %}{{ super()|upper }}{% endblock %}', "syntax", "alone"),
        (
            '{% from "cards" import cart %}',
            "syntax",
            "has no macro “cart”; it has: card, low, sign",
        ),
        ('{% import "cards" %}', "syntax", "line 1"),
        ('{% include "loop" %}', "failed", "snippet “loop” line 2: The snippets lead in a circle"),
        (
            '{% include "left" %}',
            "failed",
            "line 3: The snippets lead in a circle: left → right → left",
        ),
        (
            '{% include "broken" %}',
            "syntax",
            "html snippet “broken” line 2: Expected an expression",
        ),
        (
            'x\n{% include "asks" %}',
            "undefined",
            "html snippet “asks” line 3: 'nothing' is undefined",
        ),
        ('x\n{% include "footer" %}\n{{ here }}', "undefined", "html line 3: 'here' is undefined"),
    ],
)
def test_what_is_wrong_is_said_with_snippet_and_line(source: str, reason: str, said: str):
    with pytest.raises(RenderError) as caught:
        shown(source)

    assert caught.value.reason == reason
    assert said in str(caught.value)


def test_a_name_that_is_a_macro_and_an_argument_is_refused():
    clash = (
        "{% macro price(n) %}{{ n }}{% endmacro %}{% macro card(price) %}{{ price }}{% endmacro %}"
    )

    with pytest.raises(RenderError, match="name of a macro and of an argument"):
        assemble('{% from "x" import card %}', fetch=lambda name: clash)


def test_snippets_are_capped_in_depth_number_and_size():
    def next_one(name: str) -> str:
        return f'{{% include "{int(name) + 1}" %}}'

    def many(name: str) -> str:
        return '{% include "leaf" %}' * 20 if name != "leaf" else ""

    def long(name: str) -> str:
        return "x" * 50_000

    with pytest.raises(RenderError, match="10 deep"):
        assemble('{% include "1" %}', fetch=next_one)
    with pytest.raises(RenderError, match=f"At most {MAX_INCLUSIONS} snippets"):
        assemble('{% include "a" %}' * 20, fetch=many)
    with pytest.raises(RenderError, match="at most 200,000 characters"):
        assemble('{% include "a" %}' * 5, fetch=long)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("fine {{ anything }}", ""),
        ("{% macro m(a) %}{{ a }}{% endmacro %}", ""),
        ("one\n{% if %}", "html line 2: Expected"),
        ('{% include "new" %}', "html line 1: The snippets lead in a circle: new → new."),
        ("{{ a.__class__ }}", "html line 1: Names that begin with “_” are private."),
        ("{% autoescape false %}{{ a }}{% endautoescape %}", "html line 1: Escaping cannot"),
    ],
)
def test_a_snippet_is_checked_before_it_is_kept(source: str, said: str):
    said_really = ""
    try:
        check_snippet(source, name="new", part="html", fetch={"new": source}.__getitem__)
    except RenderError as error:
        said_really = str(error)

    assert said_really.startswith(said)
    assert bool(said_really) == bool(said)


def test_a_line_that_fails_while_a_mail_is_made_is_one_of_the_snippet():
    whole = make(
        Parts(html='<p>\n{% include "asks" %}</p>\n{{ nothing }}'), fetch=lambda part: fetch
    ).html

    result = next(
        iter(compile_template(channel="email", html=whole).encode_many([({"shop": "A"}, LINKS)]))
    )

    assert isinstance(result, RenderError)
    assert (result.part, result.snippet, result.line) == ("html", "asks", 3)


def test_no_attack_in_a_body_snippet_macro_or_name_is_evaluated(shared_corpora):
    folder = shared_corpora / "attack_payloads"
    kinds = ("ssti_jinja2", "ssti_other_engines")
    attacks = [one for kind in kinds for one in json.loads((folder / f"{kind}.json").read_text())]
    signs = ("49", "7777777", "root:", "<class", "<Config", "uid=", "built-in", "<module", "0x7f")
    shown_many = refused = 0

    for attack in attacks:
        # What the attack says itself proves nothing when it is shown as it was written.
        # Sums of an author are reckoned: a template may.
        telling = [sign for sign in signs if sign not in attack]
        telling = [sign for sign in telling if "{{" not in attack or not sign.isdigit()]
        macro = "{% macro m(x) %}" + attack + "{% endmacro %}"
        for source, snippet in (
            (attack, ""),
            ('{% include "attack" %}', attack),
            ('{% from "attack" import m %}{{ m(shop) }}', macro),
        ):
            try:
                fetch_it = {"attack": snippet, **SNIPPETS}.__getitem__
                whole = make(Parts(source, source, source), fetch=lambda part, it=fetch_it: it)
                mail = compile_template(
                    channel="email", subject=whole.subject, html=whole.html, text=whole.text
                ).render(variables={"shop": attack}, links=LINKS)
            except (RenderError, KeyError):
                refused += 1
                continue
            shown_many += 1
            printed = mail.subject + mail.html + mail.text
            assert not [sign for sign in telling if sign in printed], attack

    assert shown_many + refused == 3 * len(attacks)
    assert shown_many > len(attacks)
