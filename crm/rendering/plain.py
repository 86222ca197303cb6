"""Plain data: the only things a template may see."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

MAX_DEPTH = 12
# Exact types: a subclass may carry methods, or claim (as Markup does) that it needs no escaping.
SCALARS = frozenset({str, int, float, bool, type(None), dt.datetime, dt.date, dt.time})
MAX_EXPONENT = 100


def check_plain(variables: Mapping[str, object]) -> None:
    """Raise TypeError, naming the place, unless everything inside is plain data."""
    _check(dict(variables), "variables", MAX_DEPTH)


def _check(value: object, place: str, depth: int) -> None:
    kind = type(value)
    if kind in SCALARS:
        return
    if depth == 0:
        raise TypeError(f"{place} is nested too deeply.")
    if isinstance(value, Decimal):
        _check_decimal(value, place)
    elif kind is dict:
        _check_mapping(value, place, depth)  # type: ignore[arg-type]
    elif kind in (list, tuple):
        for index, item in enumerate(value):  # type: ignore[arg-type, var-annotated]
            if type(item) not in SCALARS:
                _check(item, f"{place}[{index}]", depth - 1)
    else:
        raise TypeError(f"{place}: a template sees plain data only, not {kind.__qualname__}.")


def _check_decimal(value: Decimal, place: str) -> None:
    if not value.is_finite() or abs(value.adjusted()) > MAX_EXPONENT:
        raise TypeError(f"{place} is not a number anybody writes: {value}.")


def _check_mapping(value: dict[object, object], place: str, depth: int) -> None:
    for key, item in value.items():
        if type(key) not in (str, int):
            raise TypeError(f"{place}: a key must be a str or an int, not {key!r}.")
        if type(item) not in SCALARS:
            _check(item, f"{place}.{key}", depth - 1)
