"""MJML looked at before it is compiled: elements that exist, in their place, closed, by line.

What passes is nested to a bounded depth, so that no parser after this one runs out of stack.
"""

import re
from collections.abc import Callable

from crm.rendering.errors import FORBIDDEN, SYNTAX, TOO_BIG, RenderError

MAX_DEPTH = 60
MAX_ELEMENTS = 5_000
_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|</(?P<end>[a-zA-Z][\w:-]*)\s*>"
    r"|<(?P<name>[a-zA-Z][\w:-]*)"
    r"(?:\s++[^\s\"'<>/=]++(?:\s*+=\s*+(?:\"[^\"<]*+\"|'[^'<]*+'))?+)*+\s*+(?P<closed>/?)>"
    r"|<(?P<wrong>[^\s<]{0,20})",
    re.DOTALL,
)
_VOID = frozenset({"area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "wbr"})
_CONTENT = frozenset(
    {"mj-accordion", "mj-button", "mj-carousel", "mj-divider", "mj-image", "mj-navbar"}
    | {"mj-social", "mj-spacer", "mj-table", "mj-text"}
)
_HEAD = frozenset(
    {"mj-attributes", "mj-breakpoint", "mj-font", "mj-preview", "mj-style", "mj-title"}
)
# Where an element may stand; what is not named here does not exist.
_PARENTS: dict[str, tuple[str, ...]] = {
    "mjml": ("",),
    "mj-head": ("mjml",),
    "mj-body": ("mjml",),
    **dict.fromkeys(_HEAD, ("mj-head",)),
    "mj-wrapper": ("mj-body",),
    "mj-section": ("mj-body", "mj-wrapper"),
    "mj-hero": ("mj-body", "mj-wrapper"),
    "mj-group": ("mj-section",),
    "mj-column": ("mj-section", "mj-group"),
    **dict.fromkeys(_CONTENT, ("mj-column", "mj-hero")),
    "mj-accordion-element": ("mj-accordion",),
    "mj-accordion-title": ("mj-accordion-element",),
    "mj-accordion-text": ("mj-accordion-element",),
    "mj-carousel-image": ("mj-carousel",),
    "mj-navbar-link": ("mj-navbar",),
    "mj-social-element": ("mj-social",),
}
_HOLDS_NO_HTML = frozenset(
    {"mjml", "mj-head", "mj-body", "mj-wrapper", "mj-section", "mj-group", "mj-column"}
)


def check_elements(text: str, line_of: Callable[[int], int]) -> None:
    """Raise RenderError unless it is MJML as far as can be seen.

    `line_of` gives the line that is told for a place in the text.
    """
    open_: list[tuple[str, int]] = []
    for count, token in enumerate(_TOKEN.finditer(text)):
        try:
            if count > MAX_ELEMENTS:
                raise RenderError(TOO_BIG, f"MJML has at most {MAX_ELEMENTS:,} elements.")
            _see(token, open_, line_of)
        except RenderError as error:
            raise error.placed(line=line_of(token.start())) from None
    if open_:
        name, place = open_[-1]
        raise RenderError(SYNTAX, f"<{name}> is not closed.", line_of(place))


def _see(token: re.Match[str], open_: list[tuple[str, int]], line_of: Callable[[int], int]) -> None:
    if token["wrong"] is not None:
        message = f"“<{token['wrong']}” begins no element: write &lt;, and attributes in quotes."
        raise RenderError(SYNTAX, message)
    name = (token["end"] or token["name"] or "").lower()
    if not name or (token["end"] and name in _VOID):
        return
    if token["name"]:
        _check_place(name, open_[-1][0] if open_ else "")
        if not token["closed"] and name not in _VOID:
            open_.append((name, token.start()))
        if len(open_) > MAX_DEPTH:
            raise RenderError(TOO_BIG, f"MJML is at most {MAX_DEPTH} elements deep.")
    elif not open_ or open_[-1][0] != name:
        last = f" <{open_[-1][0]}> of line {line_of(open_[-1][1])} is open." if open_ else ""
        raise RenderError(SYNTAX, f"</{name}> closes nothing.{last}")
    else:
        open_.pop()


def _check_place(name: str, parent: str) -> None:
    if name == "mj-include":
        message = '<mj-include> reads files: put a snippet in by {% include "name" %}.'
        raise RenderError(FORBIDDEN, message)
    if name == "mj-raw" or parent in {"mj-attributes", "mj-raw"}:
        return
    if name.startswith("mj"):
        parents = _PARENTS.get(name)
        if parents is None:
            raise RenderError(SYNTAX, f"<{name}> is no element of MJML.")
        if parent not in parents:
            wanted = " or ".join(f"<{each}>" for each in parents if each) or "the beginning"
            raise RenderError(SYNTAX, f"<{name}> belongs into {wanted}.")
    elif parent in _HOLDS_NO_HTML:
        raise RenderError(SYNTAX, f"<{name}> belongs into an element that holds HTML.")
