"""A database of the benchmark's own beside the configured one, dropped at the end."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

from django.core.management import call_command
from django.db import connection


@contextmanager
def database() -> Iterator[str]:
    """Make an empty database, point Django at it and give its address for other processes."""
    name = f"rapport_bench_{secrets.token_hex(4)}"
    used = connection.settings_dict["NAME"]
    _maintain(f"CREATE DATABASE {name} TEMPLATE template0")
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        call_command("migrate", verbosity=0, skip_checks=True)
        yield address_of(name)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = used
        _maintain(f"DROP DATABASE {name} WITH (FORCE)")


def _maintain(statement: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)


def address_of(name: str) -> str:
    """The configured address with this database in it."""
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
