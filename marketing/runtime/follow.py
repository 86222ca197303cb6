"""Follows what changes about people: as soon as something waits, segments are brought up to it.

It asks the database a few times a second whether anything waits. A bell would have to be rung by
every process that writes, and each of their commits would pay for it.
"""

import argparse
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from types import FrameType

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
logger = logging.getLogger(__name__)

LOOK_EVERY = 0.2
# The clock moves people too: so often a turn is made although nothing waits.
TURN_EVERY = 2.0
# After a turn others get the processor for as long as it took, within these bounds.
LEAST_REST = 0.1
MOST_REST = 0.3
AWAY_PAUSE = 1.0
MARK_EVERY = 5.0


@dataclass
class Done:
    """What was done since the start."""

    turns: int = 0
    changes: int = 0
    looked_at: int = 0
    busy_seconds: float = 0.0
    longest_seconds: float = 0.0


class Follower:
    """The loop, and what it did when."""

    def __init__(self) -> None:
        self.is_wanted = True
        self.done = Done()
        self._turned_at = self._marked_at = -MARK_EVERY

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Finish the turn, and end."""
        self.is_wanted = False

    def run(self) -> None:
        """Follow until TERM; where another process follows already, its turns are enough."""
        from marketing import heartbeats

        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        while self.is_wanted:
            self._mark()
            time.sleep(self._round())
        _tell(heartbeats.forget)

    def _round(self) -> float:
        """Make a turn if there is reason to; seconds to wait before the next look."""
        from django.db import DatabaseError, InterfaceError, connection

        try:
            if not self._has_reason():
                return LOOK_EVERY
            return self._turn()
        except (DatabaseError, InterfaceError) as error:
            # What was taken is there again: the next turn takes it.
            logger.warning("Following waits for the database: %s", type(error).__name__)
            connection.close()
            return AWAY_PAUSE

    def _has_reason(self) -> bool:
        from marketing import segments

        return time.monotonic() - self._turned_at >= TURN_EVERY or segments.is_waiting()

    def _turn(self) -> float:
        from django.utils import timezone

        from marketing import segments

        began = time.monotonic()
        followed = segments.follow(now=timezone.now())
        self._turned_at = time.monotonic()
        took = self._turned_at - began
        if followed.changes:
            self.done.turns += 1
            self.done.changes += followed.changes
            self.done.looked_at += followed.looked_at
            self.done.busy_seconds += took
            self.done.longest_seconds = max(self.done.longest_seconds, took)
        return 0.0 if followed.is_more else min(max(took, LEAST_REST), MOST_REST)

    def _mark(self) -> None:
        from marketing import heartbeats

        now = time.monotonic()
        if now - self._marked_at >= MARK_EVERY:
            self._marked_at = now
            _tell(heartbeats.mark)


def _tell(say: Callable[[str], None]) -> None:
    from redis.exceptions import RedisError

    try:
        say("follow")
    except RedisError as error:
        logger.warning("No sign of life could be left: %s", type(error).__name__)


def main() -> int:
    """Work until TERM, outside a running set; the code to end with."""
    parser = argparse.ArgumentParser(prog="follow", description="Keep segments up to date.")
    parser.add_argument("--report", action="store_true", help="print what was done in the end")
    asked = parser.parse_args()
    from marketing.celery import app

    app.loader.import_default_modules()
    follower = Follower()
    follower.run()
    if asked.report:
        print(json.dumps(asdict(follower.done)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
