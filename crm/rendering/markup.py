"""What is done to an HTML template once: CSS into the elements, and a text part out of it."""

import re
from collections import Counter
from functools import cache

import css_inline
import html2text

from crm.rendering.limits import MAX_OUTPUT, check_compiling, check_time, spend
from crm.rendering.masks import Masked, mask

# Brackets in words and addresses, as far as anybody writes them.
_MARKDOWN_LINK = re.compile(
    r"\[((?:[^\[\]]|\[[^\[\]]{0,100}\]){0,1000})\]\(<?((?:[^()<>\s]|\([^()<>\s]{0,100}\))+)>?\)"
)
_ESCAPED = re.compile(r"\\([-+.*#_()\[\]])")
_DOCUMENT = re.compile(r"<!doctype\b|<html\b", re.IGNORECASE)
_BODY = re.compile(r"<body\b[^<>]*>", re.IGNORECASE)
_ELEMENT = re.compile(r"<([a-z][a-z0-9-]*)", re.IGNORECASE)
_TAGS = re.compile(r"<(/?)([a-z][a-z0-9-]*)", re.IGNORECASE)
_VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "wbr"})
_ENDED_BY_NEXT = frozenset({"p", "option"})
_MAX_DEPTH = 250
_SPACE = re.compile(r"\s+")
_SPACES = re.compile(r"\s{2,}")
_MAX_MATCHES = 4_000_000  # rules of style sheets by elements
_COMMENTS = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_ADDED = Counter(dict.fromkeys(("html", "head", "body", "tbody", "colgroup"), 1_000_000))
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+\n")


def inline_css(masked: Masked) -> str:
    """Put style sheets into style attributes; leave the HTML alone where that would harm a tag."""
    if "<style" not in masked.text.lower() or _is_too_much(masked.text):
        return masked.text
    begins = _DOCUMENT.search(masked.text)
    before = masked.text[: begins.start()] if begins else ""
    if not _ELEMENT.search(before):
        return _inlined(masked, masked.text) or masked.text
    document = masked.text[len(before) :]
    return _inlined_within(masked, before, document) or (
        before + (_inlined(masked, document) or document)
    )


def _inlined_within(masked: Masked, before: str, document: str) -> str:
    """What stands before a document (macros) with its styles too; empty where that would harm it.

    A parser would take its elements for the body, and drop the document's own head.
    """
    fence = f"<!--{masked.mark}fence-->"
    within = _BODY.sub(lambda body: body[0] + fence + before + fence, document, count=1)
    pieces = _inlined(masked, within).split(fence)
    return pieces[1] + pieces[0] + pieces[2] if len(pieces) == 3 else ""


def _inlined(masked: Masked, text: str) -> str:
    """HTML with its styles in the elements; empty where statements or elements would be lost."""
    # A parser would open a table body inside a loop and close it outside: open it before.
    table = re.compile(rf"(<table\b[^<>]*>\s*)(?=<!--{masked.mark})", re.IGNORECASE)
    inlined: str = _inliner().inline(table.sub(r"\1<tbody>", text))
    wanted = set(masked.statements())
    kept = [[n for n in masked.numbers(each) if n in wanted] for each in (text, inlined)]
    is_whole = kept[0] == kept[1] and _elements(text) == _elements(inlined)
    return inlined if is_whole else ""


def _is_too_much(text: str) -> bool:
    """Whether the inliner would take long, or go down deeper than its stack."""
    matches = text.count("{") * len(_ELEMENT.findall(text))
    return matches > _MAX_MATCHES or _depth(text) > _MAX_DEPTH


def _depth(text: str) -> int:
    """How deep elements can be in one another at most, taking every one for open until it ends.

    The inliner goes down by its own stack, and thousands of elements deep it ends the process.
    """
    open_, deepest, now = Counter[str](), 0, 0
    for tag in _TAGS.finditer(_COMMENTS.sub("", text)):
        name = tag[2].lower()
        if name in _VOID or (name in _ENDED_BY_NEXT and not tag[1] and open_[name]):
            continue
        if not tag[1]:
            open_[name] += 1
            now += 1
            deepest = max(deepest, now)
        elif open_[name]:
            open_[name] -= 1
            now -= 1
    return deepest


def _elements(text: str) -> Counter[str]:
    """How often each element begins; those that a parser adds by itself aside."""
    outside = _COMMENTS.sub("", text)
    return Counter(name.lower() for name in _ELEMENT.findall(outside)) - _ADDED


def text_source(html_source: str) -> str | None:
    """A text template made of an HTML one, tags and all; None where tags would be torn."""
    masked = mask(html_source, comments=False)
    text = plain_text(masked.text)
    return masked.restore(text) if _keeps_statements(masked, text) else None


class _Reader(html2text.HTML2Text):
    """Reads HTML under the caps of a template: lists in lists grow by squares, and so do spaces."""

    _made = 0

    def handle_tag(self, tag: str, attrs: dict[str, str | None], start: bool) -> None:
        """Look at the clocks at each tag."""
        check_time()
        check_compiling()
        if tag == "a" and attrs.get("href"):
            # A title is not shown, and an address has no spaces.
            attrs = {"href": _SPACE.sub("%20", str(attrs["href"]).strip())}
        super().handle_tag(tag, attrs, start)

    def handle_data(self, data: str, entity_char: bool = False) -> None:
        """Take a run of white space for one: its patterns take squares of its length."""
        text = _SPACES.sub(lambda run: "\n" if "\n" in run[0] else " ", data)
        super().handle_data(text, entity_char)

    def outtextf(self, s: str) -> None:
        """Account for what is put out."""
        self._made += len(s)
        if self._made > MAX_OUTPUT:
            spend(self._made)
        super().outtextf(s)


def plain_text(html_source: str) -> str:
    """What a reader without HTML sees: words, lists and addresses in brackets."""
    reader = _Reader(bodywidth=0)
    reader.ignore_images = reader.ignore_emphasis = reader.ignore_tables = True
    reader.unicode_snob = True
    text = reader.handle(_ended(html_source))
    text = _MARKDOWN_LINK.sub(_in_brackets, text)
    return squeeze(_ESCAPED.sub(r"\1", text))


def _ended(text: str) -> str:
    """HTML whose tags and comments end, so that its parser looks for no end in vain."""
    whole, ends, rest = text.rpartition(">")
    text = whole + ends + rest.replace("<", "&lt;")
    before, ends, rest = text.rpartition("-->")
    return before + ends + rest.replace("<!--", "&lt;!--")


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
        keep_style_tags=True,
        keep_at_rules=True,
        keep_link_tags=True,
        load_remote_stylesheets=False,
    )
