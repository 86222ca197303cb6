"""Macros of a snippet brought into a template: their names changed so that they meet no others."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from jinja2 import Environment

from crm.rendering.errors import FORBIDDEN, SYNTAX, RenderError
from crm.rendering.pieces import Piece, Token

_OPENS, _CLOSES = frozenset("([{"), frozenset(")]}")
_NO_VARIABLE_AFTER = frozenset({".", "|", "is"})
_CONTEXT = ["with", "context"]

Bindings = Callable[[Mapping[str, str]], str]


def one_name(piece: Piece) -> str:
    """The snippet that an include or extends names."""
    return _name(piece, _without_context(piece)[1:])


def importing(piece: Piece) -> tuple[str, Bindings]:
    """The snippet that an import names, and what binds its names where they are wanted."""
    values = _without_context(piece)
    if piece.word == "import":
        if len(values) != 4 or values[2] != "as":
            raise RenderError(SYNTAX, 'Import a snippet by {% import "name" as short %}.')
        return _name(piece, values[1:2]), lambda names: _dict(values[3], names)
    if "import" not in values[2:3]:
        raise RenderError(SYNTAX, 'Import from a snippet by {% from "name" import macro %}.')
    wanted = dict(_wanted(values[3:]))
    snippet = _name(piece, values[1:2])
    return snippet, lambda names: _each(snippet, wanted, names)


def exports(pieces: Iterable[Piece]) -> list[str]:
    """What a snippet defines for others: its macros, and what it sets."""
    return [piece.values()[1] for piece in pieces if piece.word in {"macro", "set"}]


def check_names(pieces: Iterable[Piece]) -> list[str]:
    """Every name a snippet has at its top, each meant in one way only."""
    pieces = list(pieces)
    names = exports(pieces)
    for piece in pieces:
        if piece.word == "import":
            names.append(_without_context(piece)[-1])
        elif piece.word == "from":
            names += [short for _macro, short in _wanted(_without_context(piece)[3:])]
    twice = set(names).intersection(_arguments(pieces))
    if twice:
        message = f"“{min(twice)}” is the name of a macro and of an argument: call one otherwise."
        raise RenderError(SYNTAX, message)
    return names


def renamed(environment: Environment, text: str, new: Mapping[str, str]) -> str:
    """A text with variables named otherwise; what is an attribute, filter or test stays."""
    out: list[str] = []
    before, words = "", 0
    for _line, kind, value in environment.lex(text):
        if kind in {"block_begin", "variable_begin"}:
            words = 0 if kind == "block_begin" else 1
        is_variable = kind == "name" and words and before not in _NO_VARIABLE_AFTER
        out.append(new.get(value, value) if is_variable else value)
        if kind != "whitespace":
            before, words = value, words + (kind == "name")
    return "".join(out)


def _without_context(piece: Piece) -> list[str]:
    values = piece.values()
    return values[:-2] if values[-2:] == _CONTEXT else values


def _name(piece: Piece, values: list[str]) -> str:
    kinds = dict(zip(piece.values(), (kind for kind, _value in piece.tokens), strict=True))
    if len(values) != 1 or kinds[values[0]] != "string" or "\\" in values[0]:
        message = f'“{piece.word}” names one snippet in quotes: {{% {piece.word} "name" … %}}.'
        raise RenderError(FORBIDDEN, message)
    return values[0][1:-1]


def _wanted(values: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of macro and name here, of `a, b as c`."""
    part: list[str] = []
    for value in [*values, ","]:
        if value != ",":
            part.append(value)
        elif part:
            yield part[0], part[-1]
            part = []


def _each(snippet: str, wanted: Mapping[str, str], names: Mapping[str, str]) -> str:
    missing = [name for name in wanted if name not in names]
    if missing:
        there = ", ".join(sorted(names)) or "none"
        message = f"The snippet “{snippet}” has no macro “{missing[0]}”; it has: {there}."
        raise RenderError(SYNTAX, message)
    return "".join(f"{{% set {short} = {names[macro]} %}}" for macro, short in wanted.items())


def _dict(short: str, names: Mapping[str, str]) -> str:
    entries = ", ".join(f'"{name}": {new}' for name, new in names.items())
    return f"{{% set {short} = {{ {entries} }} %}}"


def _arguments(pieces: Iterable[Piece]) -> Iterator[str]:
    """Every name of an argument, where macros are defined and where they are called."""
    for piece in pieces:
        yield from _arguments_of(piece.tokens, piece.word)
        yield from _arguments(piece.inside)


def _arguments_of(tokens: tuple[Token, ...], word: str) -> Iterator[str]:
    depth, is_value = 0, False
    for place, (kind, value) in enumerate(tokens):
        following = tokens[place + 1][1] if place + 1 < len(tokens) else ""
        if value == "," and depth == 1:
            is_value = False
        if kind == "name" and depth and following == "=":
            yield value
            is_value = depth == 1
        elif kind == "name" and depth == 1 and word in {"macro", "call"} and not is_value:
            yield value if word == "macro" else ""
        if kind == "operator":
            depth += (value in _OPENS) - (value in _CLOSES)
