"""The journal of this process (and thread), opened when its first message goes."""

import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from crm.channels.journal import HandOverJournal

_kept = threading.local()


def folder() -> Path:
    """Where the journals of this machine lie."""
    return Path(settings.VAR_DIR) / "journals"


def host() -> str:
    """The name of this machine, as owners begin with it."""
    return socket.gethostname()[:60].replace("/", "-")


def owner() -> str:
    """The name under which this process holds messages: its host, its number, a random part."""
    return _journal().owner


def current() -> HandOverJournal:
    """The journal that this process writes."""
    return _journal()


def abandon() -> None:
    """Leave the journal to the recovery, its batch unsettled; the next batch opens a new one."""
    journal = _open()
    _kept.journal = None
    if journal is not None:
        journal.leave()


@contextmanager
def writing_as(*, owner: str) -> Iterator[None]:
    """The transaction in which messages become `sending` under this owner.

    Until it has ended the recovery leaves the owner's journal alone, lest it look before a commit
    that is on its way when the worker dies. Where the commit fails nobody knows whether it held:
    then the journal is left to the recovery, which sees what is there.
    """
    try:
        with transaction.atomic():
            _lock("pg_advisory_xact_lock_shared", owner)
            yield
    except BaseException:
        journal = _open()
        if journal is not None and journal.owner == owner:
            abandon()
        raise


def has_ended(*, owner: str) -> bool:
    """Whether no transaction of a dead owner is on its way any more; call in a transaction."""
    return _lock("pg_try_advisory_xact_lock", owner)


def _lock(function: str, owner: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(hashtextextended(%s, 0))", [f"writing {owner}"])
        # The lock that waits gives nothing, the one that tries says whether it was free.
        return cursor.fetchone()[0] is not False


def _journal() -> HandOverJournal:
    journal = _open()
    if journal is None:
        name = f"{host()}:{os.getpid()}:{secrets.token_hex(6)}"
        journal = HandOverJournal(folder(), owner=name)
        _kept.journal, _kept.pid = journal, os.getpid()
    return journal


def _open() -> HandOverJournal | None:
    """The journal that is open, unless a parent of this process opened it."""
    kept: HandOverJournal | None = getattr(_kept, "journal", None)
    is_ours = kept is not None and _kept.pid == os.getpid() and kept.path.parent == folder()
    return kept if is_ours else None
