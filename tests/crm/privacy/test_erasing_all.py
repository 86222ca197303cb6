"""A row of every model there is about one person, who is erased: none of them tells."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection, models
from django.utils import timezone

from crm import privacy
from crm.models import Customer, IdempotentCall
from tests import making
from tests.crm import planting

pytestmark = pytest.mark.django_db

# Columns that name a customer by a plain value, each looked at by the erasure.
KNOWN_BY_VALUE = {
    ("crm.AccessRecord", "customer_id"),
    ("crm.CustomerAlias", "old_id"),
    ("crm.Merge", "kept_id"),
    ("crm.Merge", "merged_id"),
    ("crm.WebhookDelivery", "customer_id"),
}


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def rows(now: datetime, settings: Any, tmp_path: Path) -> dict[str, models.Model]:
    settings.VAR_DIR = tmp_path
    person = making.customer(
        now=now,
        external_id=f"{planting.LOCAL}-7",
        first_name=planting.NAME,
        last_name=planting.SECRET,
        email=planting.ADDRESS,
        phone=planting.PHONE,
        street=planting.STREET,
        attributes={"nickname": planting.SECRET},
    )
    other = making.customer(now=now, first_name="Bob")
    by = User.objects.create_user("planter", is_staff=True)
    planter = planting.Planter(customer=person, other=other, by=by, now=now)
    planted = planter.plant_all()
    person.last_name = f"{planting.SECRET} II"
    person.save()
    return planted


def _telling() -> Iterator[str]:
    """Every table that still says something of the person."""
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            binary = [
                field.column
                for field in model._meta.local_concrete_fields
                if isinstance(field, models.BinaryField)
            ]
            raw = "".join(f" || ' ' || encode({column}, 'escape')" for column in binary)
            cursor.execute(f"SELECT lower(row_to_json(t)::text{raw}) FROM {table} t")
            text = " ".join(row for (row,) in cursor.fetchall() if row)
            yield from (f"{table}: {word}" for word in planting.CANARIES if word in text)


def test_nothing_tells_of_who_was_erased(rows: dict[str, models.Model], now: datetime) -> None:
    planted = {finding.partition(":")[0] for finding in _telling()}
    assert len(planted) > 25
    customer_id = rows["crm.Customer"].pk
    asked = privacy.order(kind="erasure", customer_id=customer_id, by=None, source="staff", now=now)

    privacy.erase(request_id=asked.pk, by=None, now=now)

    left = list(_telling())
    assert not left, left
    assert not Customer.objects.filter(pk=customer_id).exists()
    assert not IdempotentCall.objects.exists()


def test_every_table_that_names_a_customer_is_known() -> None:
    """A new column that names customers by a plain value has to be thought of here."""
    found = {
        (model._meta.label, field.attname)
        for model in planting.models_of_ours()
        for field in model._meta.local_concrete_fields
        if not field.is_relation
        and isinstance(field, models.IntegerField)
        and field.attname.endswith(("customer_id", "kept_id", "merged_id", "old_id"))
    }

    assert found == KNOWN_BY_VALUE


def test_every_row_of_a_person_hangs_on_the_customer_or_goes_by_its_handles(
    rows: dict[str, models.Model],
) -> None:
    """Every model has a row here; one that cannot be planted fails in planting.py."""
    assert set(rows) == {model._meta.label for model in planting.models_of_ours()}
