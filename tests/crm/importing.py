"""What the tests of imports share: a file taken in from text to rows."""

import io
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from crm import imports
from crm.models import ImportRun

NOW = datetime(2026, 4, 14, 12, 0, tzinfo=UTC)


def received(content: str | bytes, name: str = "people.csv") -> ImportRun:
    """An upload, with its guessed mapping."""
    data = content.encode() if isinstance(content, str) else content
    return imports.receive(chunks=[data], filename=name, by=None, now=NOW)


def plan_of(run: ImportRun, **options: Any) -> imports.Plan:
    """The guessed plan with these options."""
    plan = imports.Plan.of(run.mapping, run.options)
    return replace(plan, options=replace(plan.options, **options))


def work(seconds: float = 600) -> bool:
    """What a worker does."""
    return imports.run_due(owner=imports.owner(), clock=lambda: NOW, seconds=seconds)


def imported(content: str | bytes, name: str = "people.csv", **options: Any) -> ImportRun:
    """A file that a worker has taken in."""
    run = received(content, name)
    problems = imports.settle(run_id=run.pk, plan=plan_of(run, **options))
    assert not problems
    imports.start(run_id=run.pk)
    work()
    run.refresh_from_db()
    return run


def table(*rows: Iterable[object], heading: str = "id,email,phone,name") -> str:
    """A CSV of these rows."""
    import csv

    buffer = io.StringIO()
    buffer.write(heading + "\n")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()
