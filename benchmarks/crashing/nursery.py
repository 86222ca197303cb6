"""Forks workers and sweepers that are to be killed: loaded once, started in milliseconds.

It is told on stdin: `worker CAMPAIGN SIZE`, `sweeper PAUSE AHEAD` (seconds; how far ahead of now
its clock is, so that leases end), `reap PID`. It answers with a process number, or how one ended.
"""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from datetime import timedelta

import django

from marketing.runtime import launch


def run() -> None:
    """Do as told until stdin ends."""
    launch.die_with_parent(os.getppid(), signal.SIGKILL)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
    django.setup()
    from campaigns import sending  # noqa: F401 - loaded before anybody is forked

    print("ready", flush=True)
    for line in sys.stdin:
        word, *numbers = line.split()
        if word == "reap":
            print(os.waitpid(int(numbers[0]), 0)[1], flush=True)
        elif word == "worker":
            _fork(lambda campaign, size: _work(int(campaign), int(size)), numbers)
        else:
            _fork(lambda pause, ahead: _sweep(pause, timedelta(seconds=ahead)), numbers)


def _fork(work: Callable[[float, float], None], numbers: list[str]) -> None:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        print(pid, flush=True)
        return
    code = 1
    try:
        launch.die_with_parent(parent, signal.SIGKILL)
        os.close(0)
        work(*map(float, numbers))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _work(campaign_id: int, size: int) -> None:
    """Send batch after batch in a slot, as the task does, until TERM."""
    from django.conf import settings
    from django.db import Error, connection
    from django.utils import timezone

    from campaigns import sending
    from crm import messages

    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    # By this name the sink, and who looks at PostgreSQL's activity, know whom to kill.
    settings.EMAIL_URL += f"&hello=worker-{os.getpid()}"
    connection.settings_dict["OPTIONS"]["application_name"] = f"worker-{os.getpid()}"
    while not told:
        is_idle = True
        try:
            with sending.slot(campaign_id=campaign_id, slots=settings.CAMPAIGN_SENDERS) as is_free:
                if is_free:
                    result = sending.send_batch(
                        campaign_id=campaign_id,
                        owner=messages.owner(),
                        now=timezone.now(),
                        size=size,
                    )
                    is_idle = result.is_empty or result.is_unreachable
        except Error:
            # PostgreSQL is away: the task fails, and another one comes.
            connection.close()
        if is_idle:
            time.sleep(0.05)


def _sweep(pause: float, ahead: timedelta) -> None:
    """What the beat rings for, again and again."""
    from django.db import Error, connection
    from django.utils import timezone

    from campaigns import sending
    from crm import messages

    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    while not told:
        try:
            messages.recover(now=timezone.now() + ahead)
            sending.release_expired(now=timezone.now() + ahead)
            sending.replan_unsent(now=timezone.now())
        except (Error, ExceptionGroup):
            connection.close()
        time.sleep(pause)


if __name__ == "__main__":
    run()
