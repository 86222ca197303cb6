"""What a message keeps of its variables: what its template read, in a form that can be read again.

JSON knows no moments and no exact numbers: they are kept under a mark. What many messages show
alike is kept once, and named by its number.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
from django.db import connection

from crm.models import SharedValue
from crm.rendering import is_shared

_MOMENT, _DAY, _NUMBER, _SHARED = "$moment", "$day", "$number", "$shared"
# Around what only looks like a mark of ours.
_PLAIN = "$plain"
# Filters read these, whatever the template names.
_ALWAYS = ("language", "timezone", "currency")
_MAX_KNOWN = 50_000
# The numbers of what is shared by its identity; it is held on to, lest another gets it.
_known: dict[int, int] = {}
_held: list[Any] = []

_KEEP = """
    INSERT INTO crm_sharedvalue (key, value)
    SELECT decode(told.key, 'hex'), told.value
    FROM json_to_recordset(%s) AS told (key text, value jsonb) ORDER BY 1
    ON CONFLICT (key) DO NOTHING
"""
# A statement of its own: what another worker wrote meanwhile is seen only by the next one.
_FIND = """
    SELECT id, encode(key, 'hex') FROM crm_sharedvalue
    WHERE key = ANY(ARRAY(SELECT decode(told.key, 'hex') FROM unnest(%s::text[]) AS told (key)))
"""

Tree = Mapping[str, "Tree | None"]
# What is shared, by its identity.
New = dict[int, Any]


class Kept(dict[str, Any]):
    """What a message keeps, in the form that JSON holds."""


def keep_many(*, many: Mapping[int, Mapping[str, Any]], paths: Collection[str]) -> dict[int, Kept]:
    """What messages keep of variables: only what is named by these paths, all a template reads.

    What is shared with others is written down here; commit it before the messages that name it.
    """
    keep, new = _keeper(frozenset(paths)), New()
    kept = {key: keep(variables, new) for key, variables in many.items()}
    if not new:
        return kept
    _number(new.values())
    return {key: keep(variables, {}) for key, variables in many.items()}


def _number(items: Collection[Any]) -> None:
    """Write down what is shared and has no number yet."""
    keys = {_fingerprint(item): item for item in items}
    rows = [{"key": key, "value": item} for key, item in keys.items()]
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [json.dumps(rows, default=_marked)])
        cursor.execute(_FIND, [list(keys)])
        numbers = {key: number for number, key in cursor.fetchall()}
    if len(_known) + len(items) > _MAX_KNOWN:
        _known.clear()
        _held.clear()
    _held.extend(items)
    for item in items:
        _known[id(item)] = numbers[_fingerprint(item)]


def freeze(*, value: Any) -> str:
    """Plain data as JSON that keeps what JSON does not know; what is shared, by its number."""
    return _encode(value if type(value) is Kept else _frozen(value, {})).decode()


def thaw(*, value: Any) -> Any:
    """What `freeze` kept, as templates saw it."""
    numbers = set(_numbers(value))
    shared = dict(SharedValue.objects.filter(pk__in=numbers).values_list("pk", "value"))
    return _thawed(value, shared)


def _fingerprint(item: Any) -> str:
    text = json.dumps(item, default=_marked, sort_keys=True)
    return blake2b(text.encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=512)
def _keeper(paths: frozenset[str]) -> Callable[[Mapping[str, Any], New], Kept]:
    inner = _branch(_tree(paths))
    return lambda variables, new: Kept(inner(variables, new))


def _tree(paths: frozenset[str]) -> Tree:
    tree: dict[str, Any] = {}
    for path in sorted({*paths, *_ALWAYS}):
        node, (*names, last) = tree, path.split(".")
        for name in names:
            node = node.setdefault(name, {})
            if node is None:
                break
        else:
            node[last] = None
    return tree


def _branch(tree: Tree) -> Callable[[Mapping[str, Any], New], dict[str, Any]]:
    """What freezes one branch of the variables, without what is not in the tree."""
    branches = [(name, _branch(inner) if inner else None) for name, inner in tree.items()]
    may_look_marked = any(name.startswith("$") for name in tree)

    def freeze_branch(value: Mapping[str, Any], new: New) -> dict[str, Any]:
        frozen = {}
        for name, inner in branches:
            if name in value:
                part = value[name]
                if type(part) in _AS_IT_IS:
                    frozen[name] = part
                elif inner is not None and type(part) is dict:
                    frozen[name] = inner(part, new)
                else:
                    frozen[name] = _frozen(part, new)
        return _told_apart(frozen) if may_look_marked else frozen

    return freeze_branch


def _numbers_of(items: Collection[Any], new: New) -> list[int]:
    """The numbers of what is shared; none unless all of it has one."""
    numbers = list(map(_known.get, map(id, items)))
    if None not in numbers:
        return numbers  # type: ignore[return-value]
    new.update((id(item), item) for item in items if id(item) not in _known and is_shared(item))
    return []


def _frozen(value: Any, new: New) -> Any:
    """Plain data as JSON holds it; what is shared and has no number yet is added to what is new."""
    kind = type(value)
    if kind is dict:
        frozen = {
            name: part if type(part) in _AS_IT_IS else _frozen(part, new)
            for name, part in value.items()
        }
        return _told_apart(frozen)
    if kind in _NESTED:
        numbers = _numbers_of(value, new)
        return {_SHARED: numbers} if numbers else [_frozen(part, new) for part in value]
    return value if kind in _AS_IT_IS else _marked(value)


def _told_apart(frozen: dict[str, Any]) -> dict[str, Any]:
    """What only looks like a mark, marked as plain."""
    looks_marked = len(frozen) == 1 and str(next(iter(frozen))).startswith("$")
    return {_PLAIN: frozen} if looks_marked else frozen


_NESTED = frozenset({list, tuple})
_AS_IT_IS = frozenset({str, int, float, bool, type(None)})
_encode = msgspec.json.Encoder().encode


def _marked(value: Any) -> dict[str, str]:
    if isinstance(value, datetime):
        return {_MOMENT: value.isoformat()}
    if isinstance(value, date):
        return {_DAY: value.isoformat()}
    if isinstance(value, Decimal):
        return {_NUMBER: str(value)}
    raise TypeError(f"A template sees plain data only, not {type(value).__qualname__}.")


def _numbers(value: Any) -> Iterable[int]:
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, dict):
        if list(value) == [_SHARED]:
            yield from value[_SHARED]
        for name, item in value.items():
            # What is kept as plain is no mark, whatever it looks like.
            yield from _numbers(list(item.values()) if name == _PLAIN else item)


def _thawed(value: Any, shared: Mapping[int, Any]) -> Any:
    if isinstance(value, list):
        return [_thawed(item, shared) for item in value]
    if not isinstance(value, dict):
        return value
    match list(value.items()):
        case [(str() as mark, str() as text)] if mark in _THAWED:
            return _THAWED[mark](text)
        case [("$shared", list() as numbers)]:
            return [_thawed(shared[number], {}) for number in numbers]
        case [("$plain", dict() as plain)]:
            return {name: _thawed(item, shared) for name, item in plain.items()}
    return {name: _thawed(item, shared) for name, item in value.items()}


_THAWED: dict[str, Callable[[str], Any]] = {
    _MOMENT: datetime.fromisoformat,
    _DAY: date.fromisoformat,
    _NUMBER: Decimal,
}
