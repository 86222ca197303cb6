"""What comparing costs: every text in a list may be looked at whole, as often as it stands there.

Lists hold the same long text many times at no cost; sorting and comparing them is not free.
"""

from collections.abc import Callable, ItemsView, Iterable, ValuesView
from typing import Any

from jinja2 import Environment, pass_environment
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.filters import make_multi_attrgetter

from crm.rendering.errors import TOO_BIG, RenderError
from crm.rendering.limits import check_time, spend

_MAX_DIGITS = 100
_HOLDERS = (list, tuple, dict, ValuesView, ItemsView)
_COMPARING = frozenset({"eq", "equalto", "ge", "gt", "in", "le", "lt", "ne"})


def weighed(value: Any) -> Any:
    """What something is compared with, accounted for where it holds others."""
    check_time()
    if isinstance(value, _HOLDERS):
        weigh(value)
    return value


def weigh(held: Iterable[Any]) -> None:
    """Account for every text in a list or dict, and in those that it holds."""
    waiting = [held]
    while waiting:
        check_time()
        entries = waiting.pop()
        for entry in entries.values() if isinstance(entries, dict) else entries:
            if isinstance(entry, str):
                spend(len(entry))
            elif isinstance(entry, _HOLDERS):
                waiting.append(entry)


def comparing(name: str, test: Callable[..., bool]) -> Callable[..., bool]:
    """A test of Jinja's that weighs what it compares with."""
    if name not in _COMPARING:
        return test

    def run(value: Any, other: Any) -> bool:
        return test(value, weighed(other))

    return run


@pass_environment
def sort(
    environment: Environment,
    value: Iterable[Any],
    reverse: bool = False,
    case_sensitive: bool = False,
    attribute: str | int | None = None,
) -> Any:
    """Sort; the small letters by which it is done are made of every entry at once."""
    entries = _by_keys(environment, value, attribute)
    return JINJA_FILTERS["sort"](environment, entries, reverse, case_sensitive, attribute)


@pass_environment
def least(
    environment: Environment,
    value: Iterable[Any],
    case_sensitive: bool = False,
    attribute: str | int | None = None,
) -> Any:
    """The smallest entry."""
    entries = _by_keys(environment, value, attribute)
    return JINJA_FILTERS["min"](environment, entries, case_sensitive, attribute)


@pass_environment
def greatest(
    environment: Environment,
    value: Iterable[Any],
    case_sensitive: bool = False,
    attribute: str | int | None = None,
) -> Any:
    """The largest entry."""
    entries = _by_keys(environment, value, attribute)
    return JINJA_FILTERS["max"](environment, entries, case_sensitive, attribute)


def dictsort(
    value: dict[Any, Any], case_sensitive: bool = False, by: Any = "key", reverse: bool = False
) -> Any:
    """The pairs of a dict, sorted by key or by value."""
    weigh((*value.keys(), value))
    return JINJA_FILTERS["dictsort"](value, case_sensitive, by, reverse)


def whole_number(value: Any, default: int = 0, base: int = 10) -> int:
    """A whole number of bounded length: dividing long ones takes squares of their digits."""
    if isinstance(value, str) and len(value) > _MAX_DIGITS:
        raise RenderError(TOO_BIG, f"A number has at most {_MAX_DIGITS} digits.")
    number: int = JINJA_FILTERS["int"](value, default, base)
    return number


FILTERS: dict[str, Callable[..., Any]] = {
    "dictsort": dictsort,
    "int": whole_number,
    "max": greatest,
    "min": least,
    "sort": sort,
}


def _by_keys(
    environment: Environment, value: Iterable[Any], attribute: str | int | None
) -> list[Any]:
    entries, keys_of = list(value), make_multi_attrgetter(environment, attribute)
    for entry in entries:
        weigh(keys_of(entry))
    return entries
