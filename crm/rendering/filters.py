"""The filters a template may use: Jinja2's harmless ones under guard, and a marketer's own."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import wraps
from typing import Any

from jinja2 import Undefined, pass_context, pass_eval_context
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.filters import make_attrgetter
from jinja2.nodes import EvalContext
from jinja2.runtime import Context

from crm.rendering import cutting, limits, plurals, wording
from crm.rendering.errors import FORBIDDEN, TOO_BIG, RenderError
from crm.rendering.limits import MAX_ITEMS, MAX_WIDTH, check_time, spend, spend_value

Filter = Callable[..., Any]
# Whatever is random, reaches attributes, or takes escaping away is not among them.
_FROM_JINJA = (  # noqa: SIM905
    "abs capitalize count d default dictsort e escape filesizeformat first float int "
    "items last length list lower map max min reject rejectattr reverse select selectattr "
    "sort string title unique upper urlencode wordcount"
).split()

# A list as text repeats its entries: a hundred times a long one, at once.
_OF_TEXTS = frozenset(
    {"capitalize", "default_name", "e", "escape", "format", "indent", "lower", "replace", "string"}
    | {"striptags", "title", "trim", "truncate", "upper", "urlencode", "wordcount"}
)
_OF_LISTS = frozenset(
    {"batch", "dictsort", "list", "map", "max", "min", "reject", "rejectattr", "select"}
    | {"recommend", "selectattr", "sort", "sum", "unique"}
)
_LAZY = frozenset({"map", "reject", "rejectattr", "select", "selectattr"})
_DIRECTIVE = re.compile(r"%(?:\([^)]{0,100}\))?(?P<flags>[#0\- +]{0,10})(?P<width>[\d*.]{0,20})")
_MAX_DIRECTIVES = 1_000
_MAX_FORMATTED = 500  # characters of the longest number
_MAX_STRIPPED = 50_000
MAX_RECOMMENDED = 100
_NO_PRODUCTS = "recommend takes a list of products, such as recommended."


def guarded(function: Filter, name: str = "") -> Filter:
    """Check the clock before a filter runs, what goes in, and account for what it makes."""
    place = 1 if hasattr(function, "jinja_pass_arg") else 0

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        check_time()
        if name in _OF_TEXTS:
            _check_texts(name, (*args[place:], *kwargs.values()))
        elif name in _OF_LISTS:
            args = (*args[:place], _counted(name, args[place]), *args[place + 1 :])
        result = function(*args, **kwargs)
        spend_value(result)
        return _bounded(result) if isinstance(result, Iterator) else result

    return run


def _check_texts(name: str, values: Iterable[object]) -> None:
    if any(isinstance(value, list | tuple | dict) for value in values):
        raise RenderError(FORBIDDEN, f"{name} takes texts and numbers, not lists.")


def _counted(name: str, value: Any) -> Any:
    """A list of bounded length; one that is gone through later is timed."""
    if isinstance(value, str | list | tuple | dict):
        if len(value) > MAX_ITEMS:
            raise RenderError(TOO_BIG, f"{name} takes at most {MAX_ITEMS:,} entries.")
        return _bounded(value) if name in _LAZY else value
    return value


def _bounded(entries: Iterable[Any]) -> Iterator[Any]:
    """Entries one by one, with a look at the clock at each, and not without end."""
    for number, entry in enumerate(entries):
        check_time()
        if number >= MAX_ITEMS:
            raise RenderError(TOO_BIG, f"The template makes a list of over {MAX_ITEMS:,} entries.")
        yield entry


def timed(entries: Iterable[Any]) -> Iterator[Any]:
    """Entries one by one, with a look at the clock at each."""
    for entry in entries:
        check_time()
        yield entry


def portion(value: object) -> object:
    """Let a value into a list made by a template: nothing that nests, so nothing doubles."""
    entries: Iterable[object] = ()
    if isinstance(value, list | tuple):
        entries = value
    elif isinstance(value, dict):
        entries = value.values()
    if any(isinstance(entry, list | tuple | dict) for entry in entries):
        raise RenderError(FORBIDDEN, "A list made in a template cannot hold nested lists.")
    return value


def replace(value: str, old: str, new: str, count: int | None = None) -> str:
    """Replace, after reckoning how long the result gets."""
    found = str(value).count(old) if old else len(value) + 1
    spend(len(value) + found * max(0, len(new) - len(old)))
    return str(value).replace(old, new, -1 if count is None else count)


def trim(value: Any, chars: str | None = None) -> Any:
    """Take characters away at both ends; only a few, for each is looked for at each place."""
    check_trimmed(chars)
    return JINJA_FILTERS["trim"](value, chars)


def check_trimmed(chars: object) -> None:
    """Refuse to look for more characters than anybody wants to take away."""
    if isinstance(chars, str) and len(chars) > MAX_WIDTH:
        raise RenderError(TOO_BIG, f"At most {MAX_WIDTH} characters can be trimmed.")


@pass_eval_context
def join(context: EvalContext, value: Iterable[Any], d: str = "", attribute: Any = None) -> Any:
    """Join a list of bounded length whose parts are bounded too."""
    of: Filter | None = None
    if attribute is not None:
        of = make_attrgetter(context.environment, attribute)
    parts = []
    for part in value:
        parts.append(of(part) if of else part)
        if len(parts) > MAX_ITEMS:
            raise RenderError(TOO_BIG, f"The template joins over {MAX_ITEMS:,} entries.")
    _check_texts("join", (*parts, d))
    spend(sum(len(str(part)) + len(d) for part in parts))
    return JINJA_FILTERS["join"](context, parts, d)


def format_(value: str, *args: Any, **kwargs: Any) -> str:
    """Printf formatting with widths that cannot pad without end."""
    pattern = str(value)
    if pattern.count("%") > _MAX_DIRECTIVES:
        raise RenderError(TOO_BIG, f"A format has at most {_MAX_DIRECTIVES:,} places.")
    directives = list(_DIRECTIVE.finditer(pattern))
    for directive in directives:
        numbers = directive["width"].split(".")
        if any(part == "*" or (part.isdigit() and int(part) > MAX_WIDTH) for part in numbers):
            raise RenderError(FORBIDDEN, f"A formatted value is at most {MAX_WIDTH} wide.")
    longest = max((len(str(each)) for each in (*args, *kwargs.values())), default=0)
    spend(len(pattern) + len(directives) * (longest + MAX_WIDTH + _MAX_FORMATTED))
    return pattern % (kwargs or args)


def indent(value: str, width: int = 4, first: bool = False) -> str:
    """Indent lines by a bounded width."""
    _check_width(width)
    spend(len(value) + value.count("\n") * width)
    padded = value.replace("\n", "\n" + " " * width)
    return " " * width + padded if first else padded


def round_(value: float, precision: int = 0) -> float:
    """Round to a bounded number of places."""
    _check_width(abs(precision))
    return round(value, precision)


def batch(value: Iterable[Any], size: int, fill_with: Any = None) -> list[list[Any]]:
    """Cut a list into rows of `size`, the last one filled up where a filler is given."""
    if not 1 <= size <= MAX_WIDTH:
        raise RenderError(FORBIDDEN, f"A batch has 1 to {MAX_WIDTH} entries.")
    portion(fill_with)
    entries = list(value)
    rows = [entries[start : start + size] for start in range(0, len(entries), size)]
    if rows and fill_with is not None:
        rows[-1] += [fill_with] * (size - len(rows[-1]))
    return rows


def default(value: Any, fallback: Any = "", boolean: bool = False) -> Any:
    """Take the fallback where the value is not known (or empty, with `boolean`)."""
    portion(fallback)
    return fallback if isinstance(value, Undefined) or (boolean and not value) else value


def sum_(value: Iterable[Any], attribute: str | None = None, start: float = 0) -> Any:
    """Add numbers up; `attribute` names the key to take from each entry."""
    if not isinstance(start, int | float | Decimal):
        raise RenderError(FORBIDDEN, "sum adds numbers only.")
    return sum((entry[attribute] if attribute else entry for entry in value), start)


def recommend(
    value: Iterable[Any],
    count: int = MAX_RECOMMENDED,
    category: str = "",
    below: float | None = None,
    above: float | None = None,
) -> list[Any]:
    """The first products of a list, each once: of a category, and between two prices."""
    if type(count) is not int or not 1 <= count <= MAX_RECOMMENDED:
        raise RenderError(FORBIDDEN, f"recommend shows 1 to {MAX_RECOMMENDED} products.")
    if not all(bound is None or _is_number(bound) for bound in (below, above)):
        raise RenderError(FORBIDDEN, "recommend compares prices with numbers only.")
    if not isinstance(value, Iterable) or isinstance(value, str | dict):
        raise RenderError(FORBIDDEN, _NO_PRODUCTS)
    wanted, found = str(category).casefold(), dict[object, Any]()
    for product in value:
        if not _is_product(product):
            raise RenderError(FORBIDDEN, _NO_PRODUCTS)
        is_of_it = not wanted or str(product["category"]).casefold() == wanted
        if is_of_it and _is_between(product["price"], above, below):
            found.setdefault(product["sku"], product)
    return list(found.values())[:count]


def _is_product(value: object) -> bool:
    return (
        isinstance(value, dict)
        and {"sku", "category", "price"} <= value.keys()
        and _is_number(value["price"])
    )


def _is_between(price: float, above: float | None, below: float | None) -> bool:
    return (above is None or price > above) and (below is None or price < below)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def truncate(
    value: str, length: int = 255, killwords: bool = False, end: str = "...", leeway: int = 5
) -> str:
    """At most so many characters, with what shows that there were more; no sign is torn."""
    if length < len(end) or leeway < 0:
        message = f"truncate leaves room for “{end}”: at least {len(end)} characters."
        raise RenderError(FORBIDDEN, message)
    if len(value) <= length + leeway:
        return value
    kept = cutting.cut(value, length - len(end))
    return (kept if killwords else kept.rsplit(" ", 1)[0]) + end


def striptags(value: str) -> str:
    """Drop HTML tags from a text of bounded length."""
    if len(value) > _MAX_STRIPPED:
        raise RenderError(TOO_BIG, f"striptags takes at most {_MAX_STRIPPED:,} characters.")
    plain: str = JINJA_FILTERS["striptags"](value)
    return plain


@pass_context
def plural(context: Context, count: float, *words: str, language: str = "") -> str:
    """Choose the word that goes with a count, of as many as the reader's language has."""
    if not words:
        raise RenderError(FORBIDDEN, "plural takes the words for one and for more.")
    if not _is_number(count):
        return words[-1]
    known = language or _language(context)
    return words[plurals.place(count, words=len(words), language=known)]


