"""A template cut into pieces: texts, prints and statements, the latter with what they enclose."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from jinja2 import Environment

from crm.rendering.limits import check_time

DATA, PRINT, STATEMENT, OTHER = "data", "print", "statement", "other"
_ENCLOSING = frozenset(
    {"autoescape", "block", "call", "filter", "for", "if", "macro", "set", "with"}
)
_BEGINS = {"variable_begin": PRINT, "block_begin": STATEMENT}
_ENDS = {
    "variable_end": "variable_begin",
    "block_end": "block_begin",
    "comment_end": "comment_begin",
    "raw_end": "raw_begin",
}

Token = tuple[str, str]


@dataclass(slots=True)
class Piece:
    """A piece of a source; `tokens` are the words of a tag, white space aside."""

    kind: str
    text: str
    line: int
    tokens: tuple[Token, ...] = ()
    inside: list["Piece"] = field(default_factory=list)
    closing: str = ""

    @property
    def word(self) -> str:
        """The word a statement begins with."""
        return self.tokens[0][1] if self.kind == STATEMENT and self.tokens else ""

    @property
    def next_line(self) -> int:
        """The line on which the text after this tag begins."""
        return self.line + self.text.count("\n")

    def values(self) -> list[str]:
        """The words of a tag."""
        return [value for _kind, value in self.tokens]


def cut(environment: Environment, source: str) -> list[Piece]:
    """The pieces of a source that parses; joined again they make the same template."""
    top: list[Piece] = []
    open_: list[Piece] = []
    for piece in _flat(environment, source):
        check_time()
        into = open_[-1].inside if open_ else top
        if piece.word.startswith("end") and open_:
            open_.pop().closing = piece.text
            continue
        into.append(piece)
        if piece.word in _ENCLOSING and not (piece.word == "set" and _assigns(piece)):
            open_.append(piece)
    return top


def _flat(environment: Environment, source: str) -> Iterator[Piece]:
    begun, texts, tokens, line = "", list[str](), list[Token](), 1
    for at, kind, value in environment.lex(source):
        if not begun:
            if kind == "data":
                yield Piece(DATA, value, at)
                continue
            begun, line = kind, at
        texts.append(value)
        if _ENDS.get(kind) == begun:
            yield Piece(_BEGINS.get(begun, OTHER), "".join(texts), line, tuple(tokens))
            begun, texts, tokens = "", [], []
        elif kind not in {"whitespace", begun}:
            tokens.append((kind, value))


def _assigns(piece: Piece) -> bool:
    """Whether a `set` has its value at hand, so that nothing ends it."""
    depth = 0
    for value in piece.values():
        depth += (value in "([{") - (value in ")]}") if len(value) == 1 else 0
        if depth == 0 and value in {"=", "|"}:
            return value == "="
    return False
