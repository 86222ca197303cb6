"""The Jinja2 environment: immutable sandbox, strict undefined, frozen names, capped work."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.compiler import CodeGenerator, Frame, operators
from jinja2.runtime import Context, LoopContext, Macro, markup_join, str_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS as JINJA_TESTS
from markupsafe import Markup, escape

from crm.rendering import filters, fragments, names, weighing
from crm.rendering.errors import FORBIDDEN, RenderError
from crm.rendering.limits import MAX_INT_BITS, check_compiling, check_time, spend, spend_value
from crm.rendering.slots import Hop

_TEXT_METHODS = frozenset(
    {"capitalize", "isdigit", "lower", "split", "strip", "lstrip", "rstrip", "title", "upper"}
    | {"startswith", "endswith"}
)
_STRIPPING = frozenset({"strip", "lstrip", "rstrip"})
_DAY = frozenset(["year", "month", "day", "weekday", "isoformat"])
_CLOCK = frozenset(["hour", "minute", "second"])
_LOOP = frozenset(
    {"changed", "cycle", "depth", "first", "index", "index0", "last", "length", "revindex"}
    | {"nextitem", "previtem"}
)
# What may be reached with a dot, per exact type; everything else is simply not there.
ATTRIBUTES: Mapping[type, frozenset[str]] = {
    str: _TEXT_METHODS,
    Markup: _TEXT_METHODS,
    dict: frozenset({"get", "items", "keys", "values"}),
    dt.date: _DAY,
    dt.datetime: _DAY | _CLOCK | {"date"},
    dt.time: _CLOCK,
    LoopContext: _LOOP,
}
_NUMBERS = (int, float, Decimal)
_PRINTED = frozenset(
    {str, Markup, int, float, bool, Decimal, dt.datetime, dt.date, dt.time, Hop, fragments.Mark}
)


class _LimitedGenerator(CodeGenerator):
    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        check_compiling()
        return super().visit(node, *args, **kwargs)

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        kind = "html" if frame.eval_ctx.autoescape else "text"
        self.write(f"environment.print_{kind}(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write(")")

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:  # noqa: N802
        if not fragments.is_call(node):
            super().visit_Output(node, frame)
            return
        self.writeline("yield environment.fragments(context, ", node)
        for argument in node.nodes[0].args:  # type: ignore[attr-defined]
            self.visit(argument, frame)
            self.write(", ")
        self.write(")")

    def visit_Operand(self, node: nodes.Operand, frame: Frame) -> None:  # noqa: N802
        self.write(f" {operators[node.op]} environment.weighed(")
        self.visit(node.expr, frame)
        self.write(")")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802
        is_piece = isinstance(node.arg, nodes.Slice)
        self.write("environment.piece(" if is_piece else "")
        super().visit_Getitem(node, frame)
        self.write(")" if is_piece else "")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        name = "join_markup" if frame.eval_ctx.autoescape else "join_text"
        self.write(f"environment.{name}((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2 with everything dangerous or endless taken out."""

    code_generator_class = _LimitedGenerator
    intercepted_binops = frozenset({"+", "*", "%", "**"})

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(
            autoescape=autoescape,
            undefined=StrictUndefined,
            finalize=finalize,
            optimized=False,
            keep_trailing_newline=True,
            cache_size=0,
        )
        heavy = {name: filters.guarded(each, name) for name, each in weighing.FILTERS.items()}
        self.filters = filters.build() | heavy
        tests: Any = JINJA_TESTS
        self.tests = {
            name: filters.guarded(weighing.comparing(name, tests[name])) for name in names.TESTS
        }
        self.globals = {"range": filters.limited_range}
        self.shown = self.print_html if autoescape else self.print_text

    @property
    def tick(self) -> None:
        """Look at the clock; compiled into every loop, macro and block."""
        check_time()

    @staticmethod
    def print_html(value: Any) -> str:
        """What `{{ … }}` prints in HTML; most of it is short words, for which this is quick."""
        if type(value) is int:
            return str(value)
        if type(value) is not str:
            return str(escape(finalize(value)))
        if value.isalnum():
            return value
        text: str = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return text.replace("'", "&#39;").replace('"', "&#34;")

    @staticmethod
    def print_text(value: Any) -> str:
        """What `{{ … }}` prints in plain text."""
        return value if type(value) is str else str(finalize(value))

    @staticmethod
    def fragments(
        context: Context, loops: list[fragments.Loop], number: int, items: Any
    ) -> list[fragments.Fragment]:
        """What a loop prints whose turns are shared between mails."""
        loop = loops[number]
        return fragments.run(context, loop, items, fragments.given_to(loop, context))

    @staticmethod
    def concat(parts: Any) -> str:
        """Join the output of a block, macro or `set` under the size cap."""
        pieces = list(parts)
        spend(sum(map(len, pieces)))
        return "".join(pieces)

    weighed = staticmethod(weighing.weighed)

    @staticmethod
    def piece(value: Any) -> Any:
        """A part of a text or list, accounted for: it is a new one."""
        spend_value(value)
        return value

    def join_text(self, parts: tuple[Any, ...]) -> str:
        """What `~` does in plain text."""
        return str_join(_accounted(parts))

    def join_markup(self, parts: tuple[Any, ...]) -> str:
        """What `~` does in HTML."""
        return markup_join(_accounted(parts))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A key of a dict first, else what the type's list allows, else undefined."""
        kind = type(obj)
        if kind is dict and attribute in obj:
            return obj[attribute]
        if attribute in ATTRIBUTES.get(kind, ()):
            return getattr(obj, attribute)
        return self._absent(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An entry of a dict, list or text; attributes cannot be reached this way."""
        if type(obj) in (dict, list, tuple, str, Markup):
            try:
                return obj[argument]
            except (TypeError, LookupError):
                pass
        return self._absent(obj, argument)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call what a template may call: macros, listed methods and globals."""
        check_time()
        if not isinstance(obj, Macro | LoopContext | Undefined) and not _is_listed(obj):
            raise RenderError(FORBIDDEN, f"A template cannot call {type(obj).__name__}.")
        if getattr(obj, "__name__", "") in _STRIPPING:
            for argument in args:
                filters.check_trimmed(argument)
        if isinstance(getattr(obj, "__self__", None), LoopContext):
            weighing.weigh(args)
        result = context.call(obj, *args, **kwargs)
        spend_value(result)
        return result

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic on numbers of sane size, and `+` on texts."""
        check_time()
        if isinstance(left, Undefined):
            _fail(left)
        if isinstance(right, Undefined):
            _fail(right)
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            spend(len(left) + len(right))
        elif not (isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS)):
            raise RenderError(FORBIDDEN, f"“{operator}” works on numbers only; see |format.")
        elif operator == "**" or _bits(left) + _bits(right) > MAX_INT_BITS:
            raise RenderError(FORBIDDEN, f"“{operator}” makes a number that is too large.")
        result = self.binop_table[operator](left, right)
        if isinstance(result, Decimal) and abs(result.adjusted()) > MAX_INT_BITS:
            raise RenderError(FORBIDDEN, f"“{operator}” makes a number that is too large.")
        return result

    def _absent(self, obj: Any, name: Any) -> Any:
        if isinstance(obj, Undefined):
            _fail(obj)
        hint = f"'{name}' is undefined: nothing here is called that." if type(obj) is dict else None
        return self.undefined(hint=hint, obj=obj, name=name)


def finalize(value: Any) -> Any:
    """Print scalars, nothing for None, and never a list or an object."""
    if type(value) in _PRINTED or isinstance(value, Undefined):
        return value
    if value is None:
        return ""
    raise RenderError(
        FORBIDDEN, f"A {type(value).__name__} cannot be printed; take a part of it or loop over it."
    )


def _accounted(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    printed = tuple(finalize(part) for part in parts)
    spend(sum(len(str(part)) for part in printed))
    return printed


def _is_listed(obj: Any) -> bool:
    if obj is filters.limited_range:
        return True
    owner = getattr(obj, "__self__", None)
    return getattr(obj, "__name__", "") in ATTRIBUTES.get(type(owner), ())


def _bits(number: Any) -> int:
    return number.bit_length() if isinstance(number, int) else 0


def _fail(undefined: Undefined) -> NoReturn:
    undefined._fail_with_undefined_error()
