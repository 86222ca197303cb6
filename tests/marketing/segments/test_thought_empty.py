"""Rules, and what follows changes, take linear time where PostgreSQL thinks the record empty."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from crm import customers, orders, planner
from crm.ingest import people
from marketing import segments
from marketing.models import Segment
from marketing.segments import following
from tests import making
from tests.crm.plans import think_the_record_empty

pytestmark = pytest.mark.django_db


def planned(statement: str, *asked: object) -> str:
    think_the_record_empty()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}", asked)
        return "\n".join(line for (line,) in cursor.fetchall())


def test_changes_are_taken_by_their_ids() -> None:
    plan = planned(following._TAKE, 500)

    assert "Nested Loop" not in plan


def test_those_who_are_told_of_are_looked_up_one_by_one() -> None:
    handles = [f"c{at}@example.test" for at in range(600)]

    plan = planned(people._OWNERS, json.dumps(handles), "email")

    assert "told.value" in "".join(re.findall(r"(?:Index Cond|Filter): .*", plan))
    assert "Join Filter" not in plan


BUYERS = {"version": 1, "all": [{"bought": "product", "value": ["TEA-1"]}]}
MANY = 600


@pytest.fixture
def ids(now: datetime, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Customers who bought something, where PostgreSQL thinks that there are none."""
    monkeypatch.setattr(planner, "REST", timedelta())
    making.product(now=now)
    told = [customers.Person(email=f"c{at}@example.test") for at in range(MANY)]
    found = customers.identify_many(people=told, now=now)
    line = orders.NewLine("TEA-1", 1, Decimal(5))
    new = [orders.NewOrder(f"o{one}", one, now, "EUR", (line,)) for one in found]
    orders.record_many(orders=new, now=now)
    return found


def _refresh(now: datetime) -> None:
    segment = Segment.objects.create(name="Buyers", rules=BUYERS)
    assert segments.refresh(segment_id=segment.pk, now=now).count == MANY


def _preview(now: datetime) -> None:
    assert segments.preview(rules=BUYERS, now=now).total == MANY


def _estimate(now: datetime) -> None:
    assert segments.estimate(rules=BUYERS, now=now).total == MANY


@pytest.mark.parametrize("ask", [_refresh, _preview, _estimate])
def test_rules_are_asked_of_tables_that_are_counted(
    ids: list[int], now: datetime, ask: Callable[[datetime], None]
) -> None:
    told: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "crm_orderline" in sql:
            told.append("counted" if sql.startswith("ANALYZE") else "asked")
        return execute(sql, params, many, context)

    think_the_record_empty()
    with connection.execute_wrapper(note):
        ask(now)

    assert told[0] == "counted"
    assert "asked" in told
    assert rows_thought("crm_orderline") == MANY


def rows_thought(name: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [name])
        return float(cursor.fetchone()[0])
