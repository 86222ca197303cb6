"""Where dots begin a line is known of most mails without a look through each, and never wrongly."""

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


def encoded(html: str, name: object) -> Encoded:
    """The fourth mail of a template: from the third on it is put together from pieces."""
    made = compile_template(channel="email", subject="News", html=html, text="News")
    for _ in range(3):
        made.encode(variables={"name": "Ann"}, links=LINKS)
    return made.encode(variables={"name": name}, links=LINKS)


def stuffed(mail: Encoded) -> bytes | None:
    """The HTML with its dots doubled, where they were known."""
    known = mail.html.stuffed
    return None if known is None else b"".join(known)


def looked_through(mail: Encoded) -> bytes:
    """The same by looking at each line."""
    lines = mail.html.whole().split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)


@pytest.mark.parametrize(
    "body",
    ["<p>{{ name }}</p>", f"<p>{{{{ name }}}}</p>{STYLE}", "<p>{% if name %}a\nb{% endif %}</p>"],
    ids=["before a name", "around one", "with more lines"],
)
def test_the_dots_of_a_style_are_known(body: str):
    mail = encoded(f"<html><head>{STYLE}</head><body>{body}</body></html>", "Ada")

    assert stuffed(mail) == looked_through(mail)
    assert stuffed(mail) != mail.html.whole()
    assert mail.html.is_ascii


@pytest.mark.parametrize("name", ["Ada", "", "A.", 5, "x" * 700, "a\nb"])
def test_a_word_more_or_less_begins_no_line_with_a_dot(name: object):
    mail = encoded("<p>\n{{ name }} and you.</p>", name)

    assert stuffed(mail) == mail.html.whole()


def test_letters_of_any_kind_are_told():
    assert not encoded("<p>{{ name }}</p>", "Zoë").html.is_ascii
    assert not encoded("<p>Grüße, {{ name }}</p>", "Ada").html.is_ascii


@pytest.mark.parametrize(
    ("html", "name"),
    [
        ("<p>\n{{ name }}</p>", ".bcc"),
        ("<p>{{ name }}</p>", "Ada\n.\nMAIL FROM"),
        ("<p>\n{{ name }}. It is spring.</p>", ""),
        ("<p>{{ name }}. It is spring.</p>", "Ada\n"),
        ("<p>{{ name }}</p>", "x" * 1_000),
        ("<p>" + "x" * 1_000 + "{{ name }}</p>", "Ada"),
        ("<p>\n{{ name }}{{ name }}.</p>", ""),
    ],
    ids=["its dot", "its lines", "nothing", "its end", "too long", "long already", "twice"],
)
def test_what_might_begin_a_line_or_make_it_too_long_is_looked_through(html: str, name: str):
    assert encoded(html, name).html.stuffed is None


@given(
    st.lists(
        st.sampled_from(["{{ name }}", ".", "\n", "a", "{% if name %}b{% endif %}"]), max_size=9
    ),
    st.sampled_from(["", ".", "\n", "Ann", "\n.", ".\n"]),
)
def test_what_is_said_to_be_known_is_so(pieces: list[str], name: str):
    mail = encoded("".join(pieces) or "-", name)

    assert mail.html.size == len(mail.html.whole())
    if mail.html.stuffed is not None:
        assert stuffed(mail) == looked_through(mail)
        assert max(map(len, mail.html.whole().split(b"\r\n"))) <= 998
