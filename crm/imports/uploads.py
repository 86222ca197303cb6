"""Uploads: files of customers received, mapped, started, paused, and deleted in the end."""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm.choices import ImportState
from crm.models import ImportRun, RejectedRow

from . import mapping, tables
from .mapping import Plan
from .reading import UnusableFile
from .running import KIND, file_of

_OPEN = (ImportState.UPLOADED, ImportState.CHECKED)
_GOING = (ImportState.CHECKING, ImportState.RUNNING)


def receive(
    *, chunks: Iterable[bytes], filename: str, by: AbstractBaseUser | None, now: datetime
) -> ImportRun:
    """Keep an uploaded file, find out how to read it, and guess its mapping.

    A file that cannot be read is deleted again and refused with an UnusableFile.
    """
    name = secrets.token_hex(16)
    run = ImportRun(
        kind=KIND,
        filename=_safe(filename),
        state=ImportState.UPLOADED,
        path=name,
        started_by_id=by.pk if by else None,
        started_at=now,
    )
    path = file_of(run=run)
    try:
        _write(path, chunks)
        form = tables.find_format(path=path, filename=run.filename)
        run.format = form.plain()
        columns = mapping.guess(headings=form.headings, rows=preview(run=run))
        run.mapping, run.options = Plan(columns).plain()
        run.save()
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return run


def preview(*, run: ImportRun, rows: int = 200) -> list[Sequence[Any]]:
    """The first rows of the file."""
    return [row for _line, row in numbered_preview(run=run, rows=rows)]


def numbered_preview(*, run: ImportRun, rows: int) -> list[tables.Numbered]:
    """The first rows of the file, each with its line."""
    with tables.rows(path=file_of(run=run), form=tables.Format.of(run.format)) as found:
        return list(islice(found, rows))


def settle(*, run_id: int, plan: Plan) -> list[str]:
    """Keep how the file is to be read; gives what is still to be decided, in sentences."""
    with transaction.atomic():
        run = ImportRun.objects.select_for_update().get(pk=run_id)
        if run.state not in _OPEN:
            raise ValidationError(_("This import has begun; its mapping stays as it is."))
        run.mapping, run.options = plan.plain()
        run.state, run.report = ImportState.UPLOADED, {}
        run.save(update_fields=["mapping", "options", "state", "report"])
    return mapping.problems(plan=plan, rows=preview(run=run))


def check(*, run_id: int) -> None:
    """Let a worker read the whole file and count what would become of its rows."""
    run = ImportRun.objects.get(pk=run_id)
    _refuse_problems(run)
    _move(run_id, _OPEN, ImportState.CHECKING)


def start(*, run_id: int) -> None:
    """Let a worker take the rows in."""
    run = ImportRun.objects.get(pk=run_id)
    _refuse_problems(run)
    _move(run_id, _OPEN, ImportState.RUNNING)


def pause(*, run_id: int) -> None:
    """Stop after the rows that are in; a batch under way is undone and done again later."""
    _move(run_id, (ImportState.RUNNING,), ImportState.PAUSED)


def resume(*, run_id: int) -> None:
    """Go on behind the last row that is in."""
    _move(run_id, (ImportState.PAUSED,), ImportState.RUNNING)


def cancel(*, run_id: int, now: datetime) -> None:
    """Stop for good; the rows that are in stay in."""
    states = (*_OPEN, *_GOING, ImportState.PAUSED)
    run = _move(run_id, states, ImportState.CANCELLED)
    run.finished_at, run.rows = now, run.rows_done
    run.save(update_fields=["finished_at", "rows"])


def delete_files(*, before: datetime) -> int:
    """Delete uploads and rejected rows of imports that ended, or were left, before a moment."""
    ended = ImportRun.objects.filter(kind=KIND, started_at__lt=before).exclude(path="")
    ended = ended.exclude(state__in=(*_GOING, ImportState.PAUSED))
    for run in ended:
        file_of(run=run).unlink(missing_ok=True)
        RejectedRow.objects.filter(run=run).delete()
    return ended.update(path="")


def _move(run_id: int, wanted: Sequence[str], state: ImportState) -> ImportRun:
    with transaction.atomic():
        run = ImportRun.objects.select_for_update().get(pk=run_id, kind=KIND)
        if run.state not in wanted:
            raise ValidationError(
                _("This cannot be done to an import that is: %s.") % run.get_state_display()
            )
        run.state, run.owner, run.lease_until_at = state, "", None
        run.save(update_fields=["state", "owner", "lease_until_at"])
    return run


def _refuse_problems(run: ImportRun) -> None:
    if not file_of(run=run).is_file():
        raise ValidationError(_("The file is not kept any more; upload it again."))
    plan = Plan.of(run.mapping, run.options)
    if found := mapping.problems(plan=plan, rows=preview(run=run)):
        raise ValidationError(found)


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    left = settings.IMPORT_MAX_MEGABYTES << 20
    with path.open("xb") as file:
        path.chmod(0o600)
        for chunk in chunks:
            left -= len(chunk)
            if left < 0:
                raise UnusableFile(
                    _("The file is larger than %s MB; split it.") % settings.IMPORT_MAX_MEGABYTES
                )
            file.write(chunk)


def _safe(filename: str) -> str:
    """A name to show, never to open: without folders and control characters."""
    base = filename.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(letter for letter in base if letter.isprintable())[-255:] or "upload"
