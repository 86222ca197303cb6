"""Where a segment is used: by rows of apps above, whatever these are, and by other segments."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from marketing.models import Segment

from .base import lock
from .refreshing import followers

_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Use:
    """A row that would be another without the segment, and in which role."""

    row: Any
    role: str | Promise


class SegmentInUse(ValidationError):  # noqa: N818 - it says what is so
    """A segment that others need is not deleted."""


def uses(*, segment_id: int) -> list[Use]:
    """What uses a segment: campaigns and whatever else leads to it, and other segments."""
    segment = Segment.objects.get(pk=segment_id)
    return [*_rows_above(segment), *_segments(segment)]


@transaction.atomic
def delete(*, segment_id: int) -> None:
    """Delete a segment that nothing uses; `SegmentInUse` names what does. Locks its members."""
    lock(segment_id=segment_id)
    Segment.objects.select_for_update().get(pk=segment_id)
    found = uses(segment_id=segment_id)
    if found:
        named = ", ".join(f"“{use.row}”" for use in found[:5])
        raise SegmentInUse(
            _("This segment is in use by %(names)s: take it out there first.") % {"names": named}
        )
    Segment.objects.filter(pk=segment_id).delete()


def _rows_above(segment: Segment) -> Iterator[Use]:
    for relation in Segment._meta.related_objects:
        if relation.many_to_many:
            rows = getattr(segment, str(relation.get_accessor_name())).all()[:_SHOWN]
            yield from (Use(row, relation.field.verbose_name) for row in rows)


def _segments(segment: Segment) -> Iterator[Use]:
    asking = Segment.objects.filter(pk__in=followers(segment_id=segment.pk))
    yield from (Use(row, _("condition of a segment")) for row in asking)
