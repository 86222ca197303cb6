"""A database of the benchmark's own beside the configured one, dropped at the end."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

from django.core.management import call_command
from django.db import connection

# Names a database to copy, where many short runs follow one another.
TEMPLATE = "BENCHMARK_TEMPLATE"


@contextmanager
def database(*, template: str = "template0") -> Iterator[str]:
    """Make an empty database, point Django at it and give its address for other processes."""
    name = f"rapport_bench_{secrets.token_hex(4)}"
    named = os.environ.get(TEMPLATE) if template == "template0" else None
    _maintain(f"CREATE DATABASE {name} TEMPLATE {named or template}")
    with _pointed_at(name):
        try:
            # One that was named for this run has our tables as they are now.
            if named is None:
                call_command("migrate", verbosity=0, skip_checks=True)
            yield address_of(name)
        finally:
            connection.close()
            _maintain(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def tables() -> Iterator[str]:
    """A database that has nothing but our tables, and its name: for others to be copies of it."""
    name = make_tables()
    try:
        yield name
    finally:
        drop(name)


def make_tables() -> str:
    """Make such a database and leave it there; gives its name."""
    name = f"rapport_tables_{secrets.token_hex(4)}"
    _maintain(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        with _pointed_at(name):
            call_command("migrate", verbosity=0, skip_checks=True)
    except BaseException:
        drop(name)
        raise
    return name


def drop(name: str) -> None:
    """Take a database away, whoever is connected to it."""
    _maintain(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def filled(*, name: str, fill: Callable[[], None], keep: bool) -> Iterator[str]:
    """The same, filled; where it is kept, once for all runs to come, each of which has a copy."""
    if not keep:
        with database() as address:
            fill()
            yield address
        return
    kept = f"rapport_kept_{name}"
    if not _exists(kept):
        # Under its name only once it is whole.
        with database() as address:
            fill()
            connection.close()
            _maintain(f"CREATE DATABASE {kept} TEMPLATE {urlsplit(address).path.lstrip('/')}")
    with database(template=kept) as address:
        yield address


@contextmanager
def _pointed_at(name: str) -> Iterator[None]:
    used = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = used


def _exists(name: str) -> bool:
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        return cursor.fetchone() is not None


def _maintain(statement: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)


def address_of(name: str) -> str:
    """The configured address with this database in it."""
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
