"""Templates put together: snippets included, layouts filled in, macros imported, as one source.

It is done with the text, before anything else is: so style sheets, tracked links and slots of a
snippet are those of the template, and what was published needs no snippet any more.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from jinja2 import Environment

from crm.rendering import limits, origins
from crm.rendering.errors import FAILED, SYNTAX, TOO_BIG, RenderError
from crm.rendering.guard import parse
from crm.rendering.modules import check_names, exports, importing, one_name, renamed
from crm.rendering.pieces import DATA, PRINT, STATEMENT, Piece, cut

MAX_DEPTH = 10  # snippets in snippets
MAX_INCLUSIONS = 300
_MAX_NESTING = 60  # of blocks that print what they replace
_USES = re.compile(r"\{%[-+]?\s*(?:include|import|from|extends)\b")
_KEEPS_NAMES = re.compile(r"\{%[-+]?\s*(?:set|macro)\b")
_IMPORTS = frozenset({"import", "from"})
_DEFINES = _IMPORTS | {"macro", "set"}
_ENVIRONMENT = Environment(keep_trailing_newline=True, autoescape=True, cache_size=0)

_NOT_SHOWN = (
    "Beside its blocks, a template that extends another one only sets, imports and defines "
    "macros; this would not be shown."
)

Fetch = Callable[[str], str]


def uses_snippets(source: str) -> bool:
    """Whether a source may name snippets."""
    return _USES.search(source) is not None


def assemble(source: str, *, name: str = "", fetch: Fetch) -> str:
    """One source with all its snippets put in; RenderError says what is wrong and where.

    `fetch` gives the source of a snippet or raises RenderError; `name` is given where the source
    is a snippet itself.
    """
    if not uses_snippets(source):
        return source
    try:
        with limits.budget():
            return _Assembler(fetch).whole(source, name)
    except RecursionError:
        raise RenderError(FAILED, "The template is nested too deeply.") from None


class _Assembler:
    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known: dict[str, list[Piece]] = {}
        self._modules: dict[str, tuple[str, dict[str, str]]] = {}
        self._trail: list[str] = []
        self._inclusions = self._made = self._nesting = 0

    def whole(self, source: str, name: str) -> str:
        self._known[name] = _cut(source, name)
        self._trail.append(name)
        return self._put_together(name)

    def _put_together(self, name: str) -> str:
        """A template or snippet with what it extends."""
        levels = [(name, self._known[name])]
        while (base := _base(*levels[-1])) is not None:
            self._enter(base[0], levels[-1][0], base[1])
            levels.append((base[0], self._known[base[0]]))
        del self._trail[len(self._trail) - len(levels) + 1 :]
        if len(levels) == 1 and not name:
            return self._emit(self._known[name], _Home(name))
        blocks: dict[str, list[tuple[str, Piece]]] = {}
        for home, pieces in levels:
            for block in _blocks(pieces):
                blocks.setdefault(_named(block), []).append((home, block))
        before = "".join(self._preamble(pieces, home) for home, pieces in levels[:-1])
        root, pieces = levels[-1]
        begin = origins.mark(root, 1) if len(levels) > 1 else ""
        return before + begin + self._emit(pieces, _Home(root, blocks, is_flat=True))

    def _preamble(self, pieces: Iterable[Piece], home: str) -> str:
        """What a template that extends another one defines beside its blocks."""
        kept = []
        for piece in pieces:
            if piece.word in _DEFINES:
                kept.append(piece)
            elif piece.word not in {"extends", "block"} and _shows(piece):
                raise RenderError(SYNTAX, _NOT_SHOWN, piece.line, snippet=home)
        return self._definitions(kept, home)

    def _definitions(self, pieces: Iterable[Piece], home: str) -> str:
        inner = _Home(home, is_flat=True)
        return "".join(origins.mark(home, each.line) + self._emit([each], inner) for each in pieces)

    def _emit(self, pieces: Iterable[Piece], home: "_Home") -> str:
        out = []
        for piece in pieces:
            limits.check_time()
            try:
                out.append(self._one(piece, home))
            except RenderError as error:
                if error.line:
                    raise
                raise RenderError(
                    error.reason, error.message, piece.line, snippet=home.name
                ) from None
        return "".join(out)

    def _one(self, piece: Piece, home: "_Home") -> str:
        if piece.word == "include":
            return self._include(piece, home.name)
        if piece.word in _IMPORTS:
            return self._import(piece, home.name)
        if piece.word == "extends":
            raise RenderError(SYNTAX, "A layout is extended at the very beginning, or not at all.")
        if piece.word == "block" and home.is_flat:
            return self._block(_named(piece), 0, home) + origins.mark(home.name, piece.next_line)
        if piece.kind in {PRINT, STATEMENT} and home.blocks and _says_super(piece):
            return self._super(piece, home)
        inside = self._emit(piece.inside, home)
        self._account(len(piece.text) + len(piece.closing))
        return piece.text + inside + piece.closing

    def _include(self, piece: Piece, home: str) -> str:
        wanted = one_name(piece)
        self._enter(wanted, home, piece.line)
        body = self._put_together(wanted).removesuffix("\n")
        self._trail.pop()
        return origins.mark(wanted, 1) + scoped(body) + origins.mark(home, piece.next_line)

    def _block(self, name: str, depth: int, home: "_Home") -> str:
        """A block as the outermost template that has it fills it in."""
        filled = home.blocks.get(name) or []
        if depth >= len(filled):
            raise RenderError(SYNTAX, f"There is nothing above the block “{name}”.")
        where, block = filled[depth]
        if len(filled) == 1 and "required" in block.values()[2:]:
            raise RenderError(SYNTAX, f"The layout wants the block “{name}” to be filled in.")
        self._nesting += 1
        if self._nesting > _MAX_NESTING:
            raise RenderError(FAILED, f"The block “{name}” is nested too deeply.")
        inner = _Home(where, home.blocks, is_flat=True, block=(name, depth))
        body = self._emit(block.inside, inner)
        self._nesting -= 1
        return origins.mark(where, block.next_line) + scoped(body)

    def _super(self, piece: Piece, home: "_Home") -> str:
        if home.block is None or piece.values() != ["super", "(", ")"]:
            raise RenderError(SYNTAX, "super() stands alone, in a block: {{ super() }}.")
        name, depth = home.block
        return self._block(name, depth + 1, home) + origins.mark(home.name, piece.next_line)

    def _import(self, piece: Piece, home: str) -> str:
        wanted, bindings = importing(piece)
        if wanted not in self._modules:
            self._enter(wanted, home, piece.line)
            self._modules[wanted] = self._module(wanted, len(self._modules))
            self._trail.pop()
        text, names = self._modules[wanted]
        self._account(len(text))
        aliases = bindings(names)
        return text + origins.mark(home, piece.line) + aliases + origins.mark(home, piece.next_line)

    def _module(self, name: str, number: int) -> tuple[str, dict[str, str]]:
        pieces = [piece for piece in self._known[name] if piece.word in _DEFINES]
        if any(piece.word == "extends" for piece in self._known[name]):
            raise RenderError(SYNTAX, f"“{name}” extends a layout: it cannot be imported.")
        text = self._definitions(pieces, name)
        new = {each: f"{each}_m{number}_" for each in check_names(pieces)}
        shown = {each: new[each] for each in exports(pieces)}
        return renamed(_ENVIRONMENT, text, new), shown

    def _enter(self, wanted: str, home: str, line: int) -> None:
        """Fetch a snippet that `home` names on this line, unless that leads in a circle."""
        if wanted in self._trail:
            way = " → ".join([*self._trail[self._trail.index(wanted) :], wanted])
            raise RenderError(FAILED, f"The snippets lead in a circle: {way}.", line, snippet=home)
        self._inclusions += 1
        if len(self._trail) > MAX_DEPTH:
            raise RenderError(
                TOO_BIG,
                f"Snippets are at most {MAX_DEPTH} deep in one another.",
                line,
                snippet=home,
            )
        if self._inclusions > MAX_INCLUSIONS:
            message = f"At most {MAX_INCLUSIONS} snippets can be put into a template."
            raise RenderError(TOO_BIG, message, line, snippet=home)
        if wanted not in self._known:
            try:
                source = self._fetch(wanted)
            except RenderError as error:
                raise RenderError(error.reason, error.message, line, snippet=home) from None
            self._known[wanted] = _cut(source, wanted)
        self._trail.append(wanted)

    def _account(self, characters: int) -> None:
        self._made += characters
        if self._made > limits.MAX_SOURCE:
            raise RenderError(
                TOO_BIG,
                f"With its snippets a template has at most {limits.MAX_SOURCE:,} characters.",
            )


@dataclass(frozen=True, slots=True)
class _Home:
    """Where a piece is written, and how the blocks around it are filled in."""

    name: str
    blocks: Mapping[str, list[tuple[str, Piece]]] = field(default_factory=dict)
    is_flat: bool = False
    block: tuple[str, int] | None = None


def scoped(body: str) -> str:
    """A body whose names end with it."""
    if not _KEEPS_NAMES.search(body):
        return body
    return f"{{% with %}}{body}{{% endwith %}}"


def _cut(source: str, name: str) -> list[Piece]:
    try:
        parse(_ENVIRONMENT, source)
        return cut(_ENVIRONMENT, source)
    except RenderError as error:
        raise RenderError(error.reason, error.message, error.line, snippet=name) from None


def _base(name: str, pieces: Iterable[Piece]) -> tuple[str, int] | None:
    """What a template extends and in which line, if it does."""
    first = next((piece for piece in pieces if _shows(piece)), None)
    if first is None or first.word != "extends":
        return None
    try:
        return one_name(first), first.line
    except RenderError as error:
        raise RenderError(error.reason, error.message, first.line, snippet=name) from None


def _blocks(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Every block, those in blocks too."""
    for piece in pieces:
        if piece.word == "block":
            yield piece
        yield from _blocks(piece.inside)


def _named(block: Piece) -> str:
    return block.values()[1]


def _shows(piece: Piece) -> bool:
    """Whether a piece prints or does anything."""
    return piece.kind in {PRINT, STATEMENT} or (piece.kind == DATA and not piece.text.isspace())


def _says_super(piece: Piece) -> bool:
    return "super" in piece.values()
