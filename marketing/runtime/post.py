"""Sends what nobody should wait for: answers, confirmations, receipts, as soon as they are queued.

A process of its own: however long a broadcast, an import or a training keeps the workers busy,
this one has nothing else to do. Workers sweep the same queue, should it be away.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
logger = logging.getLogger(__name__)

LOOK_EVERY = 0.2
AWAY_PAUSE = 1.0
MARK_EVERY = 5.0


class Post:
    """The loop."""

    def __init__(self) -> None:
        self.is_wanted = True
        self._marked_at = -MARK_EVERY

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Finish the batch, and end."""
        self.is_wanted = False

    def run(self) -> None:
        """Send until TERM."""
        from marketing import heartbeats

        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        while self.is_wanted:
            self._mark()
            time.sleep(self._round())
        _tell(heartbeats.forget)

    def _round(self) -> float:
        """Send what is due; seconds to wait before the next look."""
        from django.db import DatabaseError, InterfaceError, connection

        try:
            return 0.0 if self._send() else LOOK_EVERY
        except (DatabaseError, InterfaceError) as error:
            # What was taken and not settled is told by the journal.
            logger.warning("The post waits for the database: %s", type(error).__name__)
            connection.close()
            return AWAY_PAUSE

    def _send(self) -> int:
        from django.utils import timezone

        from crm import messages
        from marketing import heartbeats

        now = timezone.now()
        if not messages.is_waiting(now=now):
            return 0
        # A provider may take its time: meanwhile nobody expects a sign of life.
        self._marked_at = -MARK_EVERY
        _tell(heartbeats.forget)
        return messages.send_queued(owner=messages.owner(), now=now)

    def _mark(self) -> None:
        from marketing import heartbeats

        now = time.monotonic()
        if now - self._marked_at >= MARK_EVERY:
            self._marked_at = now
            _tell(heartbeats.mark)


def _tell(say: Callable[[str], None]) -> None:
    from redis.exceptions import RedisError

    try:
        say("post")
    except RedisError as error:
        logger.warning("No sign of life could be left: %s", type(error).__name__)


def main() -> int:
    """Work until TERM, outside a running set; the code to end with."""
    from marketing.celery import app

    app.loader.import_default_modules()
    Post().run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
