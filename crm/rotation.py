"""Rotation: what is encrypted in the database is written anew under the newest key."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.db import connection, transaction

from crm.models.encrypted import EncryptedTextField

_BATCH = 1_000


def rotate() -> dict[str, int]:
    """Write every secret anew, a thousand at a time; gives how many of each column.

    What the settings want plain (`ENCRYPT_MESSAGE_BODIES` off) is written plain. May be run
    again at any time, and while everything is running.
    """
    return {
        f"{table}.{field.column}": _rotate(table, str(field.column), field)
        for table, field in _columns()
    }


def _columns() -> Iterator[tuple[str, EncryptedTextField]]:
    for model in apps.get_models():
        for field in model._meta.local_concrete_fields:
            if isinstance(field, EncryptedTextField):
                yield model._meta.db_table, field


def _rotate(table: str, column: str, field: EncryptedTextField) -> int:
    done, last = 0, 0
    while rows := _next(table, column, last):
        last, done = rows[-1][0], done + len(rows)
        _write(table, column, [(_anew(field, old), old, pk) for pk, old in rows])
    return done


def _next(table: str, column: str, after: int) -> Sequence[tuple[int, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, {column} FROM {table} WHERE id > %s AND {column} <> ''"  # noqa: S608
            f" ORDER BY id LIMIT {_BATCH}",
            [after],
        )
        return list(cursor.fetchall())


def _anew(field: EncryptedTextField, kept: str) -> Any:
    return field.get_prep_value(field.from_db_value(kept, None, connection))


def _write(table: str, column: str, rows: Sequence[tuple[Any, str, int]]) -> None:
    # What somebody wrote in the meantime is under the newest key already.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {table} SET {column} = %s WHERE {column} = %s AND id = %s",  # noqa: S608
            rows,
        )
