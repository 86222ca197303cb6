"""What authors write becomes what is compiled: snippets put in, MJML turned into HTML."""

from collections.abc import Callable
from dataclasses import dataclass

from jinja2 import Environment

from crm.rendering import mjml, origins
from crm.rendering.assembling import Fetch, assemble
from crm.rendering.errors import FORBIDDEN, RenderError
from crm.rendering.guard import parse, restrain
from crm.rendering.masks import mask

_ENVIRONMENT = Environment(autoescape=True, cache_size=0)  # reads only, runs nothing

_NO_QUOTES = (
    "A value in an attribute stands in quotes, or a space in it begins another attribute: "
    'href="{{ … }}".'
)


@dataclass(frozen=True, slots=True)
class Parts:
    """The sources of a message: as written, or as they came out."""

    subject: str = ""
    html: str = ""
    text: str = ""


def make(parts: Parts, *, fetch: Callable[[str], Fetch]) -> Parts:
    """The parts without snippets and MJML; RenderError tells part, snippet and line.

    `fetch` gives for a kind of text, `html` or `text`, what looks its snippets up.
    """
    made = {}
    for part, source in (("subject", parts.subject), ("html", parts.html), ("text", parts.text)):
        try:
            put_in = assemble(source, fetch=fetch("html" if part == "html" else "text"))
            made[part] = _as_html(put_in) if part == "html" else put_in
        except RenderError as error:
            raise error.placed(part=part) from None
    return Parts(**made)


def check_snippet(source: str, *, name: str, part: str, fetch: Fetch) -> None:
    """Raise RenderError unless a snippet can be put into a template."""
    try:
        whole = assemble(source, name=name, fetch=fetch)
    except RenderError as error:
        raise _own(error, name).placed(part=part) from None
    try:
        restrain(parse(_ENVIRONMENT, whole))
    except RenderError as error:
        raise _own(origins.placed(error, whole, part), name) from None


def _own(error: RenderError, name: str) -> RenderError:
    """An error in the snippet that is being written names no snippet."""
    other = error.snippet if error.snippet != name else ""
    return RenderError(error.reason, error.message, error.line, error.part, other)


def _as_html(source: str) -> str:
    try:
        if bare := mask(source).bare:
            raise RenderError(FORBIDDEN, _NO_QUOTES, bare[0])
        return mjml.to_html(source)
    except RenderError as error:
        raise origins.placed(error, source, "html") from None
