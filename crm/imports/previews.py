"""Previews: the first rows of a file as they would be read, with what is wrong in place."""

import json
from dataclasses import dataclass
from typing import Any

from crm.choices import RejectReason
from crm.models import ImportRun

from . import mapping, tables, targets
from .mapping import Plan
from .people import Batch, Reader, Rejected
from .uploads import numbered_preview

_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as it stands, and as it is read where that differs."""

    text: str
    reading: str
    is_wrong: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A row with its line in the file, and why it would be rejected, if so."""

    number: int
    cells: list[Cell]
    reason: str


@dataclass(frozen=True, slots=True)
class Preview:
    """The first rows, some cells of each column, and what must be decided first."""

    lines: list[Line]
    samples: list[list[str]]
    problems: list[str]
    is_ambiguous: bool


def preview(*, run: ImportRun, plan: Plan, rows: int) -> Preview:
    """Read the first rows by a plan, as the import itself would."""
    numbered = numbered_preview(run=run, rows=max(rows, 200))
    cells = [row for _, row in numbered]
    reader = Reader(plan=plan, is_typed=tables.Format.of(run.format).kind == "jsonl")
    batch = reader.read(numbered[:rows])
    return Preview(
        [_line(plan, batch, number, row) for number, row in numbered[:rows]],
        [_samples(cells, at) for at in range(len(plan.columns))],
        mapping.problems(plan=plan, rows=cells),
        mapping.is_ambiguous(plan=plan, rows=cells),
    )


def _line(plan: Plan, batch: Batch, number: int, row: tables.Row) -> Line:
    bad = next((bad for bad in batch.rejected if bad.line == number), None)
    place = batch.lines.index(number) if number in batch.lines else None
    cells = [
        _cell(plan, batch, place, at, value, bad)
        for at, value in enumerate(row[: len(plan.columns)])
    ]
    return Line(number, cells, str(RejectReason(bad.reason).label) if bad else "")


def _cell(
    plan: Plan, batch: Batch, place: int | None, at: int, value: Any, bad: Rejected | None
) -> Cell:
    column, text = plan.columns[at], str(value)
    if place is None:
        return Cell(text, "", bad is not None and bad.heading == column.heading)
    read = _reading(batch, place, column.target)
    return Cell(text, read if read != text.strip() else "", False)


def _reading(batch: Batch, place: int, target: str) -> str:
    if target in batch.texts:
        return batch.texts[target][place]
    if target.startswith(targets.ATTRIBUTE):
        told = json.loads(batch.attributes[place]).get(target.removeprefix(targets.ATTRIBUTE), "")
        return told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)
    if target == "full_name":
        parts = (batch.texts["first_name"][place], batch.texts["last_name"][place])
        return " | ".join(filter(None, parts))
    if target == "created_at":
        return batch.created_at[place]
    if target in targets.CONSENTS:
        channel = target.removeprefix(targets.CONSENT)
        found = (c.state for c in batch.consents if c.place == place and c.channel == channel)
        return next(found, "")
    return ""


def _samples(rows: list[tables.Row], at: int) -> list[str]:
    found = (str(row[at]) for row in rows if at < len(row) and str(row[at]).strip())
    return list(dict.fromkeys(found))[:_SAMPLES]
