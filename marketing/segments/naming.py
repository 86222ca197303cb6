"""How what rules speak of by number is called."""

from collections.abc import Iterator
from typing import Any

from marketing import rules as rule_trees
from marketing.models import Segment

_SEGMENT = "segment:"


def names(*, rules: Any) -> dict[str, str]:
    """The names of the segments that a rule tree speaks of, by `segment:<id>`."""
    found = Segment.objects.filter(pk__in=set(_ids(rules)))
    return {f"{_SEGMENT}{pk}": name for pk, name in found.values_list("pk", "name")}


def _ids(rules: Any) -> Iterator[int]:
    for leaf in rule_trees.leaves(rule_trees.validate(rules=rules)):
        for subject in leaf.subjects():
            if subject.startswith(_SEGMENT):
                yield int(subject.removeprefix(_SEGMENT))
