"""Plain data: the only things a template may see."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

MAX_DEPTH = 12
# Exact types: a subclass may carry methods, or claim (as Markup does) that it needs no escaping.
SCALARS = frozenset({str, int, float, bool, type(None), dt.datetime, dt.date, dt.time})
_KEYS = frozenset({str, int})
MAX_EXPONENT = 100
_MAX_SHARED = 50_000
_shared: dict[int, dict[str, Any]] = {}


class Plain(dict[str, Any]):
    """Variables that are plain by the way they were made, so that nobody looks again."""


def check_plain(variables: Mapping[str, object]) -> None:
    """Raise TypeError, naming the place, unless everything inside is plain data."""
    if type(variables) is not Plain:
        _check(dict(variables), "variables", MAX_DEPTH)


def share(value: dict[str, Any]) -> dict[str, Any]:
    """Check a value once that many customers share (a product); it must never be changed again.

    What was printed for it is remembered under its identity.
    """
    _check(value, "shared", MAX_DEPTH)
    if len(_shared) >= _MAX_SHARED:
        _shared.clear()
    _shared[id(value)] = value
    return value


def is_shared(value: object) -> bool:
    """Whether this very object was shared, so that it is plain and stays as it is."""
    return _shared.get(id(value)) is value


def _check(value: object, place: str, depth: int) -> None:
    kind = type(value)
    if kind in SCALARS or _shared.get(id(value)) is value:
        return
    if depth == 0:
        raise TypeError(f"{place} is nested too deeply.")
    if isinstance(value, Decimal):
        _check_decimal(value, place)
    elif kind is dict:
        _check_mapping(value, place, depth)  # type: ignore[arg-type]
    elif kind in (list, tuple):
        _check_list(value, place, depth)  # type: ignore[arg-type]
    else:
        raise TypeError(f"{place}: a template sees plain data only, not {kind.__qualname__}.")


def _check_list(value: Sequence[object], place: str, depth: int) -> None:
    if SCALARS.issuperset(map(type, value)):
        return
    shared = _shared.get
    for index, item in enumerate(value):
        if shared(id(item)) is not item:
            _check(item, f"{place}[{index}]", depth - 1)


def _check_decimal(value: Decimal, place: str) -> None:
    if not value.is_finite() or abs(value.adjusted()) > MAX_EXPONENT:
        raise TypeError(f"{place} is not a number anybody writes: {value}.")


def _check_mapping(value: dict[object, object], place: str, depth: int) -> None:
    if not _KEYS.issuperset(map(type, value)):
        wrong = next(key for key in value if type(key) not in _KEYS)
        raise TypeError(f"{place}: a key must be a str or an int, not {wrong!r}.")
    if SCALARS.issuperset(map(type, value.values())):
        return
    for key, item in value.items():
        if type(item) not in SCALARS:
            _check(item, f"{place}.{key}", depth - 1)
