"""Signs of life of worker, beat and the loops, kept where the web process can read them."""

import os
import time
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.core.cache import cache

# In the cache, and beside the spool that web and ingest share: ingest is too small for a cache.
CACHED = ("worker", "beat", "follow", "post")
FILED = ("ingest",)
NAMES = (*CACHED, *FILED)
# The sweeps of beat do what these do, later: a set is ready without them.
SPARED = ("follow", "post")
# Older than this, a sign of life says that something is wrong.
OLDEST_SECONDS = 30.0


def mark(name: str) -> None:
    """Say that this one is alive now."""
    if name in FILED:
        _file(name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _file(name).touch(mode=0o600)
        os.utime(_file(name))
    else:
        cache.set(_key(name), time.time(), timeout=None)


def forget(name: str) -> None:
    """Say that this one has ended in order."""
    if name in FILED:
        _file(name).unlink(missing_ok=True)
    else:
        cache.delete(_key(name))


def ages() -> dict[str, float | None]:
    """Seconds since each was last alive; None for one that is not running."""
    marks = cache.get_many([_key(name) for name in CACHED])
    found = {name: marks.get(_key(name)) for name in CACHED} | _filed()
    now = time.time()
    return {name: None if at is None else max(now - at, 0.0) for name, at in found.items()}


def _filed() -> dict[str, float | None]:
    found: dict[str, float | None] = dict.fromkeys(FILED)
    for name in FILED:
        with suppress(FileNotFoundError):
            found[name] = _file(name).stat().st_mtime
    return found


def _file(name: str) -> Path:
    return Path(settings.SPOOL_DIR) / f"{name}.alive"


def _key(name: str) -> str:
    return f"heartbeat:{name}"
