"""Erasure reaches every table, every file and every loose end, and says what it did."""

import gzip
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection

from crm import consent, exports, normalise, privacy
from crm.imports.running import file_of
from crm.models import (
    Callback,
    CaughtMessage,
    Customer,
    ExportRun,
    ImportRun,
    Order,
    PrivacyRequest,
    RejectedEvent,
)
from marketing.models import TrainingRun
from tests import making

pytestmark = pytest.mark.django_db
ADDRESS = "canary.ada@shop.example"


@pytest.fixture
def ada(now: datetime, settings, tmp_path: Path) -> Customer:
    settings.VAR_DIR = tmp_path
    for folder in ("imports", "exports"):
        (tmp_path / folder).mkdir()
    customer = making.customer(
        now=now, external_id="canary-7", email=ADDRESS, phone="+441134960777", last_name="Canary"
    )
    making.order(customer=customer, now=now)
    consent.grant(customer_id=customer.pk, channel="email", source="checkout", now=now)
    return customer


def erase(customer: Customer, now: datetime) -> PrivacyRequest:
    asked = privacy.order(kind="erasure", customer_id=customer.pk, by=None, source="staff", now=now)
    return privacy.erase(request_id=asked.pk, by=None, now=now)


def everything() -> str:
    """Every row of every table, as text."""
    told = []
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            cursor.execute(f"SELECT row_to_json(kept)::text FROM {model._meta.db_table} AS kept")
            told += [row for (row,) in cursor.fetchall()]
    return "\n".join(told).lower()


def test_no_table_knows_the_person_any_more(ada: Customer, now: datetime) -> None:
    Callback.objects.create(
        provider="email", key="k", body=f"from {ADDRESS}".encode(), received_at=now
    )
    CaughtMessage.objects.create(
        channel="email", key="m", sender="shop@x.example", recipient=ADDRESS, raw=b"..."
    )
    RejectedEvent.objects.create(
        key="r", reason="x", payload=f'{{"email": "{ADDRESS}"}}', received_at=now
    )
    assert "canary" in everything()

    done = erase(ada, now)

    assert "canary" not in everything()
    assert "+441134960777" not in everything()
    assert done.state == "done"
    assert done.report["crm_identity"] == 3
    assert not Callback.objects.exists()


def test_the_order_stays_in_the_books_without_a_name(ada: Customer, now: datetime) -> None:
    erase(ada, now)

    assert Order.objects.get().customer_id is None


def test_the_address_stays_suppressed_by_its_fingerprint(ada: Customer, now: datetime) -> None:
    erase(ada, now)

    again = making.customer(now=now, external_id="again", email=ADDRESS, phone="")
    consent.grant(customer_id=again.pk, channel="email", source="import", now=now)
    verdicts = consent.check_many(
        customer_ids=[again.pk], channel="email", purpose="marketing", now=now
    )
    assert verdicts[again.pk].refusal == "suppressed"
    hashed = normalise.address_hash(channel="email", address=ADDRESS)
    assert PrivacyRequest.objects.get().address_hash == hashed


@pytest.mark.parametrize(
    ("content", "stays"),
    [
        (f"email\n{ADDRESS}\n".encode(), False),
        (b"email\nbob@shop.example\n", True),
        (gzip.compress(b"packed, so it may hold anybody", mtime=0), False),
        (b"x" * (1 << 20) + ADDRESS.encode(), False),
    ],
)
def test_files_that_name_the_person_are_deleted(
    ada: Customer, now: datetime, content: bytes, stays: bool
) -> None:
    later = now + timedelta(hours=1)
    left = ExportRun.objects.create(
        kind="customers", state="finished", created_at=later, finished_at=later, path="one"
    )
    came = ImportRun.objects.create(
        kind="customers", filename="x.csv", path="two", started_at=later, finished_at=later
    )
    for path in (exports.file_of(run=left), file_of(run=came)):
        path.write_bytes(content)

    report = erase(ada, later).report

    for path in (exports.file_of(run=left), file_of(run=came)):
        assert path.exists() is stays
    assert ("files of exports" in report) is not stays


def test_training_runs_that_had_seen_the_person_say_so(
    ada: Customer, now: datetime, django_capture_on_commit_callbacks
) -> None:
    seen = TrainingRun.objects.create(
        kind="buys_90", requested_at=now, started_at=now + timedelta(days=1)
    )
    before = TrainingRun.objects.create(
        kind="buys_90", requested_at=now, started_at=now - timedelta(days=1)
    )

    with django_capture_on_commit_callbacks(execute=True):
        erase(ada, now + timedelta(days=2))

    seen.refresh_from_db()
    before.refresh_from_db()
    assert (seen.erased_people, before.erased_people) == (1, 0)


def test_only_a_confirmed_request_is_done(ada: Customer, now: datetime) -> None:
    asked = privacy.ask(
        kind="erasure", customer_id=ada.pk, source="preferences", channel="email", now=now
    )

    assert privacy.erase_due(now=now) == 0
    with pytest.raises(ValidationError):
        privacy.erase(request_id=asked.pk, by=None, now=now)
    privacy.confirm(request_id=asked.pk, now=now)
    assert privacy.erase_due(now=now) == 1
    assert not Customer.objects.exists()
