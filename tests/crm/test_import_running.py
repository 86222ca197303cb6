"""Files of customers taken in: who becomes whom, what balances, and what a pause leaves behind."""

import csv
import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError

from crm import customers, imports
from crm.choices import ImportState
from crm.imports import rejects, running
from crm.models import (
    Consent,
    ConsentDecision,
    Customer,
    Event,
    FieldLock,
    Identity,
    ImportRun,
    RejectedRow,
)
from crm.spreadsheets import quote
from tests.crm import hostile
from tests.crm.importing import NOW, imported, plan_of, received, table, work

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folder(settings: object, tmp_path: Path) -> None:
    """Uploads and exports of a test lie in a folder of its own."""
    settings.VAR_DIR = tmp_path  # type: ignore[attr-defined]


ANN = ("1", "ann@shop.example", "+4915123456789", "Ann Smith")
BOB = ("2", "bob@shop.example", "", "Bob Jones")


def counts(run: ImportRun) -> tuple[int, int, int, int]:
    return run.created, run.updated, run.unchanged, run.rejected


def balances(run: ImportRun) -> bool:
    return run.rows == run.rows_done == sum(counts(run))


def test_new_people_come_in_with_all_their_handles():
    run = imported(table(ANN, BOB))

    ann = Customer.objects.get(email="ann@shop.example")
    assert counts(run) == (2, 0, 0, 0)
    assert (ann.first_name, ann.last_name, ann.phone) == ("Ann", "Smith", "+4915123456789")
    assert {i.kind for i in ann.identities.all()} == {"external", "email", "phone"}


def test_the_same_file_again_changes_nothing():
    imported(table(ANN, BOB))

    run = imported(table(ANN, BOB))

    assert counts(run) == (0, 0, 2, 0)
    assert Customer.objects.count() == 2


def test_a_later_row_of_a_person_updates_the_earlier_one():
    again = ("1", "", "", "Ann Brown")

    run = imported(table(ANN, BOB, again))

    assert counts(run) == (2, 1, 0, 0)
    assert Customer.objects.get(email="ann@shop.example").last_name == "Brown"


def test_a_person_named_many_times_is_still_one():
    rows = [("1", f"ann{n}@shop.example", "", f"Ann N{n}") for n in range(9)]

    run = imported(table(*rows))

    ann = Customer.objects.get()
    assert counts(run) == (1, 8, 0, 0)
    assert (ann.last_name, ann.email) == ("N8", "ann8@shop.example")
    assert ann.identities.count() == 10


def test_somebody_known_by_email_gains_a_number_and_keeps_the_rest():
    known = customers.identify(
        person=customers.Person(email="ann@shop.example", city="Wien"), now=NOW
    )

    run = imported(table(ANN))

    ann = Customer.objects.get()
    assert (ann.pk, ann.city, ann.last_name) == (known, "Wien", "Smith")
    assert counts(run) == (0, 1, 0, 0)


def test_a_shared_phone_does_not_make_two_people_one():
    run = imported(table(ANN, ("2", "bob@shop.example", "+4915123456789", "Bob Jones")))

    assert counts(run) == (2, 0, 0, 0)
    assert Identity.objects.filter(kind="phone").count() == 1


def test_filling_in_changes_only_what_is_empty():
    customers.identify(person=customers.Person(external_id="1", first_name="Anna"), now=NOW)

    imported(table(ANN), existing="fill")

    ann = Customer.objects.get()
    assert (ann.first_name, ann.last_name) == ("Anna", "Smith")


def test_known_people_can_be_left_alone():
    customers.identify(person=customers.Person(external_id="1", first_name="Anna"), now=NOW)

    run = imported(table(ANN, BOB), existing="skip")

    assert counts(run) == (1, 0, 1, 0)
    assert Customer.objects.get(first_name="Anna").email == ""


def test_what_staff_locked_stays():
    known = customers.identify(
        person=customers.Person(external_id="1", first_name="Anna", attributes={"plan": "gold"}),
        now=NOW,
    )
    for name in ("first_name", "attributes.plan"):
        FieldLock.objects.create(customer_id=known, field=name, reason="x", created_at=NOW)

    imported(table(["1", "Ann", "Smith", "basic"], heading="id,first_name,last_name,plan"))

    ann = Customer.objects.get()
    assert (ann.first_name, ann.last_name) == ("Anna", "Smith")
    assert ann.attributes == {"plan": "gold"}


def test_consent_is_in_the_ledger_with_source_day_file_and_line():
    rows = [["1", "yes", "Fair", "2026-01-02"], ["2", "no", "", ""], ["3", "", "", ""]]
    text = table(*rows, heading="id,newsletter,consent_source,consent_date")

    run = imported(text, consent_source="Shop", consent_at="2025-12-31T00:00:00+00:00")

    first, second = ConsentDecision.objects.order_by("id")
    assert first.state == "granted"
    assert first.proof == {"file": "people.csv", "import": run.pk, "source": "Fair", "line": 2}
    assert (second.state, second.proof["source"], second.decided_at.year) == (
        "withdrawn",
        "Shop",
        2025,
    )
    assert sorted(Event.objects.values_list("name", flat=True)) == [
        "consent.granted",
        "consent.withdrawn",
    ]


def test_an_older_consent_does_not_undo_a_withdrawal():
    heading = "id,newsletter,consent_source,consent_date"
    imported(table(["1", "no", "Shop", "2026-02-01"], heading=heading))

    imported(table(["1", "yes", "Shop", "2026-01-01"], heading=heading))

    assert Consent.objects.get().state == "withdrawn"
    assert ConsentDecision.objects.count() == 2


