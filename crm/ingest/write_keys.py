"""Who may send: write keys, remembered for a few seconds, each with a limit of its own."""

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from crm import keys
from crm.choices import ApiScope
from crm.models import ApiKey

# A revoked key opens nothing any more after so long.
REMEMBERED_SECONDS = 3.0
# Wrong keys are remembered too, but not without end.
_MOST_REMEMBERED = 10_000
_LONGEST_KEY = 200
_PER = {"s": 1, "sec": 1, "min": 60, "m": 60, "hour": 3600, "h": 3600}


class KeysUnreachable(RuntimeError):  # noqa: N818 - it says what cannot be done
    """The database does not answer, and this key was not seen before."""


@dataclass(slots=True, eq=False)
class Pass:
    """What is known about a key, and how many calls it has left."""

    key_id: int
    per_second: float
    burst: float
    left: float
    looked_at: float
    counted_at: float
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def seconds_to_wait(self, calls: int = 1) -> float:
        """Count some calls: 0 where they are within the limit, else when to come again."""
        with self._lock:
            now = time.monotonic()
            self.left = min(self.burst, self.left + (now - self.counted_at) * self.per_second)
            self.counted_at = now
            if self.left < calls:
                return (calls - self.left) / self.per_second
            self.left -= calls
            return 0.0


_known: dict[str, Pass] = {}


def recognise(*, secret: str, now: datetime) -> Pass | None:
    """The pass of a write key; None where the key is unknown, revoked or not for tracking."""
    found = _known.get(secret)
    if found is None or time.monotonic() - found.looked_at > REMEMBERED_SECONDS:
        found = _look_up(secret, found, now)
    return found if found.key_id else None


def forget() -> None:
    """Remember no key any more."""
    _known.clear()


def _look_up(secret: str, before: Pass | None, now: datetime) -> Pass:
    if not 0 < len(secret) <= _LONGEST_KEY or "\0" in secret:
        return _pass(0, None, None)
    try:
        key = _ask(secret, now)
    except (DatabaseError, InterfaceError) as error:
        if before is None or not before.key_id:
            raise KeysUnreachable("Write keys cannot be checked just now.") from error
        # What was allowed a moment ago stays so until somebody can be asked.
        before.looked_at = time.monotonic()
        return before
    allowed = key is not None and ApiScope.TRACK in key.scopes
    found = _pass(key.pk, key.rate, before) if key and allowed else _pass(0, None, None)
    if len(_known) >= _MOST_REMEMBERED:
        _known.clear()
    _known[secret] = found
    return found


def _ask(secret: str, now: datetime) -> ApiKey | None:
    """A connection kept from before may have died with its database: then another is tried."""
    for _ in range(2):
        try:
            return keys.recognise(secret=secret, now=now)
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            problem = error
    raise problem


def _pass(key_id: int, per_minute: int | None, before: Pass | None) -> Pass:
    count, _, unit = settings.TRACK_RATE.partition("/")
    per_second = per_minute / 60 if per_minute else int(count) / _PER[unit or "min"]
    # A second's worth at once, as clients come in bursts.
    burst = max(per_second, 10.0)
    at = time.monotonic()
    left = min(before.left, burst) if before else burst
    return Pass(key_id, per_second, burst, left, at, before.counted_at if before else at)
