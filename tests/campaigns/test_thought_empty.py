"""Sending looks rows up by their ids, whatever PostgreSQL thinks of its tables."""

from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from campaigns.sending import decided
from crm.arrays import numbers
from crm.messages import sent
from tests.crm.plans import think_the_record_empty

pytestmark = pytest.mark.django_db

IDS = numbers(of=range(1, 2_001))


def planned(statement: str, asked: Any) -> str:
    think_the_record_empty()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}", asked)
        return "\n".join(line for (line,) in cursor.fetchall())


def test_messages_are_settled_by_their_ids(now: datetime) -> None:
    asked = {"ids": IDS, "now": now, "event": sent.EVENT, "subjects": ["message"]}

    plan = planned(sent._SETTLE, asked)

    assert "Update on crm_message" in plan
    assert "Nested Loop" not in plan


def test_deliveries_are_handed_over_by_their_ids(now: datetime) -> None:
    plan = planned(decided._HAND_OVER, [now, IDS, IDS, IDS])

    assert "Index Cond: (id = ANY (" in plan
    assert "Seq Scan" not in plan