def test_consent_without_proof_lets_nothing_begin():
    run = received(table(["1", "yes"], heading="id,newsletter"))

    problems = imports.settle(run_id=run.pk, plan=plan_of(run))

    assert len(problems) == 2
    with pytest.raises(ValidationError):
        imports.start(run_id=run.pk)


def test_rejected_rows_come_back_as_a_file_that_can_be_repaired():
    run = imported(table(ANN, ("2", "nobody", "", "=1+1")))

    text = b"".join(rejects.as_csv(run=run)).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert counts(run) == (1, 0, 0, 1)
    assert balances(run)
    assert rows[0]["name"] == "'=1+1"
    assert (rows[0]["rejected_line"], rows[0]["rejected_column"]) == ("3", "email")
    repaired = imported(text.replace("nobody", "bob@shop.example"))
    assert counts(repaired) == (1, 0, 0, 0)
    assert Customer.objects.get(email="bob@shop.example").last_name == "=1+1" or (
        Customer.objects.get(email="bob@shop.example").first_name == "=1+1"
    )


def test_a_check_counts_without_writing():
    imported(table(ANN))
    changed = ("1", "ann@shop.example", "+4915123456789", "Ann Brown")
    run = received(table(changed, BOB, ("2", "", "", "Bob B"), ("", "nobody", "", "")))
    imports.settle(run_id=run.pk, plan=plan_of(run))

    imports.check(run_id=run.pk)
    work()

    run.refresh_from_db()
    check = run.report["check"]
    assert run.state == ImportState.CHECKED
    assert [check[n] for n in ("created", "updated", "unchanged", "rejected")] == [1, 2, 0, 1]
    assert Customer.objects.count() == 1
    assert not RejectedRow.objects.exists()


def test_a_paused_run_goes_on_behind_its_last_row(monkeypatch):
    monkeypatch.setattr(running, "BATCH", 10)
    rows = [(str(n), f"p{n}@shop.example", "", f"P {n}") for n in range(35)]
    run = received(table(*rows))
    imports.settle(run_id=run.pk, plan=plan_of(run))
    imports.start(run_id=run.pk)

    work(seconds=0)
    imports.pause(run_id=run.pk)
    is_worked_on = work()
    run.refresh_from_db()
    done = run.rows_done
    imports.resume(run_id=run.pk)
    work()

    run.refresh_from_db()
    assert not is_worked_on
    assert done == 10
    assert counts(run) == (35, 0, 0, 0)
    assert balances(run)


def test_a_batch_of_a_run_that_was_stopped_meanwhile_is_undone(monkeypatch):
    run = received(table(ANN, BOB))
    imports.settle(run_id=run.pk, plan=plan_of(run))
    imports.start(run_id=run.pk)
    announce = running._announce

    def stopped(outcome: object) -> None:
        ImportRun.objects.update(state=ImportState.PAUSED, owner="")
        announce(outcome)  # type: ignore[arg-type]

    monkeypatch.setattr(running, "_announce", stopped)
    work()

    run.refresh_from_db()
    assert Customer.objects.count() == 0
    assert run.rows_done == 0


def test_the_run_of_a_dead_worker_is_taken_up_when_its_lease_is_over():
    run = received(table(ANN))
    imports.settle(run_id=run.pk, plan=plan_of(run))
    imports.start(run_id=run.pk)
    ImportRun.objects.update(owner="dead", lease_until_at=NOW + timedelta(seconds=30))

    is_early = work()
    ImportRun.objects.update(lease_until_at=NOW - timedelta(seconds=1))
    is_late = work()

    assert (is_early, is_late) == (False, True)
    assert Customer.objects.count() == 1


def test_a_cancelled_run_keeps_what_is_in_and_takes_no_more():
    run = received(table(ANN))
    imports.cancel(run_id=run.pk, now=NOW)

    with pytest.raises(ValidationError):
        imports.start(run_id=run.pk)
    assert not work()


def test_files_are_deleted_when_their_time_is_over():
    run = imported(table(ANN, ("", "x", "", "")))

    deleted = imports.delete_files(before=NOW + timedelta(days=1))

    run.refresh_from_db()
    assert deleted == 1
    assert not run.path
    assert not RejectedRow.objects.exists()


def test_every_odd_text_comes_in_exactly(shared_corpora: Path):
    # A cell of a file has no carriage return of its own.
    usable = [
        text
        for text in hostile.texts(shared_corpora)
        if hostile.storable(text) and text == text.strip() and "\r" not in text
    ]
    rows = [[n, quote(text)] for n, text in enumerate(usable)]

    run = imported(table(*rows, heading="id,note"))

    kept = {
        int(c.identities.get(kind="external").value): c.attributes["note"]
        for c in Customer.objects.prefetch_related("identities")
    }
    assert len(usable) > 1000
    assert run.rejected == 0
    assert [kept[n] for n in range(len(usable))] == usable


def test_odd_texts_in_every_column_break_no_import(shared_corpora: Path):
    texts = [text for text in hostile.texts(shared_corpora) if hostile.storable(text)]
    heading = "id,email,phone,first name,last name,country,city,language,time zone,created at,note"
    rows = [[quote(text)] * len(heading.split(",")) for text in texts]

    run = imported(table(*rows, heading=heading))

    assert run.state == ImportState.FINISHED
    assert balances(run)
    assert run.rows == len(texts)
