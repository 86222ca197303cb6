"""Signs of life of the worker, of beat and of ingest, kept where every process can read them."""

import time

from django.core.cache import cache

NAMES = ("worker", "beat", "ingest")
# Older than this, a sign of life says that something is wrong.
OLDEST_SECONDS = 30.0


def mark(name: str) -> None:
    """Say that this one is alive now."""
    cache.set(_key(name), time.time(), timeout=None)


def forget(name: str) -> None:
    """Say that this one has ended in order."""
    cache.delete(_key(name))


def ages() -> dict[str, float | None]:
    """Seconds since each was last alive; None for one that is not running."""
    marks = cache.get_many([_key(name) for name in NAMES])
    now = time.time()
    found = {name: marks.get(_key(name)) for name in NAMES}
    return {name: None if at is None else max(now - at, 0.0) for name, at in found.items()}


def _key(name: str) -> str:
    return f"heartbeat:{name}"
