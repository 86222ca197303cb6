"""Telling troubles of the database from troubles with what it was given."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, connection

# Bad data, broken constraints, and what is too complex, by the first two places of SQLSTATE.
_OF_THE_DATA = ("22", "23", "54")


class DatabaseAway(RuntimeError):  # noqa: N818 - it says what is the matter
    """The database cannot take anything just now; the spool keeps it."""


@contextmanager
def telling_apart() -> Iterator[None]:
    """Raise `DatabaseAway` for troubles of the database; bad data raises what Django raises."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        state = getattr(error.__cause__, "sqlstate", None) or ""
        if state.startswith(_OF_THE_DATA):
            raise
        connection.close()
        raise DatabaseAway(type(error).__name__) from error
