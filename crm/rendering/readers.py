"""What reads the values under paths, and what tells such values apart."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from crm.rendering.fragments import PLAIN, Path

# What readers raise where there is nothing under their path.
NOT_THERE = (KeyError, TypeError)

_METHODS = frozenset({"get", "items", "keys", "values"})
# Begins the key of what is not there, so that no value has the same.
_ABSENT = object()


def reader_of(path: Path) -> Callable[[Mapping[str, Any]], Any]:
    """What gives the value under a path; KeyError and TypeError say that it is not there."""
    if len(path) == 1:
        return itemgetter(path[0])
    if len(path) == 2:
        first, second = path

        def read_two(variables: Mapping[str, Any]) -> Any:
            return variables[first][second]

        return read_two

    def read_more(variables: Mapping[str, Any]) -> Any:
        value: Any = variables
        for name in path:
            value = value[name]
        return value

    return read_more


def key_of(paths: tuple[Path, ...]) -> Callable[[Mapping[str, Any]], object]:
    """What gives the values under these paths, told apart by kind; None if they are not plain."""
    readers = [(path, reader_of(path)) for path in paths]
    if len(readers) == 1:
        return lambda variables: _read_key(variables, *readers[0])

    def keys_of(variables: Mapping[str, Any]) -> object:
        keys = tuple([_read_key(variables, *reader) for reader in readers])
        return None if None in keys else keys

    return keys_of


def _read_key(
    variables: Mapping[str, Any], path: Path, read: Callable[[Mapping[str, Any]], Any]
) -> object:
    try:
        return _keyed(read(variables))
    except NOT_THERE:
        return _absent(variables, path)


def _absent(variables: Mapping[str, Any], path: Path) -> object:
    """Where a path ends too early, which a filter may have words for."""
    value: Any = variables
    for depth, name in enumerate(path):
        if value is None:
            return (_ABSENT, depth, None)
        if not isinstance(value, dict) or name in _METHODS:
            return None
        if name not in value:
            return (_ABSENT, depth)
        value = value[name]
    return None


def _keyed(value: Any) -> object:
    """One and True and 1.0 are equal but print differently, and so do 0.0 and -0.0."""
    kind = type(value)
    if kind is str:
        return value
    if kind is datetime:
        return (kind, value) if value.tzinfo is UTC else None
    return (kind, value) if kind in PLAIN and (kind is not float or value) else None
