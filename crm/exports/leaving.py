"""Rows that leave: streamed to whoever asked, or written to a file that is kept for some days."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from crm import audit
from crm.choices import AccessKind, ExportState
from crm.models import Customer, ExportRun

from . import kinds, writing

_CHUNK = 2_000
_LEASE = timedelta(minutes=30)
_logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Request:
    """What shall leave: a kind of row, its columns (none is all), and the form of the file."""

    kind: str
    format: str = "csv"
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in kinds.KINDS or self.format not in writing.FORMATS:
            raise ValueError(f"There is no export of {self.kind!r} as {self.format!r}.")


@dataclass(frozen=True, slots=True)
class ForWhom:
    """Staff or a program that asks, and whether what leaves is masked for them."""

    staff_id: int | None
    program: str
    is_masked: bool


def stream(
    *,
    request: Request,
    customers: QuerySet[Customer] | None,
    viewer: AbstractBaseUser,
    clock: Clock,
) -> Iterator[bytes]:
    """Give out rows of these customers (None is all) in pieces, and keep a record of it.

    What the viewer may not see is masked. The record is there before the first byte leaves.
    """
    run = ExportRun.objects.create(
        kind=request.kind,
        state=ExportState.RUNNING,
        options=asdict(request),
        is_masked=not may_see(viewer=viewer),
        started_by_id=viewer.pk,
        created_at=clock(),
    )
    return _recorded(run, request, customers, clock)


def start(
    *,
    request: Request,
    customer_ids: Sequence[int] | None,
    viewer: AbstractBaseUser,
    now: datetime,
) -> ExportRun:
    """Ask for a file that a worker writes; None is all customers."""
    return ExportRun.objects.create(
        kind=request.kind,
        options={**asdict(request), "customer_ids": customer_ids and list(customer_ids)},
        is_masked=not may_see(viewer=viewer),
        started_by_id=viewer.pk,
        created_at=now,
        expires_at=now + timedelta(days=settings.EXPORT_KEEP_DAYS),
    )


def start_for(*, request: Request, for_whom: ForWhom, now: datetime) -> ExportRun:
    """Ask for a file of all rows, as the API does for staff and programs."""
    return ExportRun.objects.create(
        kind=request.kind,
        options={**asdict(request), "customer_ids": None},
        is_masked=for_whom.is_masked,
        started_by_id=for_whom.staff_id,
        program=for_whom.program,
        created_at=now,
        expires_at=now + timedelta(days=settings.EXPORT_KEEP_DAYS),
    )


def write_due(*, clock: Clock) -> bool:
    """Write one file that was asked for; says whether there was one.

    One that a dead worker left half written is begun again.
    """
    with transaction.atomic():
        stale = clock() - _LEASE
        waiting = ExportRun.objects.filter(state=ExportState.PLANNED)
        left = ExportRun.objects.filter(
            state=ExportState.RUNNING, created_at__lt=stale, expires_at__isnull=False
        )
        due = (waiting | left).order_by("pk").select_for_update(skip_locked=True)
        run = due.first()
        if run is None:
            return False
        run.state, run.path, run.created_at = ExportState.RUNNING, run.key.hex, clock()
        run.save(update_fields=["state", "path", "created_at"])
    _write_file(run, clock)
    return True


def expire(*, now: datetime) -> int:
    """Delete the files whose days are over."""
    over = ExportRun.objects.filter(expires_at__lte=now).exclude(path="")
    for run in over:
        file_of(run=run).unlink(missing_ok=True)
    return over.update(path="", state=ExportState.EXPIRED)


def may_see(*, viewer: AbstractBaseUser) -> bool:
    """Whether personal data is shown to this member of staff unmasked."""
    return isinstance(viewer, User) and viewer.has_perm("crm.view_personal_data")


def filename(*, run: ExportRun) -> str:
    """A name that is safe everywhere: what, when, and its form."""
    day = run.created_at.date().isoformat()
    return f"{run.kind}-{day}-{run.pk}.{run.options.get('format', 'csv')}"


def content_type(*, run: ExportRun) -> str:
    """What sort of file it is, for whoever downloads it."""
    return writing.FORMATS[run.options.get("format", "csv")]


def file_of(*, run: ExportRun) -> Path:
    """Where the file of an export lies."""
    return Path(settings.VAR_DIR) / "exports" / run.path


def _write_file(run: ExportRun, clock: Clock) -> None:
    options = dict(run.options)
    ids = options.pop("customer_ids", None)
    request = Request(options["kind"], options["format"], tuple(options["columns"]))
    customers = None if ids is None else Customer.objects.filter(pk__in=ids)
    path = file_of(run=run)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with path.open("wb") as file:
            path.chmod(0o600)
            for piece in _recorded(run, request, customers, clock):
                file.write(piece)
    except Exception:
        # The record says that it failed; nobody gets half a file.
        path.unlink(missing_ok=True)
        ExportRun.objects.filter(pk=run.pk).update(path="")
        _logger.exception("Export %s could not be written.", run.pk)


def _recorded(
    run: ExportRun, request: Request, customers: QuerySet[Customer] | None, clock: Clock
) -> Iterator[bytes]:
    counted = _Counted(run, request, customers)
    size = 0
    headings = [column.name for column in counted.columns]
    try:
        for piece in writing.WRITERS[request.format](headings, counted):
            size += len(piece)
            yield piece
    except BaseException as error:
        _settle(run, counted.rows, size, ExportState.FAILED, clock(), _reason(error))
        raise
    _settle(run, counted.rows, size, ExportState.FINISHED, clock(), "")
    kind = f"{counted.rows} × {run.kind}" + (", masked" if run.is_masked else "")
    access = audit.Access(
        AccessKind.EXPORTED, f"exports/{run.pk}", run.started_by, run.program, kind
    )
    audit.note_whole(access=access, now=clock())


class _Counted:
    """The rows as they leave: read by a server-side cursor, masked, counted."""

    def __init__(
        self, run: ExportRun, request: Request, customers: QuerySet[Customer] | None
    ) -> None:
        self.columns = kinds.columns(kind=request.kind, wanted=request.columns)
        self.rows = 0
        paths = list(dict.fromkeys(column.path for column in self.columns))
        query = kinds.rows(kind=request.kind, customers=customers)
        self._query = query.values_list(*paths)
        self._from = [paths.index(column.path) for column in self.columns]
        self._masks = [column.mask if run.is_masked else None for column in self.columns]
        self._attributes = [
            column.name.removeprefix(kinds.ATTRIBUTE) if column.path == "attributes" else ""
            for column in self.columns
        ]

    def __iter__(self) -> Iterator[Sequence[Any]]:
        for row in self._query.iterator(chunk_size=_CHUNK):
            self.rows += 1
            yield [
                self._cell(at, row[source].get(name) if name else row[source])
                for at, (source, name) in enumerate(zip(self._from, self._attributes, strict=True))
            ]

    def _cell(self, at: int, value: Any) -> Any:
        mask = self._masks[at]
        if mask is None or value is None:
            return value
        return mask(value if isinstance(value, str | dict | list) else str(value))


def _reason(error: BaseException) -> str:
    if isinstance(error, writing.TooManyRows):
        return _("A spreadsheet holds no more than 1,000,000 rows; choose CSV.")
    return _("Broken off.") if isinstance(error, GeneratorExit) else type(error).__name__


def _settle(
    run: ExportRun, rows: int, size: int, state: ExportState, now: datetime, error: str
) -> None:
    ExportRun.objects.filter(pk=run.pk).update(
        rows=rows, size=size, state=state, finished_at=now, error=error
    )
