"""A process that looks a few times a second whether there is something to do, until TERM.

It says that it is alive, and waits where the database is away.
"""

import logging
import os
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import ClassVar

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
logger = logging.getLogger(__name__)

LOOK_EVERY = 0.2
AWAY_PAUSE = 1.0
MARK_EVERY = 5.0


class Loop:
    """The loop; a subclass says what a turn does."""

    # By which its signs of life are known.
    name: ClassVar[str]

    def __init__(self) -> None:
        self.is_wanted = True
        self._marked_at = -MARK_EVERY

    def turn(self) -> float:
        """Do what there is to do; seconds to wait before the next turn.

        What a turn took when the database went away must be there again for the next.
        """
        raise NotImplementedError

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Finish the turn, and end."""
        self.is_wanted = False

    def run(self) -> None:
        """Take turns until TERM."""
        from marketing import heartbeats

        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        while self.is_wanted:
            self._mark()
            time.sleep(self._round())
        self.tell(heartbeats.forget)

    def tell(self, say: Callable[[str], None]) -> None:
        """Leave or take away the sign of life, if Valkey is there."""
        from redis.exceptions import RedisError

        try:
            say(self.name)
        except RedisError as error:
            logger.warning("No sign of life could be left: %s", type(error).__name__)

    def mark_anew(self) -> None:
        """Leave a sign of life before the next turn, however long this one takes."""
        self._marked_at = -MARK_EVERY

    def _round(self) -> float:
        from django.db import DatabaseError, InterfaceError, connection

        try:
            return self.turn()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("“%s” waits for the database: %s", self.name, type(error).__name__)
            connection.close()
            return AWAY_PAUSE

    def _mark(self) -> None:
        from marketing import heartbeats

        now = time.monotonic()
        if now - self._marked_at >= MARK_EVERY:
            self._marked_at = now
            self.tell(heartbeats.mark)
