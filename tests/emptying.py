"""Emptying the database after a test that committed: only the tables that it filled.

Django truncates all of them, a hundred files with their indexes, and makes rights and kinds of
content anew: half a second for each such test. Here these stay, and small tables are deleted from.
"""

from functools import lru_cache
from typing import Any

from django.db import connection, transaction
from django.test import TransactionTestCase

# Made by migrations, and the same for every test.
KEPT = frozenset({"django_content_type", "auth_permission", "django_migrations"})
# What has grown further leaves dead rows behind, which would mislead who plans by its size.
SMALL_BYTES = 128 * 1024

_teardown = TransactionTestCase._fixture_teardown


def after_a_test(case: Any) -> None:
    """Leave nothing behind, as `TransactionTestCase` promises."""
    if case.serialized_rollback or case.available_apps is not None:
        _teardown(case)
        return
    with transaction.atomic():
        empty()


def empty() -> None:
    """Delete every row of every table that has some."""
    tables = _tables(str(connection.settings_dict["NAME"]))
    with connection.cursor() as cursor:
        asked = ", ".join(f'EXISTS (SELECT FROM "{table}")' for table in tables)
        cursor.execute(f"SELECT {asked}")
        filled = [table for table, has in zip(tables, cursor.fetchone(), strict=True) if has]
        if not filled:
            return
        cursor.execute(
            "SELECT name FROM unnest(%s::text[]) AS name"
            " WHERE pg_relation_size(quote_ident(name)::regclass) > %s",
            [filled, SMALL_BYTES],
        )
        large = {name for (name,) in cursor.fetchall()}
        if large:
            names = ", ".join(f'"{table}"' for table in large)
            cursor.execute(f"TRUNCATE {names} CASCADE")
        # Foreign keys are asked at the commit: the order does not matter.
        small = [table for table in filled if table not in large]
        cursor.execute("; ".join(f'DELETE FROM "{table}"' for table in small) or "SELECT 1")


@lru_cache(maxsize=4)
def _tables(name: str) -> tuple[str, ...]:
    found = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return tuple(sorted(set(found) - KEPT))
