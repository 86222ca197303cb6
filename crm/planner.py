"""PostgreSQL's planner, told better where it is wrong about our tables.

A table that was counted while its rows were being written is thought empty until it is counted
again. Whatever looks only once then costs least: a loop that compares each row with each, or an
index that finds all to pick one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.transaction import TransactionManagementError
from psycopg.pq import TransactionStatus

# What is found empty again, as its rows are still being written, is left alone for so long.
REST = timedelta(seconds=30)

_HASHED = {"enable_hashjoin": "on", "enable_nestloop": "off"}
# The inner select is read first, so that it tells what was before.
_SET = """
    SELECT asked.name, asked.was, set_config(asked.name, asked.value, true) FROM (
        SELECT told.name, current_setting(told.name) AS was, told.value
        FROM unnest(%s::text[], %s::text[]) AS told (name, value) OFFSET 0
    ) AS asked
"""
_SEEM_EMPTY = """
    SELECT quote_ident(relname) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
      AND reltuples = 0 AND relpages > 0
      AND coalesce(pg_stat_get_last_analyze_time(oid), '-infinity') < clock_timestamp() - %s
"""


@contextmanager
def hashed() -> Iterator[None]:
    """Let the statements of a block hash what they join; what was set before holds again after it.

    Raises `TransactionManagementError` outside a transaction, where a setting would not last.
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError("Joins can only be hashed inside a transaction.")
    before = _set(_HASHED)
    try:
        yield
    finally:
        # A transaction that failed takes no statement; rolling it back undoes the settings.
        if _takes_statements():
            _set(before)


def recount() -> None:
    """Let PostgreSQL count anew what it thinks empty though it has pages; its sweep comes later.

    For statements of many shapes, of which none can be written so that every plan of it is good.
    """
    rest: Any = REST
    with connection.cursor() as cursor:
        cursor.execute(_SEEM_EMPTY, [rest])
        if names := [name for (name,) in cursor.fetchall()]:
            cursor.execute(f"ANALYZE (SKIP_LOCKED) {', '.join(names)}")


def _set(values: dict[str, str]) -> dict[str, str]:
    """Set for the rest of the transaction; gives what was set before."""
    with connection.cursor() as cursor:
        cursor.execute(_SET, [list(values), list(values.values())])
        return {name: was for name, was, _ in cursor.fetchall()}


def _takes_statements() -> bool:
    status = connection.connection.info.transaction_status
    return status == TransactionStatus.INTRANS and not connection.needs_rollback
