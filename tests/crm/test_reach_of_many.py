"""Whom a group reaches is counted in time that grows with it, whatever PostgreSQL expects of it."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL
from django.test.utils import CaptureQueriesContext

from crm import consent
from crm.choices import Channel, Purpose
from crm.models import Customer

pytestmark = pytest.mark.django_db

MANY = 1_000
# Each seems to cost much, and to be true of a third: of all together PostgreSQL expects one.
COSTLY = """
    CREATE FUNCTION pg_temp.is_there(id bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE COST 100000 AS 'BEGIN RETURN true; END'
"""


@pytest.fixture
def group(now: datetime) -> QuerySet[Customer]:
    """Many of whom PostgreSQL expects one."""
    Customer.objects.bulk_create(
        Customer(email=f"reader{number}@shop.example", created_at=now) for number in range(MANY)
    )
    with connection.cursor() as cursor:
        cursor.execute(COSTLY)
        cursor.execute("ANALYZE crm_customer")
    people = Customer.objects.all()
    for _ in range(8):
        is_there = RawSQL("pg_temp.is_there(crm_customer.id)", (), BooleanField())
        people = people.filter(is_there)
    return people


def counted(group: QuerySet[Customer], now: datetime) -> int:
    return consent.count_reach(
        customers=group, channel=Channel.EMAIL, purpose=Purpose.TRANSACTIONAL, now=now
    ).reachable


def found(group: QuerySet[Customer], now: datetime) -> int:
    return consent.reachable(
        customers=group, channel=Channel.EMAIL, purpose=Purpose.TRANSACTIONAL, now=now
    ).count()


@pytest.mark.parametrize("ask", [counted, found])
def test_nobody_is_compared_with_everybody(
    ask: Callable[[QuerySet[Customer], datetime], int], group: QuerySet[Customer], now: datetime
) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert ask(group, now) == MANY

    [statement] = [one["sql"] for one in asked if "refusal" in one["sql"]]
    assert max(thrown_away(plan_of(statement))) <= MANY


def plan_of(statement: str) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
        told = cursor.fetchone()[0]
    [found] = json.loads(told) if isinstance(told, str) else told
    return dict(found["Plan"])


def thrown_away(plan: dict[str, Any]) -> Iterator[float]:
    """How many pairs each join compared in vain."""
    yield plan.get("Rows Removed by Join Filter", 0) * plan["Actual Loops"]
    for inner in plan.get("Plans", ()):
        yield from thrown_away(inner)
