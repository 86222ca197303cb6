"""Running imports of customers: claimed with a lease, batch by batch, resumable at any moment.

What a batch wrote and how far the file is read are one transaction: a worker that dies loses
its batch, and the next one goes on behind the last that was kept.
"""

import json
import logging
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from heapq import nlargest
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, transaction

from crm import attributes, changes
from crm.choices import ImportState
from crm.models import Customer, ImportRun, RejectedRow
from crm.signals import customers_changed

from . import consents, staging, tables, taking, targets
from .mapping import Plan
from .pacing import Pace
from .people import Batch, Reader
from .reading import UnusableFile

KIND = "customers"
# So many batches go through the staging tables until they are emptied.
CLEARED_EVERY = 20
# Rows of a batch at most; how many it takes is a matter of its pace.
BATCH = 20_000
LEASE = timedelta(seconds=60)
_TRIES = 3
_logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

_CLAIM = """
    UPDATE crm_importrun SET owner = %s, lease_until_at = %s
    WHERE id = (
        SELECT id FROM crm_importrun
        WHERE kind = %s AND state IN ('checking', 'running')
          AND (lease_until_at IS NULL OR lease_until_at < %s)
        ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING id
"""
_COUNTS = ["rows_done", "created", "updated", "unchanged", "rejected", "report"]
_ANALYZE = "ANALYZE crm_customer, crm_identity, crm_consent, crm_consentdecision, crm_event"


class LostRun(Exception):  # noqa: N818 - it names what happened
    """Somebody else took the run over, or staff stopped it: what this batch wrote is undone."""


