"""The screens of imports and exports: who may use them, and what their buttons do."""

from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from crm import customers, exports, imports, tasks
from crm.choices import ImportState
from crm.models import Customer, ExportRun, ImportRun
from tests.crm.importing import NOW, imported, plan_of, received, table, work

pytestmark = pytest.mark.django_db
ROWS = [("1", "ann@shop.example", "", "=Ann"), ("2", "nobody", "", "Bob")]


@pytest.fixture(autouse=True)
def quiet(settings: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VAR_DIR = tmp_path  # type: ignore[attr-defined]
    monkeypatch.setattr(tasks, "ring", lambda *_: None)


def address(name: str, run: ImportRun) -> str:
    return reverse(f"admin:crm_importrun_{name}", args=[run.pk])


def posted(run: ImportRun, step: str) -> dict[str, str]:
    columns = imports.Plan.of(run.mapping, run.options).columns
    targets = {f"target-{at}": column.target for at, column in enumerate(columns)}
    return {**targets, "existing": "update", "step": step}


def test_an_upload_leads_to_its_mapping(admin: Client):
    file = SimpleUploadedFile("people.csv", table(*ROWS).encode())

    answer = admin.post(reverse("admin:crm_importrun_upload"), {"file": file}, follow=True)

    run = ImportRun.objects.get()
    assert answer.redirect_chain == [(address("change", run), 302)]
    assert "E-mail address that cannot be right" in answer.content.decode()


def test_a_file_that_is_no_table_is_refused_in_words(admin: Client):
    file = SimpleUploadedFile("people.pdf", b"%PDF-1.7")

    answer = admin.post(reverse("admin:crm_importrun_upload"), {"file": file})

    assert answer.status_code == 400
    assert "This is no table" in answer.content.decode()
    assert not ImportRun.objects.exists()


def test_the_file_is_checked_and_then_taken_in(admin: Client):
    run = received(table(*ROWS))

    admin.post(address("settle", run), posted(run, "check"))
    work()
    shown = admin.get(address("change", run)).content.decode()
    admin.post(address("settle", run), posted(run, "start"))
    work()

    run.refresh_from_db()
    assert "2 rows = 1 new" in shown
    assert run.state == ImportState.FINISHED
    assert (run.created, run.rejected) == (1, 1)


def test_what_is_undecided_is_told_and_nothing_begins(admin: Client):
    run = received(table(["1", "yes"], heading="id,newsletter"))

    answer = admin.post(address("settle", run), posted(run, "check"), follow=True)

    run.refresh_from_db()
    assert "Consent needs a source" in answer.content.decode()
    assert run.state == ImportState.UPLOADED


def test_a_run_is_paused_resumed_and_cancelled(admin: Client):
    run = received(table(*ROWS))
    imports.settle(run_id=run.pk, plan=plan_of(run))
    imports.start(run_id=run.pk)

    states = []
    for verb in ("pause", "resume", "cancel"):
        admin.post(address(verb, run))
        run.refresh_from_db()
        states.append(run.state)

    assert states == ["paused", "running", "cancelled"]
    assert admin.get(address("progress", run)).status_code == 200


def test_rejected_rows_are_downloaded_with_their_reason(admin: Client):
    run = imported(table(*ROWS, ("3", "x", "", "=cmd")))

    answer = admin.get(address("rejected", run))

    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert "rejected_reason" in text
    assert "'=cmd,4,E-mail address that cannot be right,email" in text


def test_nobody_imports_without_the_right(newcomer: Client):
    run = received(table(*ROWS))

    answers = [
        newcomer.get(reverse("admin:crm_importrun_upload")),
        newcomer.get(address("change", run)),
        newcomer.get(address("progress", run)),
        newcomer.get(address("rejected", run)),
        *(newcomer.post(address(verb, run)) for verb in ("settle", "pause", "resume", "cancel")),
    ]

    assert {answer.status_code for answer in answers} <= {302, 403}
    run.refresh_from_db()
    assert run.state == ImportState.UPLOADED


def test_staff_export_the_customers_they_chose(admin: Client):
    ids = customers.identify_many(
        people=[customers.Person(external_id=str(n)) for n in range(3)], now=NOW
    )
    chosen = {"action": "export_customers", "_selected_action": [str(ids[0]), str(ids[2])]}

    form = admin.post(reverse("admin:crm_customer_changelist"), chosen)
    file = admin.post(
        reverse("admin:crm_customer_changelist"),
        {**chosen, "chosen": "now", "kind": "customers", "format": "csv"},
    )

    text = b"".join(file.streaming_content).decode()  # type: ignore[attr-defined]
    assert "2 customers" in form.content.decode()
    assert len(text.splitlines()) == 3
    assert "attachment" in file["Content-Disposition"]


def test_a_kept_file_is_fetched_only_by_who_may_see_what_is_in_it(admin: Client, staff: User):
    customers.identify(person=customers.Person(external_id="1"), now=NOW)
    exports.start(request=exports.Request("customers"), customer_ids=None, viewer=staff, now=NOW)
    exports.write_due(clock=lambda: NOW)
    run = ExportRun.objects.get()
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="export_customer"))
    other = Client()
    other.force_login(clerk)
    where = reverse("admin:crm_exportrun_download", args=[run.key])

    given, refused = admin.get(where), other.get(where)

    assert b"".join(given.streaming_content).startswith(b"\xef\xbb\xbfcustomer_id")  # type: ignore[attr-defined]
    assert refused.status_code == 403
    assert Customer.objects.count() == 1
