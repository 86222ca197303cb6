"""A follower that is killed -9 in the middle of its turn; run by test_together.py as a process."""

import os
import signal
import sys
from typing import Any

import django

django.setup()

from django.utils import timezone  # noqa: E402

from marketing import segments  # noqa: E402
from marketing.segments import writing  # noqa: E402

write = writing.bring_in_line
written: list[Any] = []


def die_after(**asked: Any) -> Any:
    """Write the memberships of so many segments, and be killed before the commit."""
    written.append(write(**asked))
    if len(written) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return written[-1]


writing.bring_in_line = die_after
if sys.argv[1] == "follow":
    segments.follow(now=timezone.now())
else:
    segments.refresh_due(clock=timezone.now)
