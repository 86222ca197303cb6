"""The rule tree: JSON, read and checked into groups and conditions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.utils.translation import gettext as _

from . import values
from .base import Condition
from .errors import RuleError
from .registry import conditions

VERSION = 1
MAX_DEPTH = 8
MAX_CONDITIONS = 200
GROUPS = ("all", "any", "not")
# From each older version the way to the next: what staff saved means the same for ever.
UPGRADES: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


@dataclass(frozen=True)
class Group:
    """Nodes that must all hold, of which any must hold, or of which none may (`not`)."""

    how: str
    nodes: tuple["Node", ...]


Node = Group | Condition


def validate(*, rules: Any) -> Group:
    """Check a rule tree and return it parsed; a RuleError names the path and the fix."""
    rules = upgraded(rules=rules)
    if not isinstance(rules, dict) or rules.get("version") != VERSION:
        raise RuleError(
            "rules",
            _("The rules do not say a version that is known."),
            _('Write {"version": 1, "all": […]}.'),
        )
    body = {key: value for key, value in rules.items() if key != "version"}
    node = _parse(body, "rules", depth=0)
    root = node if isinstance(node, Group) else Group("all", (node,))
    if sum(1 for _leaf in leaves(root)) > MAX_CONDITIONS:
        raise RuleError(
            "rules",
            _("There are too many conditions."),
            _("Keep to %(n)d, or split the segment in two.") % {"n": MAX_CONDITIONS},
        )
    return root


def upgraded(*, rules: Any) -> Any:
    """The same rules in the version of today; those of an unknown one stay as they are."""
    while isinstance(rules, dict) and isinstance(version := rules.get("version"), int):
        if version not in UPGRADES:
            break
        rules = UPGRADES[version](rules)
    return rules


def leaves(node: Node) -> Iterator[Condition]:
    """Every condition of a parsed tree."""
    if not isinstance(node, Group):
        yield node
        return
    for inner in node.nodes:
        yield from leaves(inner)


def _parse(payload: Any, path: str, depth: int) -> Node:
    if not isinstance(payload, dict):
        raise RuleError(
            path, _("A condition or a group is expected."), _('Write {"field": "…", …}.')
        )
    groups = [key for key in GROUPS if key in payload]
    kinds = [name for name in conditions.names() if name in payload]
    if groups:
        values.only_keys(payload, groups[:1], path)
        return _parse_group(payload, groups[0], path, depth)
    # `segment` and `event` may also be words inside another kind: the first key decides.
    if not kinds:
        raise RuleError(
            path,
            _("This is no condition that is known."),
            _("Begin with one of: %(known)s.")
            % {"known": ", ".join([*GROUPS, *conditions.names()])},
        )
    kind = next(key for key in payload if key in kinds)
    return cast(Condition, cast(Any, conditions.get(kind)).parse(payload, path))


def _parse_group(payload: dict[str, Any], how: str, path: str, depth: int) -> Group:
    where = f"{path}.{how}"
    if depth >= MAX_DEPTH:
        raise RuleError(
            where,
            _("The groups are nested too deep."),
            _("Keep to %(n)d levels.") % {"n": MAX_DEPTH},
        )
    inner = payload[how]
    if how == "not" and isinstance(inner, dict):
        inner = [inner]
    if not isinstance(inner, list) or len(inner) > MAX_CONDITIONS:
        raise RuleError(where, _("A list of conditions is expected."), _("Write […]."))
    if not inner and (how != "all" or depth):
        raise RuleError(where, _("The group is empty."), _("Add a condition or remove the group."))
    nodes = tuple(
        _parse(entry, f"{where}[{position}]", depth + 1) for position, entry in enumerate(inner)
    )
    return Group(how, nodes)
