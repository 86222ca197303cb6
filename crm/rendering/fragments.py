"""Loops whose turns do not depend on the person: rendered once for each item, shared by all mails.

A product card looks the same in every mail that has it, but for the tokens of its links. So a loop
whose body reads nothing but its item and a few plain values is taken out of the template when it
is compiled; what one turn printed is kept under the values that it read, with slots for tokens.
"""

import copy
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Protocol

from jinja2 import Template, nodes
from jinja2.utils import missing
from markupsafe import Markup

from crm.rendering import faults
from crm.rendering.limits import check_time, spend
from crm.rendering.plain import is_shared

FRAGMENTS = "fragments_"
CLICK = -1
# Told apart from anything a customer may be called by a word drawn when the process starts.
_WORD = secrets.token_hex(8)
_CLICK = f"\ue010{_WORD}c\ue011"
_TOKEN = re.compile(rf"\ue010{_WORD}(?:c\ue011\ue010{_WORD}(\d+)|(c))\ue011")
# Filters read these behind the author's back.
_READ_BY_FILTERS = (("language",), ("timezone",), ("currency",))
PLAIN = frozenset({str, int, float, bool, type(None)})
_MISSING = f"\ue010{_WORD}missing\ue011"
_MAX_KEPT = 4_096
_MAX_KEPT_CHARACTERS = 8_000_000  # of all loops of a part together
_MAX_LOOPS = 50  # each is compiled by itself; no letter has so many
_ALLOWED = (
    nodes.Add,
    nodes.And,
    nodes.Compare,
    nodes.Concat,
    nodes.CondExpr,
    nodes.Const,
    nodes.Div,
    nodes.Filter,
    nodes.FloorDiv,
    nodes.Getattr,
    nodes.Getitem,
    nodes.If,
    nodes.Keyword,
    nodes.Mod,
    nodes.Mul,
    nodes.Name,
    nodes.Neg,
    nodes.Not,
    nodes.Operand,
    nodes.Or,
    nodes.Output,
    nodes.Pos,
    nodes.Sub,
    nodes.TemplateData,
    nodes.Test,
)

Path = tuple[str, ...]
Slots = tuple[tuple[int, int], ...]


# Compared by identity, which is quick: what is the same is one object.
@dataclass(frozen=True, slots=True, eq=False)
class Fragment:
    """What one turn printed, in pieces, and which of them (place, slot) differ from mail to mail.

    In such a place goes the address of clicks, and after it the position of the link where the
    slot is a number and not CLICK.
    """

    texts: tuple[str, ...]
    parts: tuple[bytes, ...]
    slots: Slots
    size: int


@dataclass(slots=True)
class Loop:
    """A loop that was taken out: what it reads of its item and of the context, and its body."""

    item: str
    reads: Callable[[Any], Any] | None
    given: tuple[Path, ...]
    body: Template
    kept: dict[object, Fragment] = field(default_factory=dict)
    # The same by the identity of items that never change, for each set of given values; they are
    # held on to, lest another gets their identity.
    by_item: dict[object, dict[int, Fragment]] = field(default_factory=dict)
    held: list[Any] = field(default_factory=list)
    # Fragments with links in the same places have the same object for them.
    shapes: dict[Slots, Slots] = field(default_factory=dict)
    size: int = 0
    room: int = _MAX_KEPT_CHARACTERS


class Mark:
    """Prints a stand-in for what differs from mail to mail: the address of clicks, a position."""

    __slots__ = ("_text",)

    def __init__(self, name: str) -> None:
        text = _CLICK if name == "click_" else f"\ue010{_WORD}{name[3:-1]}\ue011"
        self._text = Markup(text)  # noqa: S704 - made of our own digits

    def __html__(self) -> str:
        return self._text

    def __str__(self) -> str:
        return self._text


def take_out(
    tree: nodes.Template, compile_body: Callable[[nodes.Template], Template]
) -> list[Loop]:
    """Take every loop out of a template that can be shared; the tree calls them instead."""
    loops: list[Loop] = []
    stored = frozenset(_stored(tree))
    _replace(tree.body, loops, stored, compile_body)
    for loop in loops:
        loop.room = _MAX_KEPT_CHARACTERS // len(loops)
    return loops


class Known(Protocol):
    """What is known of one mail, as a context of Jinja says it."""

    def resolve_or_missing(self, key: str) -> Any:
        """What a name stands for."""

    def get_all(self) -> dict[str, Any]:
        """Every name with what it stands for."""


