"""What is refused in a template before it runs, and the ticks that keep it stoppable."""

from collections.abc import Iterator
from typing import Any

from jinja2 import Environment, TemplateError, nodes
from jinja2.meta import TrackingCodeGenerator

from crm.rendering.errors import FAILED, FORBIDDEN, SYNTAX, TOO_BIG, RenderError
from crm.rendering.limits import MAX_INT_BITS, MAX_NODES, MAX_SOURCE, check_compiling

_REFUSED: dict[type[nodes.Node], str] = {
    nodes.EvalContextModifier: "Escaping cannot be switched off.",
    nodes.ScopedEvalContextModifier: "Escaping cannot be switched off.",
    nodes.Extends: "No layout can be extended here; snippets are for templates.",
    nodes.Include: "No snippet can be included here; snippets are for templates.",
    nodes.Import: "No snippet can be imported here; snippets are for templates.",
    nodes.FromImport: "No snippet can be imported here; snippets are for templates.",
    nodes.Pow: "Powers are not available in templates.",
    nodes.NSRef: "Variables cannot be set on an object.",
}
_TICKED = (nodes.For, nodes.Macro, nodes.CallBlock, nodes.Block)
_DICT_METHODS = frozenset({"get", "items", "keys", "values"})
_MACRO_NAMES = frozenset({"varargs", "kwargs"})
_LITERALS = (nodes.List, nodes.Tuple, nodes.Dict, nodes.Const)


class _Tracker(TrackingCodeGenerator):
    """Finds what is not declared, and tries no constants: that takes squares of their number."""

    def __init__(self, environment: Environment | None) -> None:
        assert environment is not None, "A parsed template knows its environment."
        super().__init__(environment)
        self.optimizer = None

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        check_compiling()
        return super().visit(node, *args, **kwargs)


def parse(environment: Environment, source: str) -> nodes.Template:
    """Parse a source of bounded size, or say what is wrong and in which line."""
    if len(source) > MAX_SOURCE:
        raise RenderError(TOO_BIG, f"A template has at most {MAX_SOURCE:,} characters.")
    try:
        check_compiling()
        tree = environment.parse(source)
        check_compiling()
        if sum(1 for _ in _walk(tree)) > MAX_NODES:
            raise RenderError(TOO_BIG, "The template is too complicated.")
        return tree
    except TemplateError as error:
        line = getattr(error, "lineno", 0) or 0
        raise RenderError(SYNTAX, error.message or "The template is broken.", line) from None
    except (RecursionError, ValueError, OverflowError) as error:
        raise RenderError(FAILED, f"The template cannot be read: {error}") from None


def restrain(tree: nodes.Template) -> None:
    """Refuse what is not allowed and put a look at the clock into everything that repeats."""
    for node in list(_walk(tree)):
        _refuse(node)
        if isinstance(node, nodes.List | nodes.Tuple | nodes.Dict):
            _portion_items(node)
        if isinstance(node, nodes.For) and node.test is not None:
            # Entries that are all left out never come to the look in the body.
            node.iter = _filtered(node.iter, "timed_")
        if isinstance(node, _TICKED):
            look = nodes.EnvironmentAttribute("tick", lineno=node.lineno)
            tick = nodes.ExprStmt(look, lineno=node.lineno)
            tick.set_environment(node.environment or tree.environment)  # type: ignore[arg-type]
            node.body.insert(0, tick)


def variables_of(tree: nodes.Template) -> frozenset[str]:
    """Every outside variable a template uses, with the path it takes: `customer.first_name`."""
    try:
        tracker = _Tracker(tree.environment)
        tracker.visit(tree)
        roots = tracker.undeclared_identifiers
    except TemplateError as error:
        line = getattr(error, "lineno", 0) or 0
        raise RenderError(SYNTAX, error.message or "The template is broken.", line) from None
    except RecursionError:
        raise RenderError(FAILED, "The template is nested too deeply.") from None
    paths = {path for node in _walk(tree) if (path := _path(node)) and path.split(".")[0] in roots}
    return frozenset(p for p in paths if not any(q.startswith(f"{p}.") for q in paths))


def reads_of(tree: nodes.Template) -> frozenset[str]:
    """Every path of an outside variable that is read, whole or in part: all it can depend on."""
    found: set[str] = set()
    stack: list[nodes.Node] = [tree]
    while stack:
        node = stack.pop()
        if path := _path(node):
            found.add(_up_to_a_method(path))
        else:
            stack.extend(node.iter_child_nodes())
    return frozenset(found)


def _up_to_a_method(path: str) -> str:
    """What may be the method of a dict reads all of the dict."""
    names = path.split(".")
    ends = next((place for place, name in enumerate(names) if name in _DICT_METHODS), len(names))
    return ".".join(names[: max(1, ends)])


def _walk(tree: nodes.Node) -> Iterator[nodes.Node]:
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(list(node.iter_child_nodes())))


def _refuse(node: nodes.Node) -> None:
    message = _REFUSED.get(type(node))
    if message:
        raise RenderError(FORBIDDEN, message, node.lineno)
    if isinstance(node, nodes.Name) and node.name in _MACRO_NAMES:
        raise RenderError(FORBIDDEN, f"“{node.name}” is not available.", node.lineno)
    if isinstance(node, nodes.Const) and _is_huge(node.value):
        raise RenderError(TOO_BIG, "A number is too large.", node.lineno)
    if isinstance(node, nodes.Call) and (node.dyn_args or node.dyn_kwargs):
        raise RenderError(FORBIDDEN, "Arguments cannot be unpacked.", node.lineno)
    if _attribute(node).startswith("_"):
        raise RenderError(FORBIDDEN, "Names that begin with “_” are private.", node.lineno)


def _is_huge(value: object) -> bool:
    return isinstance(value, int) and value.bit_length() > MAX_INT_BITS


def _attribute(node: nodes.Node) -> str:
    if isinstance(node, nodes.Getattr):
        return node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return node.arg.value if isinstance(node.arg.value, str) else ""
    return node.name if isinstance(node, nodes.Name) else ""


def _portion_items(literal: nodes.List | nodes.Tuple | nodes.Dict) -> None:
    if isinstance(literal, nodes.Dict):
        for pair in literal.items:
            pair.value = _portioned(pair.value)
    elif not (isinstance(literal, nodes.Tuple) and literal.ctx != "load"):
        literal.items = [_portioned(item) for item in literal.items]


def _portioned(node: nodes.Expr) -> nodes.Expr:
    if isinstance(node, _LITERALS):
        return node
    return _filtered(node, "portion_")


def _filtered(node: nodes.Node, name: str) -> nodes.Expr:
    wrapped = nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
    if node.environment is not None:
        wrapped.set_environment(node.environment)
    return wrapped


def _path(node: nodes.Node) -> str:
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr | nodes.Getitem):
        inner, name = _path(node.node), _attribute(node)
        return f"{inner}.{name}" if inner and name else ""
    return ""
