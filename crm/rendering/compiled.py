"""A template compiled once and rendered for many."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, TypeVar

import msgspec
from jinja2 import Template, nodes
from markupsafe import escape

from crm.mail_parts import NOTHING, Part, in_one_piece
from crm.rendering import errors, faults, fragments, limits, origins, passages
from crm.rendering.errors import PlainDataError, RenderError
from crm.rendering.fragments import wire_bytes
from crm.rendering.guard import parse, reads_of, restrain, variables_of
from crm.rendering.markup import inline_css, plain_text, squeeze, text_source
from crm.rendering.masks import mask
from crm.rendering.plain import check_plain
from crm.rendering.running import Row, Runnable
from crm.rendering.sandbox import Sandbox
from crm.rendering.slots import Hop, LinkSlot, Slotted, addresses, cut_slots, without_marks

_HTML = Sandbox(autoescape=True)
_TEXT = Sandbox(autoescape=False)
_SAFE_ADDRESS = re.compile(r"https?://[^\s/?#]|(?:mailto|tel|sms):[^\s]", re.IGNORECASE)

T = TypeVar("T")
Item = tuple[Mapping[str, Any], "LinkContext"]


class LinkContext(msgspec.Struct, frozen=True):
    """The addresses one message carries; an empty `click_url` renders it untracked.

    `has_trap` adds a link that nobody sees.
    """

    unsubscribe_url: str
    preferences_url: str
    view_url: str = ""
    click_url: str = ""
    pixel_url: str = ""
    has_trap: bool = False


_NO_LINKS = LinkContext("", "")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one person gets."""

    subject: str
    html: str
    text: str


class Encoded(msgspec.Struct, frozen=True):
    """What one person gets, as mails carry it: parts in UTF-8, lines ending in CRLF."""

    subject: str
    html: Part
    text: bytes


@dataclass(frozen=True)
class CompiledTemplate:
    """A checked template; `variables` are the paths it uses, `links` its tracked links.

    `reads` are all paths whose values can change what it prints.
    """

    channel: str
    variables: frozenset[str]
    reads: frozenset[str]
    links: tuple[LinkSlot, ...]
    _subject: Runnable = field(repr=False)
    _text: Runnable | None = field(repr=False)
    _slotted: Slotted | None = field(repr=False)
    _html_source: str = field(repr=False)

    def render(self, *, variables: Mapping[str, Any], links: LinkContext) -> Rendered:
        """Render for one person, within the caps; RenderError says what staff can mend."""
        context = self._context(variables, links)
        with limits.budget():
            subject = self._one_line(context)
            html = self._render_html(context, tracked=bool(links.click_url))
            if self._text is None:
                return Rendered(subject, html, plain_text(html) if html else "")
            return Rendered(subject, html, self._render_text(self._text, context))

    def encode(self, *, variables: Mapping[str, Any], links: LinkContext) -> Encoded:
        """The very same, straight to the bytes of a mail: what all have alike is encoded once."""
        context = self._context(variables, links)
        with limits.budget():
            subject = self._one_line(context)
            html = self._encode_html(context, links)
            if self._text is None:
                text = plain_text(html.whole().decode().replace("\r\n", "\n")) if html.size else ""
            else:
                text = self._render_text(self._text, context)
            return Encoded(subject, html, wire_bytes(text))

    def render_many(self, items: Iterable[Item]) -> Iterator[Rendered | RenderError]:
        """Render for each; one poisoned recipient gives an error and stops nobody else."""
        return _each(self.render, items)

    def encode_many(self, items: Iterable[Item]) -> Iterator[Encoded | RenderError]:
        """Encode for each; one poisoned recipient gives an error and stops nobody else."""
        return _each(self.encode, items)

    def render_link(
        self, *, position: int, variables: Mapping[str, Any], links: LinkContext = _NO_LINKS
    ) -> str:
        """The address behind a tracked link of one person's message; LookupError if none is.

        `links` are those of the message: a macro or variable may stand for one of them.
        """
        for link in self.links:
            if link.position == position and not link.dynamic:
                return link.url_source
        context = self._context(variables, links)
        with limits.budget():
            address = addresses(self._marked.to_text(context, "html"))[position]
        if not _SAFE_ADDRESS.match(address):
            raise LookupError(f"Link {position} does not lead to a web address.")
        return address

    def _one_line(self, context: dict[str, Any]) -> str:
        return " ".join(self._subject.to_text(context, "subject").split())

    def _render_text(self, part: Runnable, context: dict[str, Any]) -> str:
        text = part.to_text(context, "text")
        return text if self.channel == "sms" else squeeze(text)

    def _encode_html(self, context: dict[str, Any], links: LinkContext) -> Part:
        if self._slotted is None:
            return NOTHING
        if not links.click_url:
            return in_one_piece(wire_bytes(self._render_html(context, tracked=False)))
        try:
            return self._tracked.to_bytes(context, "html")
        except RenderError as error:
            raise self._with_author_line(error, context) from None

    def _render_html(self, context: dict[str, Any], *, tracked: bool) -> str:
        if self._slotted is None:
            return ""
        try:
            if tracked:
                return self._tracked.to_text(context, "html")
            return without_marks(self._marked.to_text(context, "html"))
        except RenderError as error:
            raise self._with_author_line(error, context) from None

    def _with_author_line(self, error: RenderError, context: dict[str, Any]) -> RenderError:
        """The line in what staff wrote: inlining and slots have moved lines in what ran."""
        if error.reason in {errors.TOO_SLOW, errors.TOO_BIG}:
            return RenderError(error.reason, error.message, part=error.part)
        try:
            _compile(_HTML, self._html_source, "html").to_text(context, "html")
        except RenderError as original:
            return original
        return RenderError(error.reason, error.message, part=error.part)

    def _context(self, variables: Mapping[str, Any], links: LinkContext) -> dict[str, Any]:
        try:
            check_plain(variables)
        except TypeError as error:
            raise PlainDataError(errors.FORBIDDEN, str(error)) from error
        hops = {name: Hop(position) for name, position in self._hops}
        return {
            "language": "en",
            "timezone": "UTC",
            **variables,
            **hops,
            "click_": escape(links.click_url),
            "pixel_": links.pixel_url,
            "trap_": links.has_trap,
            "unsubscribe_url": links.unsubscribe_url,
            "preferences_url": links.preferences_url,
            "view_url": links.view_url,
            "pixel_url": links.pixel_url,
        }

    @cached_property
    def _hops(self) -> list[tuple[str, int]]:
        return [(f"hop{link.position}_", link.position) for link in self.links if link.dynamic]

    @cached_property
    def _tracked(self) -> Runnable:
        return _compile(_HTML, self._slotted.tracked if self._slotted else "", "html")

    @cached_property
    def _marked(self) -> Runnable:
        return _compile(_HTML, self._slotted.marked if self._slotted else "", "html")


