"""A row of passages made one function, so that no call is made for what is but looked up.

Nothing that an author wrote is in its source: texts and names stand in it by numbers.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any, Generic, NamedTuple, TypeVar

from crm.rendering.fragments import CLICK, PLAIN, Path
from crm.rendering.passages import Cards, Fork, Link, Passage, Value, Worked
from crm.rendering.readers import NOT_THERE
from crm.rendering.slots import SLOT_SPAN

T = TypeVar("T", str, bytes)

# To compile more would take longer than Jinja takes for many mails.
_MAX_PASSAGES = 2_000
_ASKABLE = PLAIN | {list, tuple, dict}


class Unusual(Exception):  # noqa: N818 - it names what is met, and is nobody's mistake
    """The passages do not fit these variables: the template itself is to run."""


class TooMany(Exception):  # noqa: N818 - it names what is met, and is nobody's mistake
    """There are so many passages that the template itself is to run."""


@dataclass(frozen=True, slots=True)
class Tools(Generic[T]):
    """What is called: `show` is what `{{ … }}` prints, `finish` makes output of a text.

    `worked` gives what works an expression out, and where that is kept under its one value.
    """

    show: Callable[[Any], str]
    finish: Callable[[str], T]
    worked: Callable[[Worked], tuple[Callable[[Any], T], int | None]]
    cards: Callable[[Cards], Callable[[Any], T]]


class Woven(NamedTuple, Generic[T]):
    """What makes the pieces for a run; `alike` are those of them that no run changes, else None."""

    pieces: Callable[[Any], list[T]]
    alike: list[T | None]


def weave(passages: Iterable[Passage], tools: Tools[T]) -> Woven[T]:
    """Make a row of passages one function; raises TooMany."""
    return _Weaver(tools).row(passages)


def position(slot: int, met: dict[int, int]) -> int:
    """The n-th time (from 0) that a link is met, it stands n spans further on."""
    number = met[slot] = met.get(slot, slot - SLOT_SPAN) + SLOT_SPAN
    return number


class _Weaver:
    """Every branch of a fork is a function too, so that none is indented by another."""

    def __init__(self, tools: Tools[Any]) -> None:
        self._tools = tools
        self._empty: Any = tools.finish("")
        self._read = 0
        self._numbers = count()
        # What the functions know by name.
        self._room: dict[str, Any] = {
            "ASKABLE": _ASKABLE,
            "NOT_THERE": NOT_THERE,
            "Unusual": Unusual,
            "finish": tools.finish,
            "join": self._empty.join,
            "position": position,
            "show": tools.show,
        }

    def row(self, passages: Iterable[Passage]) -> Woven[Any]:
        lines, names = self._body(passages)
        made = self._function([*lines, f"return [{', '.join(names)}]"])
        return Woven(made, [self._room.get(name) for name in names])

    def _function(self, lines: Iterable[str]) -> Callable[[Any], Any]:
        head = "def made(run):\n values, kept = run.variables, run.kept\n "
        source = head + "\n ".join(lines)
        exec(compile(source, "<passages>", "exec"), self._room)  # noqa: S102 - see above
        made: Callable[[Any], Any] = self._room.pop("made")
        return made

    def _body(self, passages: Iterable[Passage]) -> tuple[list[str], list[str]]:
        """The lines that make the pieces, and the names of these."""
        lines: list[str] = []
        names: list[str] = []
        text = self._empty
        for passage in passages:
            self._read += 1
            if self._read > _MAX_PASSAGES:
                raise TooMany
            if isinstance(passage, str):
                text += self._tools.finish(passage)
                continue
            names += [self._constant(text)] if text else []
            text = self._empty
            names.append(f"made{len(names)}")
            lines += self._made(passage, names[-1])
        names += [self._constant(text)] if text else []
        return lines, names

    def _made(self, passage: Link | Value | Worked | Cards | Fork, name: str) -> list[str]:
        if isinstance(passage, Link):
            if passage.slot == CLICK:
                return [f"{name} = run.click"]
            return [f"{name} = finish(str(position({passage.slot}, run.met)))"]
        if isinstance(passage, Value):
            return [*self._value(passage.path, name), f"{name} = finish(show({name}))"]
        if isinstance(passage, Worked):
            return self._worked(passage, name)
        step = self._tools.cards(passage) if isinstance(passage, Cards) else self._fork(passage)
        return [f"{name} = {self._constant(step)}(run)"]

    def _value(self, path: Path, name: str) -> list[str]:
        lines = self._reading(path, name)
        return [*lines, "except NOT_THERE:", " raise Unusual from None"]

    def _reading(self, path: Path, name: str) -> list[str]:
        steps = "".join(f"[{self._constant(each)}]" for each in path)
        return ["try:", f" {name} = values{steps}"]

    def _worked(self, passage: Worked, name: str) -> list[str]:
        work_out, place = self._tools.worked(passage)
        call = f"{name} = {self._constant(work_out)}(run)"
        if place is None or passage.reads is None or len(passage.reads) > 1:
            return [call]
        # A text is its own key, and mostly there is what it led to before.
        return [
            *self._reading(passage.reads[0], name),
            "except NOT_THERE:",
            f" {name} = None",
            f"{name} = kept[{place}].get({name}) if type({name}) is str else None",
            f"if {name} is None:",
            f" {call}",
        ]

    def _fork(self, fork: Fork) -> Callable[[Any], Any]:
        lines: list[str] = []
        for test, then in fork.choices:
            lines += self._test(test)
            lines += ["if held:", f" return {self._branch(then)}"]
        return self._function([*lines, f"return {self._branch(fork.otherwise)}"])

    def _test(self, test: Value | Worked) -> list[str]:
        if isinstance(test, Worked):
            return self._worked(test, "held")
        lines = self._value(test.path, "held")
        return [*lines, "if type(held) not in ASKABLE:", " raise Unusual"]

    def _branch(self, passages: Iterable[Passage]) -> str:
        """What a branch is: a piece that is there, or the call of what makes it."""
        lines, names = self._body(passages)
        if not lines:
            return names[0] if names else self._constant(self._empty)
        made = self._function([*lines, f"return join(({', '.join(names)},))"])
        return f"{self._constant(made)}(run)"

    def _constant(self, value: Any) -> str:
        name = f"known{next(self._numbers)}"
        self._room[name] = value
        return name
