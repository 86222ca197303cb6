"""The journal of this process (and thread), opened when its first message goes."""

import os
import secrets
import socket
import threading
from pathlib import Path

from django.conf import settings

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
    journal = _journal()
    _kept.journal = None
    journal.close()


def _journal() -> HandOverJournal:
    kept: HandOverJournal | None = getattr(_kept, "journal", None)
    # A forked child must not write its parent's journal.
    if kept is not None and _kept.pid == os.getpid() and kept.path.parent == folder():
        return kept
    opened = HandOverJournal(folder(), owner=f"{host()}:{os.getpid()}:{secrets.token_hex(6)}")
    _kept.journal, _kept.pid = opened, os.getpid()
    return opened
