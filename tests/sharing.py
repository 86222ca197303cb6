"""Rows that all tests of a class find: made once for them, and gone after them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction


@contextmanager
def for_a_class(django_db_blocker: Any) -> Iterator[None]:
    """Around what each test changes and takes back for itself."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)
