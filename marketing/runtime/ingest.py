"""Drains both spools, of events and of sightings, and draws what follows from events."""

import contextlib
import ctypes
import gc
import logging
import os
import signal
import sys
import time
from types import FrameType

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
logger = logging.getLogger(__name__)

# No more of Django than rows: no admin, no API, nobody who rings.
APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "crm.apps.CrmRecords",
    "marketing.apps.MarketingRecords",
]
BUSY_PAUSE = 0.05
IDLE_PAUSE = 0.25
AWAY_PAUSE = 1.0
# Without work for so long, the spool is looked at less often.
IDLE_AFTER = 2.0
# The thread that reads ahead gives way to the one that feeds the database within so many seconds:
# the interpreter's own five milliseconds are as long as a statement takes.
GIVE_WAY = 0.0003
# In a rush events are taken down first; what follows from them waits no longer than this.
LATEST_ROLLUP = 10.0
MARK_EVERY = 5.0
# From this many events on, the next chunk is read at once.
FULL = 1000


class Ingest:
    """The loop, and when it did what last."""

    def __init__(self) -> None:
        self.is_wanted = True
        self._has_kept_memory = False
        self._worked_at = self._rolled_at = self._marked_at = 0.0

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Finish the chunk that is being written, and end."""
        self.is_wanted = False

    def run(self) -> None:
        """Drain until TERM; where another process drains already, wait for it to end."""
        from crm.ingest import drain
        from crm.tracking import draining, seeing
        from marketing import heartbeats

        sightings = settings.SPOOL_DIR / seeing.FOLDER
        while self.is_wanted:
            with (
                drain.opened(folder=settings.SPOOL_DIR) as line,
                draining.opened(folder=sightings) as seen,
            ):
                while self.is_wanted:
                    self._mark()
                    time.sleep(self._round(line, seen) if line and seen else AWAY_PAUSE)
                    if line is None or seen is None:
                        break
        heartbeats.forget("ingest")

    def _round(self, line: object, seen: object) -> float:
        """Take one chunk of each, or draw what follows; seconds to wait before the next round."""
        from django.utils import timezone

        from crm.ingest.drain import DatabaseAway, Drain
        from crm.tracking import draining

        assert isinstance(line, Drain)
        assert isinstance(seen, draining.Drain)
        try:
            count = line.step(clock=timezone.now) + seen.step(clock=timezone.now)
        except DatabaseAway as error:
            logger.warning("The database is away (%s); the spool keeps what comes.", error)
            return AWAY_PAUSE
        now = time.monotonic()
        if count:
            self._worked_at = now
        is_full = count >= FULL
        self._has_kept_memory |= is_full
        if is_full and now - self._rolled_at < LATEST_ROLLUP:
            return 0.0
        drawn = self._roll_up()
        if is_full or drawn:
            return 0.0
        if now - self._worked_at < IDLE_AFTER:
            return BUSY_PAUSE
        self._give_memory_back()
        return IDLE_PAUSE

    def _give_memory_back(self) -> None:
        """After a rush the system gets back what its chunks took."""
        if self._has_kept_memory:
            self._has_kept_memory = False
            gc.collect()
            trim()

    def _roll_up(self) -> int:
        from django.db import DatabaseError, InterfaceError, connection
        from django.utils import timezone

        from crm import rollups

        self._rolled_at = time.monotonic()
        try:
            return rollups.run_due(now=timezone.now())
        except (DatabaseError, InterfaceError) as error:
            # The batches are still there: the next round tries again.
            logger.warning("Roll-ups wait: %s", type(error).__name__)
            connection.close()
            time.sleep(AWAY_PAUSE)
            return 0

    def _mark(self) -> None:
        from marketing import heartbeats

        now = time.monotonic()
        if now - self._marked_at < MARK_EVERY:
            return
        self._marked_at = now
        try:
            heartbeats.mark("ingest")
        except OSError as error:
            logger.warning("No sign of life could be left: %s", error.strerror)


def trim() -> None:
    """Give unused memory back to the system, where its C library can."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def work() -> int:
    """Work until TERM; the code to end with."""
    # A chunk is thousands of small objects without circles: looking for circles costs a third.
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    sys.setswitchinterval(GIVE_WAY)
    ingest = Ingest()
    signal.signal(signal.SIGTERM, ingest.stop)
    signal.signal(signal.SIGINT, ingest.stop)
    ingest.run()
    return 0


def main() -> int:
    """Work by itself, with no more of Django than it takes."""
    settings.INSTALLED_APPS = APPS
    django.setup()
    return work()


if __name__ == "__main__":
    sys.exit(main())
