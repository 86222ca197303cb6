"""Templates written in MJML: compiled once, Jinja untouched, mistakes told by line."""

import pytest

from crm.rendering import LinkContext, Parts, RenderError, compile_template, make
from crm.rendering.mjml import is_mjml, to_html
from crm.rendering.mjml_elements import check_elements

LINKS = LinkContext("https://s.example/u", "https://s.example/p", click_url="https://s.example/c/")
HEAD = (
    '<mj-head><mj-title>For {{ name }}</mj-title><mj-style inline="inline">'
    '.loud { color: {{ "#f00" if points > 3 else "#00f" }} }</mj-style></mj-head>'
)
COLUMN = (
    "<mjml>\n{head}\n<mj-body>\n<mj-section><mj-column>\n{inside}\n"
    "</mj-column></mj-section>\n</mj-body></mjml>"
)


def mail(inside: str, *, head: str = "", whole: str = "", **known: object) -> str:
    """The HTML somebody gets of a mail in MJML with this in its only column."""
    source = whole or COLUMN.format(head=head, inside=inside)
    made = make(Parts(html=source), fetch=lambda part: SNIPPETS.__getitem__)
    compiled = compile_template(channel="email", html=made.html)
    known = {"name": "Ann & Bob", "points": 5, "products": PRODUCTS, **known}
    return compiled.render(variables=known, links=LINKS).html


PRODUCTS = [
    {"name": "A>B", "url": "https://x.example/a"},
    {"name": "C", "url": "https://x.example/c"},
]
SNIPPETS = {
    "foot": "<mj-section><mj-column>\n<mj-text>Bye {{ name }}</mj-text>\n"
    "<mj-text>{{ who }}</mj-text></mj-column></mj-section>",
    "buttons": '{% macro button(product) %}<mj-button href="{{ product.url }}">{{ product.name }}'
    "</mj-button>{% endmacro %}",
    "words": "{% macro loud(word) %}<b>{{ word|upper }}</b>{% endmacro %}",
    "layout": "<mjml><mj-body>{% block body %}{% endblock %}</mj-body></mjml>",
}


def test_jinja_comes_through_with_greater_than_quotes_loops_and_conditions():
    html = mail(
        """{% if points > 3 and "b" > "a" and 1 < 2 %}<mj-text>{{ points > 3 }} {{ name }}</mj-text>
        {% else %}<mj-text>small</mj-text>{% endif %}
        {% for product in products if product.name != "<" %}
        <mj-button href="{{ product.url }}"
            background-color="{{ "#111" if loop.first else '#222' }}">
            {{ product.name|default(">") }}</mj-button>{% endfor %}
        <mj-image src="https://x.example/{{ points }}.png" alt='{{ name|default("y>z") }}'/>
        <mj-text><p class="loud" title="{{ name }}">
            {%- if points >= 5 %} five {% endif -%}</p></mj-text>""",
        head=HEAD,
    )

    assert "True Ann &amp; Bob" in html
    assert "small" not in html
    assert html.count('href="https://s.example/c/') == 2
    assert "A&gt;B" in html
    assert "#111" in html
    assert "#222" in html
    assert 'src="https://x.example/5.png"' in html
    assert 'alt="Ann &amp; Bob"' in html
    assert "<title>For Ann &amp; Bob</title>" in html
    assert 'margin: 13px 0;color: #f00;"' in html
    assert "five" in html
    assert "mj-" not in html.replace("mj-outlook", "").replace("mj-column", "").replace(
        "mj-full", ""
    )


def test_sections_in_a_loop_and_what_is_set_before_the_first_element():
    html = mail(
        "",
        whole='{% set greeting = "Hi" %}{% from "words" import loud %}\n<mjml><mj-body>'
        "{% for product in products %}<mj-section><mj-column><mj-text>{{ greeting }} "
        "{{ loud(product.name) }}<br>&nbsp;</mj-text></mj-column></mj-section>{% endfor %}"
        "</mj-body></mjml>",
    )

    assert html.count("Hi <b>") == 2
    assert html.count("max-width:600px") == 2