@pass_context
def money(context: Context, amount: Any, currency: str = "", language: str = "") -> str:
    """An amount with its currency; both words default to the context's."""
    code = currency or str(_known(context, "currency", "EUR"))
    return wording.money(amount, currency=code, language=language or _language(context))


@pass_context
def date(context: Context, value: dt.date | str, language: str = "", zone: str = "") -> str:
    """A day in the reader's language and zone."""
    return wording.date(value, language=language or _language(context), zone=zone or _zone(context))


@pass_context
def datetime(context: Context, value: dt.date | str, language: str = "", zone: str = "") -> str:
    """A moment in the reader's language and zone."""
    return wording.moment(
        value, language=language or _language(context), zone=zone or _zone(context)
    )


@pass_context
def weekday(context: Context, value: dt.date | str, language: str = "", zone: str = "") -> str:
    """The name of the weekday in the reader's language and zone."""
    return wording.weekday(
        value, language=language or _language(context), zone=zone or _zone(context)
    )


@pass_context
def default_name(context: Context, value: Any, fallback: str = "") -> str:
    """A name, or a friendly word where there is none."""
    name = "" if value is None or isinstance(value, Undefined) else wording.name_of(str(value))
    return name or fallback or wording.stranger(_language(context))


def build() -> dict[str, Filter]:
    """Every filter by its name, each under guard."""
    own: dict[str, Filter] = {
        "batch": batch,
        "d": default,
        "date": date,
        "datetime": datetime,
        "default": default,
        "default_name": default_name,
        "format": format_,
        "indent": indent,
        "join": join,
        "money": money,
        "plural": plural,
        "portion_": portion,
        "recommend": recommend,
        "replace": replace,
        "round": round_,
        "striptags": striptags,
        "timed_": timed,
        "sum": sum_,
        "trim": trim,
        "truncate": truncate,
        "weekday": weekday,
    }
    borrowed = {name: JINJA_FILTERS[name] for name in _FROM_JINJA}
    return {name: guarded(function, name) for name, function in (borrowed | own).items()}


def limited_range(*bounds: int) -> range:
    """Python's range, of at most 1,000 numbers."""
    numbers = range(*bounds)
    if len(numbers) > limits.MAX_RANGE:
        raise RenderError(TOO_BIG, f"A range has at most {limits.MAX_RANGE:,} numbers.")
    return numbers


def _check_width(width: int) -> None:
    if not isinstance(width, int) or not 0 <= width <= MAX_WIDTH:
        raise RenderError(FORBIDDEN, f"A width or precision is at most {MAX_WIDTH}.")


def _known(context: Context, name: str, fallback: str) -> object:
    value = context.parent.get(name)
    return fallback if value in (None, "") else value


def _language(context: Context) -> str:
    return str(_known(context, "language", "en"))


def _zone(context: Context) -> str:
    return str(_known(context, "timezone", "UTC"))
