"""Compiled templates run: to text, or straight to the bytes that a mail carries."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any

from jinja2 import Template
from jinja2.runtime import Context

from crm.rendering import faults, limits
from crm.rendering.fragments import CLICK, FRAGMENTS, Fragment, Loop, wire_bytes
from crm.rendering.limits import MAX_OUTPUT
from crm.rendering.slots import SLOT_SPAN

_size = attrgetter("size")


class Runnable:
    """A compiled template with the loops that were taken out of it."""

    __slots__ = ("_loops", "_pattern", "_static", "_template")

    def __init__(self, template: Template, loops: list[Loop], static: Iterable[str]) -> None:
        self._template = template
        self._loops = loops
        self._pattern = template.new_context()
        # What the author wrote is the same in every mail, so it is encoded once.
        self._static = {piece: wire_bytes(piece) for piece in static}

    def to_text(self, variables: Mapping[str, Any], part: str) -> str:
        """What it prints; RenderError says in which line of which part it failed."""
        click, met = str(variables.get("click_", "")), dict[int, int]()
        pieces: list[str] = []
        for piece in self._pieces(variables, part):
            if type(piece) is list:
                pieces += _as_text(piece, click, met)
            else:
                pieces.append(piece)
        return "".join(pieces)

    def to_bytes(self, variables: Mapping[str, Any], part: str) -> bytes:
        """The same as a mail carries it: UTF-8, lines ending in CRLF."""
        click, met = str(variables.get("click_", "")).encode(), dict[int, int]()
        static, pieces = self._static, list[bytes]()
        for piece in self._pieces(variables, part):
            if type(piece) is list:
                pieces += _as_bytes(piece, click, met)
                continue
            raw = static.get(piece)
            pieces.append(wire_bytes(piece) if raw is None else raw)
        return b"".join(pieces)

    def _context(self, variables: Mapping[str, Any]) -> Context:
        """A context like any other, without working out each time what all have alike."""
        pattern, made = self._pattern, Context.__new__(Context)
        made.parent = {**pattern.parent, **variables, FRAGMENTS: self._loops}
        made.vars, made.exported_vars = {}, set()
        made.environment, made.eval_ctx = pattern.environment, pattern.eval_ctx
        made.name, made.blocks = pattern.name, pattern.blocks
        made.globals_keys = pattern.globals_keys
        return made

    def _pieces(self, variables: Mapping[str, Any], part: str) -> Iterator[Any]:
        size = 0
        # A loop that was taken out gives its fragments as a list; all else is text.
        render: Callable[[Context], Iterator[Any]] = self._template.root_render_func
        try:
            for piece in render(self._context(variables)):
                size += sum(map(_size, piece)) if type(piece) is list else len(piece)
                if size > MAX_OUTPUT:
                    limits.spend(size)
                yield piece
        except Exception as error:
            raise faults.told(error, self._template, part) from None
        limits.check_time()


def _as_text(fragments: list[Fragment], click: str, met: dict[int, int]) -> Iterator[str]:
    for fragment in fragments:
        texts = list(fragment.texts)
        for place, slot in fragment.slots:
            texts[place] = click if slot == CLICK else f"{click}{_position(slot, met)}"
        yield from texts


def _as_bytes(fragments: list[Fragment], click: bytes, met: dict[int, int]) -> list[bytes]:
    pieces: list[bytes] = []
    for fragment in fragments:
        start = len(pieces)
        pieces += fragment.parts
        for place, slot in fragment.slots:
            if slot == CLICK:
                pieces[start + place] = click
                continue
            # As `_position`: a call for each link of each mail would be felt.
            position = met[slot] = met.get(slot, slot - SLOT_SPAN) + SLOT_SPAN
            pieces[start + place] = click + _digits(position)
    return pieces


def _position(slot: int, met: dict[int, int]) -> int:
    """The n-th time (from 0) that a link is met, it stands n spans further on."""
    position = met[slot] = met.get(slot, slot - SLOT_SPAN) + SLOT_SPAN
    return position


@lru_cache(maxsize=4096)
def _digits(number: int) -> bytes:
    return b"%d" % number
