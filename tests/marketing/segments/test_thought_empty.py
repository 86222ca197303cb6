"""What follows changes takes linear time while PostgreSQL thinks the record empty."""

import json
import re

import pytest
from django.db import connection

from crm.ingest import people
from marketing.segments import following
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
