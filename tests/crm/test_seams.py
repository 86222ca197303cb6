"""Where dots begin a line is known of most mails without a look through each, and never wrongly."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.rendering import Encoded, LinkContext, compile_template

LINKS = LinkContext(
    unsubscribe_url="https://s.example/u/1",
    preferences_url="https://s.example/p/1",
    click_url="https://s.example/c/1.",
    pixel_url="https://s.example/o/1.gif",
)
STYLE = "<style>\n.sheet { color: red }\np { margin: 0 }\n.end { margin: 0 }\n</style>"
DOT = re.compile(rb"^\.|(?<=\n)\.")


def encoded(html: str, name: object) -> Encoded:
    """The fourth mail of a template: from the third on it is put together from pieces."""
    made = compile_template(channel="email", subject="News", html=html, text="News")
    for _ in range(3):
        made.encode(variables={"name": "Ann"}, links=LINKS)
    return made.encode(variables={"name": name}, links=LINKS)


def test_the_dots_of_a_style_are_known():
    mail = encoded(f"<html><head>{STYLE}</head><body><p>{{{{ name }}}}</p></body></html>", "Ada")

    assert mail.dots == tuple(found.start() for found in DOT.finditer(mail.html))
    assert len(mail.dots) == 2


@pytest.mark.parametrize("name", ["Ada", "", "A.", 5, "x" * 700])
def test_a_word_more_or_less_begins_no_line(name: object):
    assert encoded("<p>\n{{ name }} and you.</p>", name).dots == ()


@pytest.mark.parametrize(
    ("html", "name"),
    [
        ("<p>\n{{ name }}</p>", ".bcc"),
        ("<p>{{ name }}</p>", "Ada\n.\nMAIL FROM"),
        ("<p>\n{{ name }}. It is spring.</p>", ""),
        ("<p>{{ name }}\n.</p>", "Ada"),
        ("<p>{{ name }}</p>", "x" * 1_000),
        ("<p>" + "x" * 1_000 + "{{ name }}</p>", "Ada"),
        ("<p>\n{{ name }}{{ name }}.</p>", ""),
    ],
    ids=["its dot", "its lines", "nothing", "behind it", "too long", "long already", "twice"],
)
def test_what_might_begin_a_line_or_make_it_too_long_is_looked_through(html: str, name: str):
    assert encoded(html, name).dots is None


@given(
    st.lists(
        st.sampled_from(["{{ name }}", ".", "\n", "a", "{% if name %}b{% endif %}"]), max_size=9
    ),
    st.sampled_from(["", ".", "\n", "Ann", "\n.", ".\n"]),
)
def test_what_is_said_to_be_known_is_so(pieces: list[str], name: str):
    mail = encoded("".join(pieces) or "-", name)

    if mail.dots is not None:
        assert mail.dots == tuple(found.start() for found in DOT.finditer(mail.html))
        assert max(map(len, mail.html.split(b"\r\n"))) <= 998
