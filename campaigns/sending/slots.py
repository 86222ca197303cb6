"""Slots: how many workers send one campaign at a time, however often the bell rings."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def slot(*, campaign_id: int, slots: int) -> Iterator[bool]:
    """Hold one of the campaign's slots; False if all are taken.

    The lock belongs to the database session: a worker that dies frees its slot by dying.
    """
    names = [f"campaign {campaign_id} sender {number}" for number in range(slots)]
    held = next((name for name in names if _ask("pg_try_advisory_lock", name)), None)
    try:
        yield held is not None
    finally:
        if held is not None:
            _ask("pg_advisory_unlock", held)


def _ask(function: str, name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(hashtextextended(%s, 0))", [name])
        return bool(cursor.fetchone()[0])
