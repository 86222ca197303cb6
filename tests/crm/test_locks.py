"""Customers are held by one lock while rows that name them are written."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from django.db import OperationalError, connection, transaction

from crm import locks
from crm.models import Customer
from tests import making

pytestmark = pytest.mark.django_db(transaction=True)


def may_lock(how: str, customer_id: int) -> bool:
    """Whether somebody else gets this lock of a customer at once."""

    def ask() -> bool:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT FROM crm_customer WHERE id = %s FOR {how} NOWAIT", [customer_id]
                )
        except OperationalError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(ask).result()


def test_who_is_held_may_be_changed_but_neither_merged_nor_erased(now: datetime) -> None:
    held, free = (making.customer(now=now).pk for _ in range(2))

    with transaction.atomic():
        assert locks.hold_customers(customer_ids=[held]) == {held}
        assert may_lock("NO KEY UPDATE", held)
        assert not may_lock("UPDATE", held)
        assert may_lock("UPDATE", free)

    assert may_lock("UPDATE", held)


def test_who_is_gone_is_not_held(now: datetime) -> None:
    there, gone = making.customer(now=now), making.customer(now=now)
    Customer.objects.filter(pk=gone.pk).delete()

    with transaction.atomic():
        assert locks.hold_customers(customer_ids=[gone.pk, there.pk, 0]) == {there.pk}
        assert locks.hold_customers(customer_ids=[]) == set()
