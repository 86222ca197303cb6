"""Importing order lines: stage the file, judge every row, write what is kept in one transaction."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from itertools import groupby
from pathlib import Path

from django.db import connection, transaction

from crm import changes, consent, customers, orders, rollups
from crm.choices import Channel, ConsentState, DecisionSource, ImportState, Purpose
from crm.models import ImportRun, Order
from crm.signals import orders_recorded

from . import judging, reading, writing
from .countries import find
from .returns import Moved, TakenBack, match

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What the file does not say itself."""

    currency: str
    time_zone: str = "UTC"
    # Makes addresses for a file that has none, for trying out.
    email_domain: str = ""
    # Where consent to e-mail marketing was given and when; without it nobody has consented.
    consent_source: str = ""
    consent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the rows; kept and rejected always come to the rows read."""

    rows: int
    kept: dict[str, int]
    rejected: dict[str, int]
    customers: int
    products: int
    orders: int
    orders_cancelled: int
    orders_without_customer: int
    revenue: float
    seconds: float
    run_id: int = field(default=0)


class DoesNotBalance(AssertionError):  # noqa: N818 - it names what it found
    """Rows went missing between reading and writing; nothing was written."""


def import_orders(*, path: Path, options: Options, now: datetime, progress: Progress) -> Report:
    """Import a file, all or nothing; the run and what became of its rows are kept either way."""
    run = ImportRun.objects.create(kind="orders", filename=path.name[:255], started_at=now)
    try:
        with transaction.atomic():
            report = _import(path, options, now, progress)
    except Exception as error:
        run.state, run.error = ImportState.FAILED, str(error)[:500] or type(error).__name__
        run.finished_at = now
        run.save()
        raise
    run.state, run.rows, run.report, run.finished_at = (
        ImportState.FINISHED,
        report.rows,
        {**asdict(report), "run_id": run.pk},
        now,
    )
    run.save()
    return Report(**run.report)


def _import(path: Path, options: Options, now: datetime, progress: Progress) -> Report:
    started = time.perf_counter()
    progress("reading")
    rows, odd = _stage(path)
    progress("judging")
    judging.judge(time_zone=options.time_zone)
    taken = _match_returns()
    judging.settle_returns(matched=sorted({back.return_line for back in taken}))
    progress("customers")
    people = _write_customers(options, path, now)
    progress("orders")
    products = writing.write_products(currency=options.currency)
    pieces = [(back.return_line, back.purchase_line, back.quantity) for back in taken]
    writing.write_orders(taken=pieces, currency=options.currency)
    progress("timeline")
    placed, cancelled, nobodys, revenue, customer_ids = writing.summary()
    writing.write_timeline(customer_ids=customer_ids, currency=options.currency, received_at=now)
    orders.refresh_statistics(customer_ids=customer_ids)
    rollups.rebuild(customer_ids=customer_ids or ())
    changes.note(customer_ids=customer_ids, subjects=_SUBJECTS, now=now)
    writing.tell_the_planner()
    announce = partial(orders_recorded.send, sender=Order, customer_ids=customer_ids)
    transaction.on_commit(announce, robust=True)
    kept, rejected = _balance(rows, odd)
    return Report(
        rows=rows,
        kept=kept,
        rejected=rejected,
        customers=people,
        products=products,
        orders=placed,
        orders_cancelled=cancelled,
        orders_without_customer=nobodys,
        revenue=revenue,
        seconds=round(time.perf_counter() - started, 1),
    )


def _stage(path: Path) -> tuple[int, int]:
    """Copy the file's rows into a temporary table; gives rows read, and those of odd width."""
    rows = odd = 0
    with connection.cursor() as cursor:
        cursor.execute(judging.STAGE)
        with cursor.copy("COPY import_line FROM STDIN") as copy:
            for row in reading.rows(path=path):
                rows += 1
                if row is None:
                    odd += 1
                else:
                    copy.write_row((rows, *row))
        if not rows:
            raise reading.UnusableFile(f"{path.name} has no rows after its first line.")
    return rows, odd


_RETURNS = """
    SELECT b.customer, b.code, b.price, b.line, b.placed_at, b.quantity, b.kind = 'return'
    FROM import_row b
    WHERE b.kind IN ('kept', 'return') AND b.customer <> '' AND (b.customer, b.code, b.price) IN (
        SELECT r.customer, r.code, r.price FROM import_row r WHERE r.kind = 'return')
    ORDER BY 1, 2, 3, 4
"""


def _match_returns() -> list[TakenBack]:
    with connection.cursor() as cursor:
        cursor.execute(_RETURNS)
        found = cursor.fetchall()
    taken: list[TakenBack] = []
    for _product, group in groupby(found, key=lambda row: row[:3]):
        rows = list(group)
        taken += match(
            purchases=[Moved(row[3], row[4], row[5]) for row in rows if not row[6]],
            returns=[Moved(row[3], row[4], -row[5]) for row in rows if row[6]],
        )
    return taken


_SUBJECTS = (
    changes.ORDER,
    changes.SEEN,
    changes.event("order.placed"),
    changes.event("order.cancelled"),
)
_CUSTOMERS = """
    SELECT customer, (array_agg(country ORDER BY placed_at DESC))[1], min(placed_at)
    FROM import_row WHERE kind = 'kept' GROUP BY customer ORDER BY customer
"""


def _write_customers(options: Options, path: Path, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_CUSTOMERS)
        people = [_person(row, options) for row in cursor.fetchall()]
    if not people:
        return 0
    ids = customers.identify_many(people=people, now=now)
    numbers = [person.external_id for person in people]
    writing.keep_customers(ids=dict(zip(numbers, ids, strict=True)))
    if options.consent_source and options.consent_at:
        proof = {"source": options.consent_source, "file": path.name}
        decisions = list(_decisions(ids, options.consent_at, proof))
        consent.decide_many(decisions=decisions, now=now)
    return len(ids)


def _person(row: Sequence[object], options: Options) -> customers.Person:
    number, country_name, since = row
    country = find(name=str(country_name))
    return customers.Person(
        external_id=str(number),
        email=f"customer{number}@{options.email_domain}" if options.email_domain else "",
        country=country.code,
        language=country.language,
        time_zone=country.time_zone,
        created_at=since if isinstance(since, datetime) else None,
    )


def _decisions(
    ids: Sequence[int], decided_at: datetime, proof: Mapping[str, str]
) -> Iterator[consent.NewDecision]:
    for customer_id in ids:
        yield consent.NewDecision(
            customer_id=customer_id,
            channel=Channel.EMAIL,
            purpose=Purpose.MARKETING,
            state=ConsentState.GRANTED,
            source=DecisionSource.IMPORT,
            decided_at=decided_at,
            proof=proof,
        )


def _balance(rows: int, odd: int) -> tuple[dict[str, int], dict[str, int]]:
    """Split the counts by kind into kept and rejected, and see that no row was lost."""
    counts = judging.counts()
    if odd:
        counts["unreadable"] = counts.get("unreadable", 0) + odd
    kept = {kind: n for kind, n in counts.items() if kind.startswith("kept")}
    rejected = {kind: n for kind, n in counts.items() if kind not in kept}
    if rows != sum(kept.values()) + sum(rejected.values()):
        raise DoesNotBalance(f"{rows} rows were read, {sum(counts.values())} are accounted for.")
    return kept, rejected
