"""Templates that are a row of passages: texts, and holes that are filled without running Jinja.

Most templates are that: words with names, prices and conditions in between. What a hole prints is
kept under the values that it reads, so that it is worked out once for all who have the same. Where
anything is unusual (a name that is not known, a list where a text should be) the passages are left
and the template runs, which says what is wrong: what both print is the same.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jinja2 import Template, nodes

from crm.rendering import fragments
from crm.rendering.fragments import CLICK, Path, collect, is_token, path_of

CompileBody = Callable[[nodes.Template], Template]

_MAX_BODIES = 200  # each is compiled by itself


@dataclass(frozen=True, slots=True)
class Link:
    """Where the address of clicks stands, or the position of a link after it."""

    slot: int


@dataclass(frozen=True, slots=True)
class Value:
    """A value that is printed, or asked for, as it is."""

    path: Path


@dataclass(frozen=True, slots=True)
class Worked:
    """An expression with all that it reads, where that is known."""

    body: Template
    reads: tuple[Path, ...] | None


@dataclass(frozen=True, slots=True)
class Cards:
    """A loop that was taken out, over the items that are found under a path."""

    number: int
    items: Path


@dataclass(frozen=True, slots=True)
class Fork:
    """What is printed under which condition, the first that holds; and where none does."""

    choices: tuple[tuple[Value | Worked, "Passages"], ...]
    otherwise: "Passages"


Passage = str | Link | Value | Worked | Cards | Fork
Passages = tuple[Passage, ...]


class NotPlain(Exception):  # noqa: N818 - it names what is met, and is nobody's mistake
    """A part of a template that only Jinja can run."""


def read(tree: nodes.Template, compile_body: CompileBody) -> Passages | None:
    """A part as a row of passages, once its loops are taken out; None if it is more than that."""
    try:
        return _Reader(compile_body).passages(tree.body)
    except NotPlain:
        return None


@dataclass(slots=True)
class _Reader:
    compile_body: CompileBody
    bodies: int = 0

    def passages(self, body: Iterable[nodes.Node]) -> Passages:
        found: list[Passage] = []
        for node in body:
            if isinstance(node, nodes.If):
                found.append(self._fork(node))
            elif isinstance(node, nodes.Output):
                found += [self._cards(node)] if fragments.is_call(node) else self._printed(node)
            else:
                raise NotPlain
        return tuple(found)

    def _fork(self, node: nodes.If) -> Fork:
        branches = [node, *node.elif_]
        return Fork(
            tuple((self._test(each.test), self.passages(each.body)) for each in branches),
            self.passages(node.else_),
        )

    def _test(self, test: nodes.Node) -> Value | Worked:
        path = path_of(test)
        if path is not None:
            return Value(path)
        holds = nodes.Output([nodes.TemplateData("1")])
        return self._worked(test, nodes.If(test, [holds], [], []))

    @staticmethod
    def _cards(node: nodes.Output) -> Cards:
        number, items = fragments.called(node)
        path = path_of(items)
        if path is None:
            raise NotPlain
        return Cards(number, path)

    def _printed(self, node: nodes.Output) -> list[Passage]:
        found: list[Passage] = []
        for each in node.nodes:
            path = path_of(each)
            if isinstance(each, nodes.TemplateData):
                found.append(each.data)
            elif path is None:
                found.append(self._worked(each, nodes.Output([each])))
            elif is_token(path[0]):
                found.append(Link(CLICK if path[0] == "click_" else int(path[0][3:-1])))
            else:
                found.append(Value(path))
        return found

    def _worked(self, expression: nodes.Node, statement: nodes.Stmt) -> Worked:
        self.bodies += 1
        if self.bodies > _MAX_BODIES:
            raise NotPlain
        names = {name.name for name in expression.find_all(nodes.Name)}
        if any(map(is_token, names)):
            raise NotPlain
        tree = nodes.Template([statement], lineno=expression.lineno)
        for node in (tree, statement):
            node.set_lineno(expression.lineno)
            node.set_environment(expression.environment)  # type: ignore[arg-type]
        paths = set[Path]()
        is_known = collect(expression, paths)
        return Worked(self.compile_body(tree), tuple(sorted(paths)) if is_known else None)
