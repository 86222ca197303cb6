"""How what rules speak of by number is called."""

from collections.abc import Collection, Iterator
from typing import Any

from marketing import rules as rule_trees
from marketing.models import Segment
from marketing.rules.naming import Names

_SEGMENT = "segment:"


def names(*, rules: Any, hidden: Collection[str] = frozenset()) -> Names:
    """The names of the segments that a rule tree speaks of, for a reader who may not see all."""
    found = Segment.objects.filter(pk__in=set(_ids(rules))).values_list("pk", "name")
    return Names({f"{_SEGMENT}{pk}": name for pk, name in found}, hidden)


def _ids(rules: Any) -> Iterator[int]:
    for leaf in rule_trees.leaves(rule_trees.validate(rules=rules)):
        for subject in leaf.subjects():
            if subject.startswith(_SEGMENT):
                yield int(subject.removeprefix(_SEGMENT))
