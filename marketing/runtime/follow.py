"""Follows what changes about people: as soon as something waits, segments are brought up to it.

It asks the database a few times a second whether anything waits. A bell would have to be rung by
every process that writes, and each of their commits would pay for it.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import ClassVar

from marketing.runtime.looping import LOOK_EVERY, Loop

# The clock moves people too: so often a turn is made although nothing waits.
TURN_EVERY = 2.0
# After a turn others get the processor for as long as it took, within these bounds.
LEAST_REST = 0.1
MOST_REST = 0.3


@dataclass
class Done:
    """What was done since the start."""

    turns: int = 0
    changes: int = 0
    looked_at: int = 0
    busy_seconds: float = 0.0
    longest_seconds: float = 0.0


class Follower(Loop):
    """The loop, and what it did when; where another process follows too, its turns are enough."""

    name: ClassVar[str] = "follow"

    def __init__(self) -> None:
        super().__init__()
        self.done = Done()
        self._turned_at = -TURN_EVERY

    def turn(self) -> float:
        """Bring segments up to date if there is reason to."""
        return self._follow() if self._has_reason() else LOOK_EVERY

    def _has_reason(self) -> bool:
        from marketing import segments

        return time.monotonic() - self._turned_at >= TURN_EVERY or segments.is_waiting()

    def _follow(self) -> float:
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
