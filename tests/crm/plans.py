"""The plans of statements where PostgreSQL thinks that the record is empty.

So its sweep finds tables whose rows are not committed yet, and holds to it until it comes again.
"""

import re
from typing import Any

import pytest
from django.db import connection

_FORGET = """
    UPDATE pg_class SET relpages = 1000, reltuples = 0
    WHERE relkind = 'r' AND relname ~ '^(crm|marketing|campaigns)_'
"""
# A loop that looks nothing up by what is equal, and so tries every pair.
_COMPARED = re.compile(r"Nested Loop[^\n]*\n\s+Join Filter: \(+\S+ = ")
# A list that is gone through for each row, as it is not of the type of the column; PostgreSQL
# hashes the others from nine on.
_GONE_THROUGH = re.compile(r" = ANY \('\{(\d+,){8,}\d+\}'::(smallint|integer)\[\]")
_OURS = re.compile(r"\b(crm|marketing|campaigns)_")
_PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "CREATE TEMPORARY TABLE")


def think_the_record_empty() -> None:
    """Until the transaction of the test ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if not cursor.fetchone()[0]:
            pytest.skip("Only a superuser of PostgreSQL can make it forget its statistics.")
        cursor.execute(_FORGET)


class Plans:
    """Keeps the plan of each statement about the record, while it wraps their execution."""

    def __init__(self, about: str = "") -> None:
        self._about = about
        self.found: list[str] = []

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if self._about in sql and _OURS.search(sql) and sql.lstrip().startswith(_PLANNED):
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {sql}", params)
                self.found.append("\n".join(line for (line,) in cursor.fetchall()))
        return execute(sql, params, many, context)

    def comparing_each_with_each(self) -> list[str]:
        """The plans that hold all of one side against all of another."""
        return [plan for plan in self.found if _COMPARED.search(plan)]

    def going_through_lists(self) -> list[str]:
        """The plans that may hold each row of a table against each entry of a list."""
        return [plan for plan in self.found if _GONE_THROUGH.search(plan)]
