"""PostgreSQL hashes joins for a block, and counts anew what it wrongly thinks empty."""

from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.transaction import TransactionManagementError

from crm import planner
from tests import making
from tests.crm.plans import think_the_record_empty

pytestmark = pytest.mark.django_db


def _set() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('enable_hashjoin'), current_setting('enable_nestloop')"
        )
        hashing, looping = cursor.fetchone()
    return hashing, looping


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_block_hashes_what_it_joins() -> None:
    with planner.hashed():
        within = _set()

    assert within == ("on", "off")
    assert _set() == ("on", "on")


def test_what_was_set_before_holds_again() -> None:
    _run("SET LOCAL enable_hashjoin = off; SET LOCAL enable_nestloop = off")

    with planner.hashed():
        within = _set()

    assert within == ("on", "off")
    assert _set() == ("off", "off")


def test_a_block_within_a_block_does_not_end_the_outer_one() -> None:
    with planner.hashed():
        with planner.hashed():
            pass
        within = _set()

    assert within == ("on", "off")
    assert _set() == ("on", "on")


def test_an_exception_ends_the_block() -> None:
    with pytest.raises(LookupError), planner.hashed():
        raise LookupError

    assert _set() == ("on", "on")


def test_a_statement_that_fails_in_a_savepoint_around_the_block_ends_it() -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), planner.hashed():
        _run("SELECT 1 / 0")

    assert _set() == ("on", "on")


def test_a_statement_that_fails_in_a_savepoint_within_the_block_ends_it() -> None:
    with pytest.raises(DatabaseError), planner.hashed(), transaction.atomic():
        _run("SELECT 1 / 0")

    assert _set() == ("on", "on")


def test_a_failure_that_the_block_survives_leaves_it_as_it_is() -> None:
    with planner.hashed():
        with pytest.raises(DatabaseError), transaction.atomic():
            _run("SELECT 1 / 0")
        within = _set()

    assert within == ("on", "off")
    assert _set() == ("on", "on")


def test_a_statement_that_fails_is_told_of_itself() -> None:
    asked = pytest.raises(DatabaseError, match="division by zero")
    with asked, transaction.atomic(), planner.hashed(), transaction.atomic(savepoint=False):
        _run("SELECT 1 / 0")

    assert _set() == ("on", "on")


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_it_is_refused() -> None:
    with pytest.raises(TransactionManagementError), planner.hashed():
        pass


def _thought_of() -> int:
    """How many customers PostgreSQL thinks there are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'crm_customer'::regclass")
        return int(cursor.fetchone()[0])


def test_what_is_thought_empty_is_counted_anew(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "REST", timedelta())
    making.customer(now=now)
    think_the_record_empty()

    planner.recount()

    assert _thought_of() == 1


def test_what_was_counted_a_moment_ago_is_left_alone(now: datetime) -> None:
    making.customer(now=now)
    _run("ANALYZE crm_customer")
    think_the_record_empty()
    assert _thought_of() == 0

    planner.recount()

    assert _thought_of() == 0
