"""What messages were rendered from moves to rows of its own, and back."""

from datetime import datetime

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from crm.models import Customer, KeptVariables, TemplateVersion

from .messages.letters import templated, write

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE, AFTER = ("crm", "0032_held_customers"), ("crm", "0033_kept_variables")


def migrate(target: tuple[str, str]) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate([target])


def column() -> list[object]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT variables IS NOT NULL FROM crm_message ORDER BY id")
        return [kept for (kept,) in cursor.fetchall()]


def test_what_is_kept_stays_the_same_both_ways(
    ada: Customer, now: datetime, newsletter: TemplateVersion
):
    write(templated(ada, newsletter, now), now=now)
    before = KeptVariables.objects.get().variables
    assert before
    try:
        migrate(BEFORE)
        assert column() == [True]
    finally:
        migrate(AFTER)
    assert KeptVariables.objects.get().variables == before
