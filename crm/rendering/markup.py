"""What is done to an HTML template once: CSS into the elements, and a text part out of it."""

import re
from functools import cache

import css_inline
import html2text

from crm.rendering.masks import Masked, mask

_MARKDOWN_LINK = re.compile(r"\[([^\[\]]*)\]\(<?([^()<>\s]+)>?\)")
_ESCAPED = re.compile(r"\\([-+.*#_()\[\]])")
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+\n")


def inline_css(masked: Masked) -> str:
    """Put style sheets into style attributes; leave the HTML alone where that would harm a tag."""
    if "<style" not in masked.text.lower():
        return masked.text
    # A parser would open a table body inside a loop and close it outside: open it before.
    table = re.compile(rf"(<table\b[^>]*>\s*)(?=<!--{masked.mark})", re.IGNORECASE)
    inlined: str = _inliner().inline(table.sub(r"\1<tbody>", masked.text))
    return inlined if _keeps_statements(masked, inlined) else masked.text


def text_source(html_source: str) -> str | None:
    """A text template made of an HTML one, tags and all; None where tags would be torn."""
    masked = mask(html_source, comments=False)
    text = plain_text(masked.text)
    return masked.restore(text) if _keeps_statements(masked, text) else None


def plain_text(html_source: str) -> str:
    """What a reader without HTML sees: words, lists and addresses in brackets."""
    reader = html2text.HTML2Text(bodywidth=0)
    reader.ignore_images = reader.ignore_emphasis = reader.ignore_tables = True
    reader.unicode_snob = True
    text = reader.handle(html_source)
    text = _MARKDOWN_LINK.sub(_in_brackets, text)
    return squeeze(_ESCAPED.sub(r"\1", text))


def squeeze(text: str) -> str:
    """At most one blank line between paragraphs."""
    return _BLANK_LINES.sub("\n\n", text).strip() + "\n"


def _in_brackets(link: re.Match[str]) -> str:
    return f"{link[1]} ({link[2]})" if link[1].strip() else ""


def _keeps_statements(masked: Masked, text: str) -> bool:
    wanted = masked.statements()
    known = set(wanted)
    return [number for number in masked.numbers(text) if number in known] == wanted


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(
        keep_style_tags=True, keep_at_rules=True, load_remote_stylesheets=False
    )