def owner() -> str:
    """A name that no other worker has, nor this one for another run."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def is_due(*, now: datetime) -> bool:
    """Whether a run waits for a worker."""
    return _due(now)


def run_due(*, owner: str, clock: Clock, seconds: float) -> bool:
    """Take up one run that nobody works on, for so long at most; says whether there was one."""
    run_id = _claim(owner, clock())
    if run_id is None:
        return False
    run = ImportRun.objects.get(pk=run_id)
    try:
        _work(run, clock, time.monotonic() + seconds)
        staging.clear()
    except LostRun:
        staging.clear()
        _logger.info("Import %s was stopped or taken over.", run.pk)
    except UnusableFile as error:
        _fail(run, str(error), clock())
        staging.clear()
    except (OperationalError, MemoryError):
        # The database or this process is in trouble, not the file: another worker tries again.
        raise
    except Exception as error:
        _fail(run, type(error).__name__, clock())
        staging.clear()
        raise
    return True


def _due(now: datetime) -> bool:
    free = ImportRun.objects.filter(lease_until_at=None) | ImportRun.objects.filter(
        lease_until_at__lt=now
    )
    states = [ImportState.CHECKING, ImportState.RUNNING]
    return free.filter(kind=KIND, state__in=states).exists()


def _claim(owner: str, now: datetime) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [owner, now + LEASE, KIND, now])
        row = cursor.fetchone()
    return int(row[0]) if row else None


def _work(run: ImportRun, clock: Clock, until: float) -> None:
    plan = Plan.of(run.mapping, run.options)
    form = tables.Format.of(run.format)
    is_check = run.state == ImportState.CHECKING
    if is_check:
        run.rows_done = run.created = run.updated = run.unchanged = run.rejected = 0
        run.report = {}
        taking.forget()
    reader = Reader(plan=plan, is_typed=form.kind == "jsonl")
    path = settings.VAR_DIR / "imports" / run.path
    with tables.rows(path=path, form=form, skip=run.rows_done) as rows:
        # A check locks nothing.
        pace = None if is_check else Pace(most=BATCH)
        started = time.monotonic()
        for place, (count, batch) in enumerate(_ahead(reader, rows, pace)):
            if place % CLEARED_EVERY == 0:
                staging.clear()
            locked_at = _take_with_retries(run, plan, count, batch, clock(), started)
            started = time.monotonic()
            if pace and locked_at:
                pace.took(rows=count, seconds=started - locked_at)
            # A check keeps nothing between its workers, so it is not handed on.
            if started > until and not is_check:
                _let_go(run)
                return
    _finish(run, clock())


def _ahead(
    reader: Reader, rows: Iterator[tables.Numbered], pace: Pace | None
) -> Iterator[tuple[int, Batch]]:
    """Batches, the next one read while the database is busy with this one."""

    def read() -> tuple[int, Batch] | None:
        some = list(islice(rows, pace.rows if pace else BATCH))
        return (len(some), reader.read(some)) if some else None

    with ThreadPoolExecutor(max_workers=1) as pool:
        coming: Future[tuple[int, Batch] | None] = pool.submit(read)
        while found := coming.result():
            coming = pool.submit(read)
            yield found


def _take_with_retries(
    run: ImportRun, plan: Plan, count: int, batch: Batch, now: datetime, started: float
) -> float:
    """Somebody else may just have taken a handle: then the batch is looked at again.

    Gives the moment since which other writers waited for it.
    """
    left = _TRIES
    while True:
        left -= 1
        try:
            with transaction.atomic():
                return _take(run, plan, count, batch, now, started).locked_at
        except IntegrityError:
            if not left:
                raise
            run.refresh_from_db(fields=_COUNTS)


def _take(
    run: ImportRun, plan: Plan, count: int, batch: Batch, now: datetime, started: float
) -> taking.Outcome:
    existing = plan.options.existing
    if run.state == ImportState.CHECKING:
        outcome = taking.foresee(batch=batch, existing=existing, now=now)
        _note_examples(run, batch)
    else:
        outcome = taking.take_in(batch=batch, existing=existing, now=now)
        proof = {"file": run.filename, "import": run.pk}
        decided = consents.write(
            batch=batch, customers=outcome.customers, proof=proof, by_id=run.started_by_id, now=now
        )
        told = {told.place for told in batch.consents}
        changed = {place for place in told if outcome.customers.get(place) in decided}
        outcome.updated |= changed - outcome.created
        _note_attributes(batch, now)
        _keep_rejected(run, batch)
        _note_changes(outcome, plan, now)
        _announce(outcome)
    created, updated = len(outcome.created), len(outcome.updated - outcome.created)
    run.rows_done += count
    run.created += created
    run.updated += updated
    run.unchanged += len(batch.lines) - created - updated
    run.rejected += len(batch.rejected)
    _note(run, batch, time.monotonic() - started)
    _keep_progress(run, now)
    return outcome


def _note(run: ImportRun, batch: Batch, seconds: float) -> None:
    reasons = Counter(run.report.get("rejected", {}))
    reasons.update(bad.reason for bad in batch.rejected)
    run.report["rejected"] = dict(reasons)
    run.report["seconds"] = round(run.report.get("seconds", 0.0) + seconds, 2)


def _note_examples(run: ImportRun, batch: Batch) -> None:
    """The first rows that would be rejected, to be shown with the counts of the check."""
    examples = run.report.setdefault("examples", [])
    for bad in batch.rejected[: max(0, 20 - len(examples))]:
        examples.append([bad.line, str(bad.reason), bad.heading])


def _note_attributes(batch: Batch, now: datetime) -> None:
    """Let staff see attributes that nobody knew: the fullest rows show them all."""
    fullest = nlargest(5, batch.attributes, key=len)
    if values := [json.loads(text) for text in fullest if text != "{}"]:
        attributes.note_seen(values=values, now=now)


def _keep_rejected(run: ImportRun, batch: Batch) -> None:
    RejectedRow.objects.bulk_create(
        [
            RejectedRow(
                run_id=run.pk,
                line=bad.line,
                reason=bad.reason,
                heading=bad.heading,
                cells=[_storable(cell) for cell in bad.row],
            )
            for bad in batch.rejected
        ],
        batch_size=2000,
    )


def _storable(cell: Any) -> Any:
    """A cell without what no database takes; this may be why its row was rejected."""
    if not isinstance(cell, str):
        return cell if isinstance(cell, int | float | bool) else str(cell)
    return cell.replace("\x00", "\ufffd").encode(errors="replace").decode()


def _note_changes(outcome: taking.Outcome, plan: Plan, now: datetime) -> None:
    told = {
        changes.attribute(column.target.removeprefix(targets.ATTRIBUTE))
        for column in plan.columns
        if column.target.startswith(targets.ATTRIBUTE)
    }
    updated = _ids(outcome, outcome.updated - outcome.created)
    changes.note_many(
        told=[
            ((changes.EXISTENCE,), _ids(outcome, outcome.created)),
            ({changes.PERSON, changes.IDENTITY, *told}, updated),
        ],
        now=now,
    )


def _ids(outcome: taking.Outcome, places: Collection[int]) -> list[int]:
    return sorted({outcome.customers[at] for at in places if at in outcome.customers})


def _announce(outcome: taking.Outcome) -> None:
    ids = _ids(outcome, outcome.created | outcome.updated)
    for start in range(0, len(ids), consents.SLICE):
        some = ids[start : start + consents.SLICE]
        send = partial(customers_changed.send, sender=Customer, customer_ids=some)
        transaction.on_commit(send, robust=True)


def _keep_progress(run: ImportRun, now: datetime) -> None:
    """Write down how far it is, unless the run is not ours to go on with."""
    kept = ImportRun.objects.filter(pk=run.pk, owner=run.owner, state=run.state).update(
        rows_done=run.rows_done,
        created=run.created,
        updated=run.updated,
        unchanged=run.unchanged,
        rejected=run.rejected,
        report=run.report,
        lease_until_at=now + LEASE,
    )
    if not kept:
        raise LostRun


def _let_go(run: ImportRun) -> None:
    ImportRun.objects.filter(pk=run.pk, owner=run.owner).update(owner="", lease_until_at=None)


def _finish(run: ImportRun, now: datetime) -> None:
    mine = ImportRun.objects.filter(pk=run.pk, owner=run.owner, state=run.state)
    free = {"owner": "", "lease_until_at": None, "rows": run.rows_done}
    if run.state == ImportState.CHECKING:
        counts = {
            name: getattr(run, name) for name in ("created", "updated", "unchanged", "rejected")
        }
        by_reason = {"rejected_by": run.report.get("rejected", {})}
        report = {"check": {**run.report, **counts, **by_reason, "rows": run.rows_done}}
        nothing = dict.fromkeys(("rows_done", *counts), 0)
        mine.update(state=ImportState.CHECKED, report=report, **free, **nothing)
        return
    mine.update(state=ImportState.FINISHED, finished_at=now, **free)
    with connection.cursor() as cursor:
        cursor.execute(_ANALYZE)


def _fail(run: ImportRun, why: str, now: datetime) -> None:
    ImportRun.objects.filter(pk=run.pk, owner=run.owner).update(
        state=ImportState.FAILED,
        error=why[:500],
        finished_at=now,
        owner="",
        lease_until_at=None,
    )


def file_of(*, run: ImportRun) -> Path:
    """Where the upload of a run lies."""
    return Path(settings.VAR_DIR) / "imports" / run.path
