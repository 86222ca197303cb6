"""Exports: what leaves, for whom, in which form, and what comes back unchanged."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from openpyxl import load_workbook

from crm import consent, customers, exports
from crm.choices import ExportState
from crm.models import Customer, ExportRun, Identity
from tests.crm.importing import NOW, imported

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folder(settings: object, tmp_path: Path) -> None:
    """Uploads and exports of a test lie in a folder of its own."""
    settings.VAR_DIR = tmp_path  # type: ignore[attr-defined]


PEOPLE = [
    customers.Person(
        external_id="C1",
        email="ann@shop.example",
        phone="+4915123456789",
        first_name="=Ann",
        last_name="O'Brien",
        country="DE",
        city="上海",
        attributes={"plan": "gold", "points": 7, "vip": True, "note": 'a "b"\nc'},
        created_at=NOW - timedelta(days=3),
    ),
    customers.Person(external_id="C2", first_name="Bob", attributes={"note": "+1"}),
    customers.Person(external_id="C3", email="eve@shop.example", last_name="'=x"),
]


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss")


@pytest.fixture
def clerk() -> User:
    """May export, but not see personal data."""
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="export_customer"))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def people() -> list[int]:
    return customers.identify_many(people=PEOPLE, now=NOW)


def exported(viewer: User, kind: str = "customers", form: str = "csv", **more: object) -> bytes:
    return b"".join(pieces(viewer, kind, form, **more))


def pieces(viewer: User, kind: str, form: str, **more: object) -> Iterator[bytes]:
    request = exports.Request(kind, form, tuple(more.get("columns", ())))  # type: ignore[arg-type]
    return exports.stream(
        request=request,
        customers=more.get("customers"),  # type: ignore[arg-type]
        viewer=viewer,
        clock=lambda: NOW,
    )


def facts() -> list[object]:
    return [
        (
            sorted((i.kind, i.value) for i in c.identities.all()),
            (c.first_name, c.last_name, c.email, c.phone, c.country, c.city, c.language),
            c.attributes,
            c.created_at,
        )
        for c in Customer.objects.order_by("pk").prefetch_related("identities")
    ]


@pytest.mark.parametrize("form", ["csv", "xlsx", "jsonl"])
def test_what_was_exported_comes_back_as_the_same_customers(
    form: str, people: list[int], boss: User
):
    before = facts()
    data = exported(boss, form=form)
    Identity.objects.all().delete()
    Customer.objects.all().delete()

    run = imported(data, f"people.{form}")

    assert run.created == len(people)
    assert facts() == before


def test_whoever_may_not_see_personal_data_gets_it_masked(people: list[int], clerk: User):
    text = exported(clerk).decode()

    run = ExportRun.objects.get()
    assert run.is_masked
    for secret in ("ann@shop", "15123456789", "O'Brien", "上海", "gold", "C1"):
        assert secret not in text
    assert ",DE," in text


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_cells_that_a_spreadsheet_would_run_are_quoted(form: str, people: list[int], boss: User):
    data = exported(boss, form=form, columns=["first_name", "phone", "attributes.points"])

    if form == "csv":
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    else:
        rows = list(load_workbook(io.BytesIO(data)).active.values)
    assert rows[1][:2] in (["'=Ann", "'+4915123456789"], ("'=Ann", "'+4915123456789"))
    assert str(rows[1][2]) == "7"


def test_only_these_customers_and_these_columns_leave(people: list[int], boss: User):
    some = Customer.objects.filter(pk=people[1])

    rows = exported(boss, customers=some, columns=["first_name"]).decode("utf-8-sig").split()

    assert rows == ["first_name", "Bob"]


def test_every_export_is_on_record(people: list[int], boss: User):
    exported(boss, form="jsonl")

    run = ExportRun.objects.get()
    assert (run.kind, run.rows, run.started_by, run.is_masked) == ("customers", 3, boss, False)
    assert run.state == ExportState.FINISHED
    assert run.size > 0


def test_an_export_that_is_broken_off_says_so(people: list[int], boss: User):
    leaving = pieces(boss, "customers", "csv")
    next(leaving)
    leaving.close()  # type: ignore[attr-defined]

    assert ExportRun.objects.get().state == ExportState.FAILED


@pytest.mark.parametrize("kind", list(exports.KINDS))
def test_every_kind_leaves_in_every_form(kind: str, people: list[int], boss: User):
    consent.grant(customer_id=people[0], channel="email", source="staff", now=NOW)
    consent.suppress(
        suppression=consent.NewSuppression("email", "gone@shop.example", "staff"), now=NOW
    )

    lines = exported(boss, kind=kind, form="jsonl").decode().splitlines()

    wanted = {"customers": 3, "events": 1, "consents": 1, "suppressions": 1}
    assert len(lines) == wanted.get(kind, 0)
    assert "gone@shop.example" not in "".join(lines)
    assert all(isinstance(json.loads(line), dict) for line in lines)


def test_a_file_is_written_in_the_background_and_deleted_in_time(people: list[int], boss: User):
    request = exports.Request("customers", "csv")
    exports.start(request=request, customer_ids=people[:2], viewer=boss, now=NOW)

    is_written = exports.write_due(clock=lambda: NOW)
    run = ExportRun.objects.get()
    file = exports.file_of(run=run)
    was_there = file.is_file()
    exports.expire(now=NOW + timedelta(days=8))

    run.refresh_from_db()
    assert is_written
    assert was_there
    assert not file.exists()
    assert (run.rows, run.state) == (2, ExportState.EXPIRED)
