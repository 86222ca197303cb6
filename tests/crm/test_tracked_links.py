"""Which links of a mail are tracked, and what becomes of them in its text part."""

import re

import pytest

from crm.rendering import LinkContext, Parts, RenderError, compile_template, make

LINKS = LinkContext("https://s/u", "https://s/p", "", "https://s/c/T/", "")


def rendered(html, **variables):
    made = compile_template(channel="email", html=html)
    return made, made.render(variables=variables, links=LINKS)


@pytest.mark.parametrize(
    "before",
    ["", ' title="a > b"', " title='it is >'", " title=\"say 'href=1'\"", ' data-href="x"', "\n"],
)
@pytest.mark.parametrize("link", ['"https://shop.example/a"', "'https://shop.example/a'"])
@pytest.mark.parametrize("quoted", [True, False])
def test_a_link_is_tracked_however_it_is_written(before, link, quoted):
    link = link if quoted else link[1:-1]

    made, mail = rendered(f"<a{before} class=x href={link}>tea</a>")

    assert [one.url_source for one in made.links] == ["https://shop.example/a"]
    assert mail.html == f'<a{before} class=x href="https://s/c/T/1">tea</a>'
    assert mail.text == "tea (https://shop.example/a)\n"


def test_what_only_looks_like_a_link_is_left_as_it_is():
    html = '<a title=" href=\'https://fake.example\'" data-href="https://x.example">tea</a>'

    made, mail = rendered(html)

    assert (made.links, mail.html) == ((), html)


def test_links_beyond_the_last_place_lead_straight_home():
    html = "".join(f'<a href="https://x.example/{{{{ n }}}}/{i}">x</a>' for i in range(1_002))

    made, mail = rendered(html, n=7)

    tracked = re.findall(r'href="https://s/c/T/(\d+)"', mail.html)
    assert tracked == [str(position) for position in range(1, 1_000)]
    assert mail.html.endswith('<a href="https://x.example/7/1001">x</a>')
    assert made.render_link(position=999, variables={"n": 7}) == "https://x.example/7/998"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<a href="https://w.example/Tea_(drink)">tea</a>', "tea (https://w.example/Tea_(drink))"),
        (
            '<a href="https://x.example" title="say &quot;hi&quot;">tea</a>',
            "tea (https://x.example)",
        ),
        ('<a href="https://x.example">[sale]</a>', "[sale] (https://x.example)"),
        ('<a href=" https://x.example/a b ">tea</a>', "tea (https://x.example/a%20b)"),
        ('<a href="{{ u }}" title="{{ u }}">tea</a>', "tea (https://u.example/?a=1&b=2)"),
    ],
)
def test_the_text_part_has_words_and_address_and_no_markup(html, text):
    assert rendered(html, u="https://u.example/?a=1&b=2")[1].text == text + "\n"


@pytest.mark.parametrize(
    "html",
    [
        "<p>\n<a href={{ n }}>x</a>",
        "<p>\n<img src=https://x.example/{{ n }}>",
        "<p>\n<p {% if n %}class = {{ n }}{% endif %}>",
    ],
)
def test_a_value_that_could_begin_another_attribute_is_not_published(html):
    with pytest.raises(RenderError, match="html line 2: A value in an attribute stands in quotes"):
        make(Parts(html=html), fetch=lambda part: lambda name: "")


@pytest.mark.parametrize(
    "html",
    [
        "<p title=\"a = {{ n }}\" class='{{ n }}'>1 = {{ n }}</p><!-- a={{ n }} -->",
        "<td {{ 'nowrap' if n }} {% if n %}width=3{% endif %}>x = {{ n }}",
        "<style>a{b:c}</style>{# x={{ n }} #}<p>if a < b = {{ n }}",
    ],
)
def test_values_in_quotes_and_in_words_are_published(html):
    assert make(Parts(html=html), fetch=lambda part: lambda name: "").html == html
