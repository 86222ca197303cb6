"""Passages put together for one mail after the other, as text or as the bytes of a mail."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any, Generic, TypeVar

from jinja2 import Template
from jinja2.runtime import Context
from jinja2.utils import missing

from crm.rendering import faults, fragments
from crm.rendering.fragments import CLICK, Fragment, Loop
from crm.rendering.limits import MAX_OUTPUT, spend
from crm.rendering.passages import Cards, Passage, Worked
from crm.rendering.readers import NOT_THERE, key_of, reader_of
from crm.rendering.slots import SLOT_SPAN
from crm.rendering.weaving import Tools, Unusual, weave

T = TypeVar("T", str, bytes)

_MAX_KEPT = 4_096  # values of one passage
_MAX_KEPT_CHARACTERS = 4_000_000  # of all passages of a part together
_MAX_READERS = 64  # kinds of readers, by language, time zone and currency


class Run:
    """One mail while its passages are put together."""

    __slots__ = ("_context", "_make", "click", "kept", "met", "variables")

    def __init__(
        self,
        variables: Mapping[str, Any],
        make: Callable[[Mapping[str, Any]], Context],
        click: Any,
        kept: list[dict[object, Any]],
    ) -> None:
        self.variables, self.click, self.kept = variables, click, kept
        # How often links were met already, by slot.
        self.met: dict[int, int] = {}
        self._make = make
        self._context: Context | None = None

    @property
    def context(self) -> Context:
        """What Jinja runs on, made when something has to be run."""
        if self._context is None:
            self._context = self._make(self.variables)
        return self._context

    def resolve_or_missing(self, name: str) -> Any:
        """What a name stands for, as a context says it."""
        value = self.variables.get(name, missing)
        return self.context.resolve_or_missing(name) if value is missing else value

    def get_all(self) -> dict[str, Any]:
        """All that is known, as a context says it."""
        return self.context.get_all()

    def work_out(self, body: Template) -> str:
        """What an expression prints."""
        context = self.context
        try:
            text = "".join(body.root_render_func(context))
            spend(len(text))
        except Exception as error:
            raise faults.told(error, body) from None
        return text


Step = Callable[[Run], Any]
# What makes output of a text, and lays out fragments.
Output = tuple[Callable[[str], T], Callable[[list[Fragment], T, dict[int, int]], list[T]]]


class Writer(Generic[T]):
    """Writes a row of passages: `show` is what `{{ … }}` prints, `output` what it becomes."""

    def __init__(
        self,
        passages: Iterable[Passage],
        loops: list[Loop],
        show: Callable[[Any], str],
        output: Output[T],
    ) -> None:
        self._loops, self._finish, self._lay = loops, *output
        self._empty: T = self._finish("")
        self._places = 0
        self._size = 0
        self._kept: dict[object, list[dict[object, Any]]] = {}
        tools = Tools(show, self._finish, self._worked, self._cards)
        self._pieces, self.alike = weave(passages, tools)

    def write(
        self,
        variables: Mapping[str, Any],
        make: Callable[[Mapping[str, Any]], Context],
        click: T,
    ) -> tuple[list[T], int]:
        """What the part prints, in pieces, and its size; Unusual where only the template can tell.

        Its cause is an error that came up, which the template may meet too or not.
        """
        try:
            pieces = self._pieces(Run(variables, make, click, self._kept_for(variables)))
            size = sum(map(len, pieces))
        except Unusual:
            raise
        except Exception as error:
            raise Unusual from error
        if size > MAX_OUTPUT:
            raise Unusual
        return pieces, size

    def _kept_for(self, variables: Mapping[str, Any]) -> list[dict[object, Any]]:
        """What is kept for readers of one language, time zone and currency: filters read them."""
        get = variables.get
        reader = get("language"), get("timezone"), get("currency")
        kept = self._kept.get(reader)
        if kept is None:
            if not all(value is None or type(value) is str for value in reader):
                raise Unusual
            if len(self._kept) >= _MAX_READERS:
                self._forget()
            kept = self._kept[reader] = [{} for _ in range(self._places)]
        return kept

    def _forget(self) -> None:
        self._kept.clear()
        self._size = 0

    def _keep(self, table: dict[object, Any], key: object, made: Any) -> None:
        if len(table) >= _MAX_KEPT or self._size > _MAX_KEPT_CHARACTERS:
            self._forget()
            table.clear()
        table[key] = made
        self._size += len(made)

    def _worked(self, passage: Worked) -> tuple[Step, int | None]:
        body, finish = passage.body, self._finish
        if passage.reads is None:
            return lambda run: finish(run.work_out(body)), None
        place, key_for, keep = self._places, key_of(passage.reads), self._keep
        self._places += 1

        def step(run: Run) -> Any:
            key = key_for(run.variables)
            if key is None:
                return finish(run.work_out(body))
            table = run.kept[place]
            made = table.get(key)
            if made is None:
                made = finish(run.work_out(body))
                keep(table, key, made)
            return made

        return step, place

    def _cards(self, passage: Cards) -> Step:
        loop, read = self._loops[passage.number], reader_of(passage.items)
        given = [reader_of(path) for path in loop.given]
        lay, empty = self._lay, self._empty

        def step(run: Run) -> Any:
            known = run.variables
            try:
                items = read(known)
            except NOT_THERE:
                raise Unusual from None
            try:
                values = tuple([read_one(known) for read_one in given])
            except NOT_THERE:
                values = fragments.given_to(loop, run)
            found = fragments.run(run, loop, items, values)
            return empty.join(lay(found, run.click, run.met))

        return step


def lay_text(found: list[Fragment], click: str, met: dict[int, int]) -> list[str]:
    """The texts of fragments with the links of this mail."""
    return _laid([fragment.texts for fragment in found], found, click, met, _numbers)


def lay_bytes(found: list[Fragment], click: bytes, met: dict[int, int]) -> list[bytes]:
    """The same of their bytes."""
    return _laid([fragment.parts for fragment in found], found, click, met, _digits)


def _laid(
    parts: list[tuple[T, ...]],
    found: list[Fragment],
    click: T,
    met: dict[int, int],
    written: Callable[[int, int], list[T]],
) -> list[T]:
    """In every place of a link the address of clicks, and its position where that is not there yet.

    Mostly all fragments have the same links, so that each link is put into all of them at once.
    """
    pieces = list(chain.from_iterable(parts))
    if not found:
        return pieces
    shape, count = found[0].slots, len(found)
    if any(fragment.slots is not shape for fragment in found):
        alone = zip(parts, found, strict=True)
        laid = (_laid([own], [fragment], click, met, written) for own, fragment in alone)
        return list(chain.from_iterable(laid))
    width = len(parts[0])
    for place, slot in shape:
        if slot == CLICK:
            pieces[place::width] = [click] * count
            continue
        first = met.get(slot, slot - SLOT_SPAN) + SLOT_SPAN
        pieces[place::width] = [click + number for number in written(first, count)]
        met[slot] = first + (count - 1) * SLOT_SPAN
    return pieces


@lru_cache(maxsize=1024)
def _numbers(first: int, count: int) -> list[str]:
    """The positions of a link that is met so often."""
    return [str(first + n * SLOT_SPAN) for n in range(count)]


@lru_cache(maxsize=1024)
def _digits(first: int, count: int) -> list[bytes]:
    return [number.encode() for number in _numbers(first, count)]
