"""What changed between the kept records of a row, told field by field."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

PAGE = 25


@dataclass(frozen=True)
class FieldChange:
    """One field before and after."""

    field: str
    before: Any
    after: Any


def changes(records: Sequence[Any]) -> list[tuple[Any, list[FieldChange]]]:
    """Each record (newest first) with what it changed against the one before."""
    told = []
    rows = list(records)
    for place, record in enumerate(rows):
        previous = rows[place + 1] if place + 1 < len(rows) else record.prev_record
        told.append((record, _between(record, previous)))
    return told


def _between(record: Any, previous: Any) -> list[FieldChange]:
    if previous is None:
        return []
    names = {field.name: field.verbose_name for field in record.tracked_fields}
    return [
        FieldChange(names.get(change.field, change.field), change.old, change.new)
        for change in record.diff_against(previous).changes
    ]
