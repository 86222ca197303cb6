"""Compiled templates run: to text, or straight to the bytes that a mail carries."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any, NamedTuple, NoReturn

from jinja2 import Template
from jinja2.runtime import Context

from crm.mail_parts import Part, in_one_piece
from crm.rendering import detours, errors, faults, limits
from crm.rendering.errors import RenderError
from crm.rendering.fragments import FRAGMENTS, Loop, wire_bytes
from crm.rendering.limits import MAX_OUTPUT
from crm.rendering.passages import Passages
from crm.rendering.seams import Seams
from crm.rendering.weaving import TooMany, Unusual
from crm.rendering.writing import Writer, lay_bytes, lay_text

# Whoever looks at a template once or twice does not wait for its passages to be worked out.
_BEGINS_AT = 3
# Passages nest deeper than what Jinja makes of a template, which then stays with Jinja.
_TOO_MUCH = frozenset({errors.FAILED, errors.TOO_BIG, errors.TOO_SLOW})
_size = attrgetter("size")


class Row(NamedTuple):
    """A part as a row of passages, with its loops and what `{{ … }}` prints in it."""

    passages: Passages
    loops: list[Loop]
    show: Callable[[Any], str]


class _Unreadable:
    """Stands where passages would: they could not be read, and no mail should go without notice."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def write(self, *_: object) -> NoReturn:
        """Say why there are none."""
        raise Unusual from self._error


class Runnable:
    """A compiled template with the loops that were taken out of it.

    `read` gives it as a row of passages, if it is one: from its third run on they are written.
    """

    __slots__ = (
        "_bytes",
        "_is_logged",
        "_loops",
        "_pattern",
        "_read",
        "_runs",
        "_seams",
        "_static",
        "_template",
        "_texts",
    )

    def __init__(
        self,
        template: Template,
        loops: list[Loop],
        static: Iterable[str],
        read: Callable[[], Row | None],
    ) -> None:
        self._template = template
        self._loops = loops
        self._pattern = template.new_context()
        # What the author wrote is the same in every mail, so it is encoded once.
        self._static = {piece: wire_bytes(piece) for piece in static}
        self._read = read
        self._runs = 0
        self._texts: Writer[str] | _Unreadable | None = None
        self._bytes: Writer[bytes] | _Unreadable | None = None
        self._is_logged = False

    def to_text(self, variables: Mapping[str, Any], part: str) -> str:
        """What it prints; RenderError says in which line of which part it failed."""
        click = str(variables.get("click_", ""))
        if self._is_row():
            try:
                assert self._texts
                return "".join(self._texts.write(variables, self._context, click)[0])
            except Unusual as unusual:
                # The template itself says what is wrong, or prints it all the same.
                text = self._run_to_text(variables, part, click)
                self._notice(unusual, part)
                return text
        return self._run_to_text(variables, part, click)

    def to_bytes(self, variables: Mapping[str, Any], part: str) -> Part:
        """The same as a mail carries it."""
        click = str(variables.get("click_", "")).encode()
        if self._is_row():
            try:
                assert self._bytes
                pieces, size = self._bytes.write(variables, self._context, click)
                return self._seams.part(pieces, size)
            except Unusual as unusual:
                raw = self._run_to_bytes(variables, part, click)
                self._notice(unusual, part)
                return in_one_piece(raw)
        return in_one_piece(self._run_to_bytes(variables, part, click))

    def _run_to_text(self, variables: Mapping[str, Any], part: str, click: str) -> str:
        met, pieces = dict[int, int](), list[str]()
        for piece in self._pieces(variables, part):
            if type(piece) is list:
                pieces += lay_text(piece, click, met)
            else:
                pieces.append(piece)
        return "".join(pieces)

    def _run_to_bytes(self, variables: Mapping[str, Any], part: str, click: bytes) -> bytes:
        met, static, pieces = dict[int, int](), self._static, list[bytes]()
        for piece in self._pieces(variables, part):
            if type(piece) is list:
                pieces += lay_bytes(piece, click, met)
                continue
            raw = static.get(piece)
            pieces.append(wire_bytes(piece) if raw is None else raw)
        return b"".join(pieces)

    def _notice(self, unusual: Unusual, part: str) -> None:
        """Tell of an error that the passages met and the template did not."""
        error = unusual.__cause__
        if not isinstance(error, Exception):
            return  # nothing went wrong: the variables do not fit
        detours.count(error)
        if not self._is_logged:
            self._is_logged = True
            detours.log(error, part)

    def _is_row(self) -> bool:
        """Whether it runs as passages; they are read when it has run a few times."""
        if self._runs < _BEGINS_AT:
            self._runs += 1
            if self._runs == _BEGINS_AT:
                self._become_a_row()
        return self._texts is not None

    def _become_a_row(self) -> None:
        try:
            with limits.untimed():
                row = self._read()
            if row is not None:
                passages, loops, show = row
                self._bytes = Writer(passages, loops, show, (wire_bytes, lay_bytes))
                self._texts = Writer(passages, loops, show, (str, lay_text))
                self._seams = Seams(self._bytes.alike)
        except (RecursionError, TooMany):
            pass  # nested too deeply, or too long for this: it runs as it is
        except Exception as error:
            if not (isinstance(error, RenderError) and error.reason in _TOO_MUCH):
                self._texts = self._bytes = _Unreadable(error)

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
