"""Segments that speak of other segments: order, and no circles."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from marketing import rules as rule_trees
from marketing.choices import SegmentKind
from marketing.models import Segment
from marketing.rules import RuleError
from marketing.rules.conditions.understanding import InSegment


def check(*, segment: Segment) -> None:
    """Refuse rules that cannot be used, or that lead back to the segment itself."""
    if segment.kind != SegmentKind.RULE:
        return
    mentioned = _mentions(segment)
    known = {
        other.pk: mentions_or_none(segment=other)
        for other in Segment.objects.exclude(pk=segment.pk)
    }
    unknown = sorted(mentioned - set(known) - {segment.pk})
    if unknown:
        raise RuleError(
            "rules",
            _("There is no segment #%(id)d.") % {"id": unknown[0]},
            _("Choose a segment that exists."),
        )
    reached = set(mentioned)
    while more := {far for near in reached for far in known.get(near, ())} - reached:
        reached |= more
    if segment.pk in reached:
        raise RuleError(
            "rules",
            _("These rules lead back to this very segment."),
            _("Remove the condition on a segment that depends on this one."),
        )


def mentions_or_none(*, segment: Segment) -> set[int]:
    """The segments that the rules speak of; none where the rules cannot be read."""
    try:
        return _mentions(segment)
    except RuleError:
        # The refresh of that segment records and shows what is wrong with it.
        return set()


def in_order(*, mentions: Mapping[int, set[int]]) -> list[int]:
    """Every segment after those that it mentions."""
    ordered: list[int] = []

    def visit(segment_id: int, above: frozenset[int]) -> None:
        for other in sorted(mentions[segment_id] & mentions.keys() - above):
            visit(other, above | {segment_id})
        if segment_id not in ordered:
            ordered.append(segment_id)

    for segment_id in sorted(mentions):
        visit(segment_id, frozenset({segment_id}))
    return ordered


def in_levels(*, mentions: Mapping[int, set[int]]) -> list[list[int]]:
    """The same, put together where none mentions another."""
    level: dict[int, int] = {}
    for segment_id in in_order(mentions=mentions):
        below = [level[other] for other in mentions[segment_id] if other in level]
        level[segment_id] = max(below, default=-1) + 1
    levels: list[list[int]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for segment_id, at in level.items():
        levels[at].append(segment_id)
    return levels


def _mentions(segment: Segment) -> set[int]:
    if segment.kind != SegmentKind.RULE:
        return set()
    tree = rule_trees.validate(rules=segment.rules)
    return {leaf.segment_id for leaf in rule_trees.leaves(tree) if isinstance(leaf, InSegment)}