def test_snippets_in_mjml_layouts_macros_and_sections():
    html = mail(
        "",
        whole='{% extends "layout" %}{% block body %}<mj-section><mj-column>'
        '{% from "buttons" import button %}{% for product in products %}{{ button(product) }}'
        '{% endfor %}</mj-column></mj-section>{% include "foot" %}{% endblock %}',
        who="us",
    )

    assert html.count("<a ") == 2
    assert "Bye Ann &amp; Bob" in html


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("\n<mj-txt>a</mj-txt>", "html line 6: <mj-txt> is no element of MJML."),
        ("\n\n<mj-text>a < b</mj-text>", "html line 7: “<” begins no element"),
        ("<mj-text align=left>a</mj-text>", "html line 5: “<mj-text” begins no element"),
        (
            "<mj-text>a</mj-column>",
            "line 5: </mj-column> closes nothing. <mj-text> of line 5 is open.",
        ),
        ("<mj-section></mj-section>", "<mj-section> belongs into <mj-body> or <mj-wrapper>."),
        ("<p>a</p>", "html line 5: <p> belongs into an element that holds HTML."),
        ('<mj-include path="/etc/passwd"/>', "line 5: <mj-include> reads files: put a snippet in"),
        (
            "{{ name\n }}\n<mj-text foo='{{ points }}'>a</mj-text>",
            "line 7: MJML leaves out what stands",
        ),
        ("<mj-text>\n{{ name </mj-text>", "html line 6: "),
        ("<mj-text>\n\n{{ nobody }}</mj-text>", "html line 7: 'nobody' is undefined"),
        (
            "<mj-text>{{ name }}</mj-text>{% include 'foot' %}",
            "html snippet “foot” line 1: <mj-section>",
        ),
        ("<![CDATA[ x ]]>", "html line 5: “<![CDATA[” begins no element"),
    ],
)
def test_a_mistake_is_told_with_its_line(inside: str, said: str):
    with pytest.raises(RenderError) as caught:
        mail(inside)

    assert said in str(caught.value)


def test_what_fails_for_one_person_is_told_with_snippet_and_line():
    whole = "<mjml><mj-body>\n\n{% include 'foot' %}</mj-body></mjml>"

    with pytest.raises(RenderError, match="snippet “foot” line 3: 'who' is undefined"):
        mail("", whole=whole)


def test_what_is_not_closed_is_told_by_where_it_begins():
    with pytest.raises(RenderError, match="<mj-section> is not closed"):
        check_elements("<mjml>\n<mj-body>\n<mj-section>", lambda place: 3)


def test_mjml_outside_of_its_root_is_refused():
    for source in ("<mj-text>a</mj-text>", "<mjml><mj-body></mj-body></mjml><mj-text></mj-text>"):
        with pytest.raises(RenderError, match="stands outside of <mjml>"):
            to_html(source)


def test_html_stays_html():
    assert to_html("<p>{{ a }}</p>") == "<p>{{ a }}</p>"
    assert not is_mjml("<p>about mjml</p>")
    assert is_mjml("\n<mjml lang='en'>")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("<mjml>" + "<b>" * 30_000 + "</mjml>", "belongs into an element"),
        ("<mjml><mj-body>" + "<mj-raw>" * 20_000 + "</mjml>", "60 elements deep"),
        ("<mjml><mj-body>" + "<br>" * 30_000 + "</mjml>", "holds HTML"),
        ("<mjml><mj-body><mj-raw>" + "<br>" * 30_000 + "</mjml>", "5,000 elements"),
        ("<mjml " + "a " * 50_000 + "<mj-body>", "begins no element"),
    ],
)
def test_hostile_mjml_is_stopped_before_it_is_compiled(source: str, said: str):
    with pytest.raises(RenderError, match=said):
        check_elements(source, lambda place: 1)


def test_mjml_that_grows_beyond_measure_ends_only_the_compiler():
    """A long value on every one of many elements: hundreds of megabytes of HTML."""
    column = "<mj-text>a</mj-text>" * 1_500
    head = (
        f'<mj-head><mj-attributes><mj-all font-family="{"a" * 90_000}"/></mj-attributes></mj-head>'
    )

    with pytest.raises(RenderError, match=r"too much (for its compiler|memory)"):
        to_html(COLUMN.format(head=head, inside=column))
