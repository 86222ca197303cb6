"""One worker of the benchmark: the real sending loop, told on stdin which campaign to send.

A line has the campaign's number, by how many days the clock is ahead, and 1 if one mail is to be
made for all.

It prints `ready` and the number of its database process, then for each campaign a line of JSON:
mails, CPU seconds in all and by stage, peak memory.
"""

import json
import os
import sys
import time
from contextlib import nullcontext
from datetime import timedelta

import django

from benchmarks.memory import forget_peak, peak_kilobytes


def run() -> None:
    """Send campaigns until stdin ends."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
    django.setup()
    from django.db import connection

    from benchmarks import made_once
    from benchmarks.stages import Stages
    from marketing.runtime import collecting

    collecting.seldom()
    stages = Stages()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        print(json.dumps({"database_process": cursor.fetchone()[0]}), flush=True)
    for line in sys.stdin:
        campaign_id, days, is_made_once = map(int, line.split())
        with made_once.applied() if is_made_once else nullcontext():
            told = _send(campaign_id, days, stages)
        print(json.dumps(told), flush=True)


def _send(campaign_id: int, days: int, stages: "Stages") -> dict[str, object]:  # type: ignore[name-defined] # noqa: F821
    from django.utils import timezone

    from campaigns import sending
    from crm import messages, signatures

    forget_peak()
    signatures.forget()
    stages.seconds.clear()
    owner, mails, used, ahead = messages.owner(), 0, time.process_time(), timedelta(days=days)
    while True:
        now = timezone.now() + ahead
        result = sending.send_batch(campaign_id=campaign_id, owner=owner, now=now)
        if result.is_empty:
            break
        mails += result.outcomes.get("sent", 0)
    return {
        "mails": mails,
        "cpu_seconds": time.process_time() - used,
        "stages": dict(stages.seconds),
        "peak_kilobytes": peak_kilobytes(),
    }


if __name__ == "__main__":
    run()
