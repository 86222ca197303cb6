"""A big file comes in while the shop goes on: nobody waits long, and nobody is there twice."""

import random
import threading
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
from django.db import connection, transaction

from crm import customers, imports
from crm.choices import ImportState
from crm.customers import Person
from crm.imports import pacing, staging
from crm.models import Customer, Identity, ImportRun
from tests.crm.importing import NOW, imported, received, table, work
from tests.crm.racing import at_once, errors

PEOPLE = 400
WRITERS = 16
HELD = """
    SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()
"""


@pytest.fixture(autouse=True)
def own_folder(settings: object, tmp_path: Path) -> None:
    """Uploads of a test lie in a folder of its own."""
    settings.VAR_DIR = tmp_path  # type: ignore[attr-defined]


def row(number: int) -> tuple[str, str, str, str]:
    return (f"N{number}", f"p{number}@x.example", f"+44113496{number:04d}", f"Person {number}")


def identify_some(writer: int, done: threading.Event, now: datetime) -> int:
    """A shop that reports people of the file until the file is in; how often it did."""
    draw, times = random.Random(writer), 0
    while not done.is_set() or times < 20:
        number, email, phone, _ = row(draw.randrange(PEOPLE))
        told = {"email": email} if draw.random() < 0.5 else {"phone": phone}
        with transaction.atomic():
            customers.identify(person=Person(external_id=number, **told), now=now)
        times += 1
    return times


def take_in(done: threading.Event) -> None:
    try:
        work()
    finally:
        done.set()


@pytest.mark.django_db(transaction=True)
def test_an_import_beside_sixteen_writers_leaves_one_customer_for_each_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Many small batches, so that writers get between them.
    monkeypatch.setattr(pacing, "FIRST", 40)
    monkeypatch.setattr(pacing, "FEWEST", 40)
    run = received(table(*map(row, range(PEOPLE))))
    imports.start(run_id=run.pk)
    done = threading.Event()
    writers = [partial(identify_some, number, done, NOW) for number in range(WRITERS)]

    answers = at_once(partial(take_in, done), *writers)

    assert errors(answers) == []
    run.refresh_from_db()
    assert run.state == ImportState.FINISHED
    assert 0 < run.created < PEOPLE
    assert run.created + run.updated + run.unchanged == PEOPLE
    assert Customer.objects.count() == PEOPLE
    assert Identity.objects.count() == PEOPLE * 3
    for number in range(PEOPLE):
        held = Identity.objects.filter(value__in=row(number)[:3])
        assert len({identity.customer_id for identity in held}) == 1


@pytest.mark.django_db
def test_nobody_waits_while_a_batch_is_only_copied_beside_the_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held: list[int] = []

    def stage(**batch: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(HELD)
            held.append(cursor.fetchone()[0])
        copy(**batch)

    copy = staging.stage
    monkeypatch.setattr(staging, "stage", stage)

    run = imported(table(*map(row, range(3))))

    assert (run.created, held) == (3, [0])


@pytest.mark.django_db
def test_a_file_comes_in_by_batches_that_are_over_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    lock = staging.lock

    def count() -> None:
        taken.append(ImportRun.objects.get().rows_done)
        lock()

    monkeypatch.setattr(staging, "lock", count)

    imported(table(*map(row, range(1200))))

    assert taken[:2] == [0, pacing.FIRST]


@pytest.mark.django_db
def test_nothing_of_anybody_stays_on_the_connection_of_the_worker() -> None:
    heading = "id,email,phone,name,newsletter,consent_source,consent_date"

    imported(table((*row(1), "yes", "form", "2026-01-05"), heading=heading))

    assert Customer.objects.count() == 1
    with connection.cursor() as cursor:
        for name in ("import_person", "import_match", "import_consent"):
            cursor.execute(f"SELECT count(*) FROM pg_temp.{name}")
            assert cursor.fetchone() == (0,), name


def test_a_batch_that_was_slow_is_followed_by_smaller_ones_down_to_a_floor() -> None:
    pace = pacing.Pace(most=20_000)

    rows = []
    for _ in range(8):
        pace.took(rows=pace.rows, seconds=5)
        rows.append(pace.rows)

    assert rows[0] < pacing.FIRST
    assert rows[-1] == pacing.FEWEST


def test_quick_batches_are_followed_by_larger_ones_that_still_end_in_time() -> None:
    pace = pacing.Pace(most=20_000)

    for _ in range(40):
        pace.took(rows=pace.rows, seconds=pace.rows / 10_000)

    assert pace.rows == pytest.approx(10_000 * pacing.HELD_SECONDS, rel=0.01)