def given_to(loop: Loop, context: Known) -> tuple[Any, ...]:
    """What a loop reads beside its items."""
    return tuple([_walk(context, path) for path in loop.given])


def run(context: Known, loop: Loop, items: Iterable[Any], given: tuple[Any, ...]) -> list[Fragment]:
    """The fragments of a loop over these items; those that are known already cost a look-up."""
    key = _told_apart(given)
    if key is None:
        return [_render(context, loop, item) for item in items]
    if key not in loop.by_item:
        _make_room(loop)
    table = loop.by_item.setdefault(key, {})
    check_time()
    items = list(items)
    known = list(map(table.get, map(id, items)))
    if None not in known:
        return known  # type: ignore[return-value]
    return [
        fragment or _met_first(context, loop, item, key)
        for item, fragment in zip(items, known, strict=True)
    ]


def _met_first(context: Known, loop: Loop, item: Any, given: object) -> Fragment:
    check_time()
    fragment = _known_by_content(context, loop, item, given)
    if is_shared(item):
        # What was kept may have been thrown away meanwhile.
        loop.by_item.setdefault(given, {})[id(item)] = fragment
        loop.held.append(item)
        loop.size += fragment.size
    return fragment


def _known_by_content(context: Known, loop: Loop, item: Any, given: object) -> Fragment:
    key = _key(loop, item, given)
    fragment = loop.kept.get(key) if key is not None else None
    if fragment is None:
        fragment = _render(context, loop, item)
        if key is not None:
            _keep(loop, key, fragment)
    return fragment


def _key(loop: Loop, item: Any, given: object) -> object | None:
    """What a turn reads, if all of it is plain; an item that lacks a field is told apart too."""
    values: tuple[Any, ...] = (item,)
    if loop.reads is not None:
        if type(item) is not dict:
            return None
        try:
            read = loop.reads(item)
        except KeyError:
            return None
        values = read if type(read) is tuple else (read,)
    key = _told_apart(values)
    return None if key is None else (key, given)


def _told_apart(values: tuple[Any, ...]) -> object | None:
    """A key of plain values, None if they are not: 1, True and 1.0 are equal but print differently.

    So do 0.0 and -0.0, which are of one kind.
    """
    kinds = tuple(map(type, values))
    if not PLAIN.issuperset(kinds):
        return None
    if float in kinds and any(type(value) is float and not value for value in values):
        return None
    return values, kinds


def _make_room(loop: Loop) -> None:
    """Begin anew when too much is kept, be it by content or only by who reads it."""
    if max(len(loop.kept), len(loop.by_item)) >= _MAX_KEPT or loop.size > loop.room:
        loop.kept.clear()
        loop.by_item.clear()
        loop.held.clear()
        loop.size = 0


def _keep(loop: Loop, key: object, fragment: Fragment) -> None:
    _make_room(loop)
    loop.kept[key] = fragment
    loop.size += fragment.size


def _render(context: Known, loop: Loop, item: Any) -> Fragment:
    check_time()
    known: dict[str, Any] = dict(context.get_all())
    marks = {name: Mark(name) for name in known if is_token(name)}
    inner = loop.body.new_context({**known, **marks, loop.item: item})
    try:
        text = "".join(loop.body.root_render_func(inner))
        spend(len(text))
    except Exception as error:
        raise faults.told(error, loop.body) from None
    # Every third piece is text; of the two after it one says which slot follows.
    pieces = _TOKEN.split(text)
    texts, slots = [pieces[0]], []
    for place in range(1, len(pieces), 3):
        slots.append((len(texts), int(pieces[place] or CLICK)))
        texts += ["", pieces[place + 2]]
    shape = loop.shapes.setdefault(tuple(slots), tuple(slots))
    return Fragment(tuple(texts), tuple(map(wire_bytes, texts)), shape, len(text))


def wire_bytes(text: str) -> bytes:
    """A text as mails carry it: UTF-8, no half characters, no NUL, lines ending in CRLF."""
    if text.isprintable():
        return text.encode()
    if "\r" in text or "\x00" in text:
        text = text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")
    return text.encode("utf-8", "replace").replace(b"\n", b"\r\n")


def is_token(name: str) -> bool:
    """Whether a name stands for what differs from mail to mail; authors cannot write them."""
    is_hop = name.startswith("hop") and name.endswith("_") and name[3:-1].isdigit()
    return is_hop or name == "click_"


