"""A rule tree said as one sentence in the reader's language."""

from typing import Any

from django.utils.translation import gettext as _

from . import naming
from .tree import Group, Node, validate


def explain(*, rules: Any, names: naming.Names = naming.NOTHING) -> str:
    """Say a rule tree as one sentence in the reader's language.

    What the rules speak of by number is said by `names` where they know it.
    """
    root = validate(rules=rules)
    if not root.nodes:
        return _("All customers.")
    with naming.using(names):
        said = _say(root, outer=True)
    return _("Customers for whom: %(conditions)s.") % {"conditions": said}


def _say(node: Node, *, outer: bool = False) -> str:
    if not isinstance(node, Group):
        return node.sentence()
    parts = [_say(inner) for inner in node.nodes]
    if node.how == "all":
        said = _(" and ").join(parts)
    elif node.how == "any":
        said = _(" or ").join(parts)
    else:
        return _("not (%(conditions)s)") % {"conditions": _(" or ").join(parts)}
    return said if outer or len(parts) == 1 else f"({said})"