@lru_cache(maxsize=256)
def compile_template(
    *, channel: str, subject: str = "", html: str = "", text: str = ""
) -> CompiledTemplate:
    """Check and compile a template; the same content is compiled once per process.

    Without a text part, one is made of the HTML. Only mail has HTML; an SMS has no subject either.
    """
    with limits.compiling():
        return _compile_parts(
            channel, "" if channel == "sms" else subject, html if channel == "email" else "", text
        )


def _compile_parts(channel: str, subject: str, html: str, text: str) -> CompiledTemplate:
    used = _variables(_TEXT, subject, "subject") | _variables(_HTML, html, "html")
    used |= _variables(_TEXT, text, "text")
    sources = ((_TEXT, subject), (_HTML, html), (_TEXT, text))
    reads = {path for room, source in sources for path in reads_of(parse(room, source))}
    slotted = _slots(html)
    compiled = CompiledTemplate(
        channel=channel,
        variables=used,
        reads=frozenset(reads),
        links=slotted.links if slotted else (),
        _subject=_compile(_TEXT, subject, "subject"),
        _text=_text_part(html, text),
        _slotted=slotted,
        _html_source=html,
    )
    if slotted:
        assert compiled._tracked  # so that whatever is wrong shows now, not at the first mail
    return compiled


def _slots(html: str) -> Slotted | None:
    if not html:
        return None
    masked = mask(html)
    slotted = cut_slots(masked, inline_css(masked))
    if _reads(slotted.tracked) and _reads(slotted.marked):
        return slotted
    return cut_slots(masked, masked.text)


def _reads(source: str) -> bool:
    try:
        parse(_HTML, source)
    except RenderError:
        return False
    return True


def _text_part(html: str, text: str) -> Runnable | None:
    if text or not html:
        return _compile(_TEXT, text, "text")
    source = text_source(html)
    try:
        return _compile(_TEXT, source, "text") if source is not None else None
    except RenderError:
        return None


def _variables(environment: Sandbox, source: str, part: str) -> frozenset[str]:
    try:
        return variables_of(parse(environment, source))
    except RenderError as error:
        raise origins.placed(error, source, part) from None


@lru_cache(maxsize=1024)
def _compile(environment: Sandbox, source: str, part: str) -> Runnable:
    def to_code(tree: nodes.Template) -> Template:
        restrain(tree)
        return faults.remember(_to_code(environment, tree), source)

    def read() -> Row | None:
        tree = parse(environment, source)
        loops = fragments.take_out(tree, to_code)
        row = passages.read(tree, to_code)
        return None if row is None else Row(row, loops, environment.shown)

    try:
        tree = parse(environment, source)
        loops = fragments.take_out(tree, to_code)
        static = {data.data for data in tree.find_all(nodes.TemplateData)}
        return Runnable(to_code(tree), loops, static, read)
    except RenderError as error:
        raise origins.placed(error, source, part) from None


def _each(one: Callable[..., T], items: Iterable[Item]) -> Iterator[T | RenderError]:
    for variables, links in items:
        try:
            yield one(variables=variables, links=links)
        except RenderError as error:
            yield error


def _to_code(environment: Sandbox, tree: nodes.Template) -> Template:
    try:
        with limits.budget():
            return environment.from_string(tree)
    except RenderError:
        raise
    except (SyntaxError, RecursionError, MemoryError, ValueError, OverflowError) as error:
        raise RenderError(errors.FAILED, f"The template is nested too deeply: {error}") from None
    except Exception as error:
        line = getattr(error, "lineno", 0) or 0
        raise RenderError(errors.SYNTAX, str(error), line) from None