def _walk(context: Known, path: Path) -> Any:
    """What a path leads to; what is not there is as plain a value as any other."""
    value = context.resolve_or_missing(path[0])
    value = _MISSING if value is missing else value
    for name in path[1:]:
        if value is None or value is _MISSING:
            return _MISSING
        if type(value) is not dict:
            return value if type(value) not in PLAIN else ()
        value = value.get(name, _MISSING)
    return value


def _stored(tree: nodes.Node) -> Iterator[str]:
    for name in tree.find_all(nodes.Name):
        if name.ctx != "load":
            yield name.name
    for made in tree.find_all((nodes.Macro, nodes.CallBlock)):
        yield getattr(made, "name", "")


def _replace(
    body: list[nodes.Node],
    loops: list[Loop],
    stored: frozenset[str],
    compile_body: Callable[[nodes.Template], Template],
) -> None:
    for place, node in enumerate(body):
        if isinstance(node, nodes.If):
            for branch in (node.body, node.else_, *(each.body for each in node.elif_)):
                _replace(branch, loops, stored, compile_body)
        elif len(loops) >= _MAX_LOOPS:
            continue
        elif isinstance(node, nodes.For) and (read := _reading(node, stored)) is not None:
            assert isinstance(node.target, nodes.Name)
            tree = nodes.Template(copy.deepcopy(node.body), lineno=node.lineno)
            tree.set_environment(node.environment)  # type: ignore[arg-type]
            reads, given = read
            loops.append(Loop(node.target.name, reads, given, compile_body(tree)))
            body[place] = _call(node, len(loops) - 1)


def _call(loop: nodes.For, number: int) -> nodes.Output:
    """The statement in place of a loop; authors have no words for the names it uses."""
    call = nodes.Call(
        nodes.EnvironmentAttribute("fragments"),
        [nodes.Name(FRAGMENTS, "load"), nodes.Const(number), loop.iter],
        [],
        None,
        None,
    )
    made = nodes.Output([call], lineno=loop.lineno)
    made.set_lineno(loop.lineno)
    made.set_environment(loop.environment)  # type: ignore[arg-type]
    return made


def is_call(node: nodes.Output) -> bool:
    """Whether a statement is one that was put in place of a loop."""
    first = node.nodes[0] if node.nodes else None
    callee = first.node if isinstance(first, nodes.Call) else None
    return isinstance(callee, nodes.EnvironmentAttribute) and callee.name == "fragments"


def called(call: nodes.Output) -> tuple[int, nodes.Expr]:
    """Which loop such a statement runs, and over what."""
    made = call.nodes[0]
    assert isinstance(made, nodes.Call)
    _loops, number, items = made.args
    assert isinstance(number, nodes.Const)
    return number.value, items


def _reading(
    loop: nodes.For, stored: frozenset[str]
) -> tuple[Callable[[Any], Any] | None, tuple[Path, ...]] | None:
    """What a loop reads of its item and of the context; None if its turns cannot be shared."""
    if loop.else_ or loop.test or loop.recursive or not isinstance(loop.target, nodes.Name):
        return None
    item, paths = loop.target.name, set[Path]()
    if not all(collect(node, paths) for node in loop.body):
        return None
    own = {path[1:] for path in paths if path[0] == item}
    given = {path for path in paths if path[0] != item and not is_token(path[0])}
    if any(path[0] in stored or path[0] == "loop" for path in given):
        return None
    fields = sorted({path[0] for path in own if path})
    if fields and () in own:
        return None
    reads = itemgetter(*fields) if fields else None
    return reads, tuple(sorted(given.union(_READ_BY_FILTERS)))


def collect(node: nodes.Node, paths: set[Path]) -> bool:
    """Note every path that a node reads; False if something in it may not be shared."""
    if not isinstance(node, _ALLOWED):
        return False
    path = path_of(node)
    if path is not None:
        paths.add(path)
        return True
    return all(collect(child, paths) for child in node.iter_child_nodes())


def path_of(node: nodes.Node) -> Path | None:
    """The path that an expression is, if it is nothing but one."""
    if isinstance(node, nodes.Name):
        return (node.name,)
    if isinstance(node, nodes.Getattr):
        inner = path_of(node.node)
        return None if inner is None else (*inner, node.attr)
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        inner = path_of(node.node)
        named = isinstance(node.arg.value, str)
        return None if inner is None or not named else (*inner, node.arg.value)
    return None
