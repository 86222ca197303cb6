"""What Celery costs a mail: a ring with nothing to send, shared by the mails of a slice.

A ring is a task published, taken by a real worker, its slot and its share of the limits asked for,
and the progress shown at its end: all that a slice of a campaign takes beside its batches.
"""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from redis import Redis
from redis.client import PubSub

from campaigns.tasks import send_campaign
from crm import live

RINGS = 200
_PATIENCE = 60.0


def microseconds(*, campaign_id: int, address: str, rings: int) -> float:
    """Processor time of one ring for a campaign that is over, publisher and worker together.

    `address` is the database that the worker looks into.
    """
    # A queue of its own: whoever works for the installation beside takes none of these.
    queue = f"rapport-bench-{secrets.token_hex(4)}"
    with _listening(campaign_id) as heard, _worker(queue, address) as worker:
        _ring(campaign_id, queue, heard, 1)  # so that all is loaded
        before, own = _processor_seconds(worker), time.process_time()
        _ring(campaign_id, queue, heard, rings)
        taken = _processor_seconds(worker) - before + time.process_time() - own
    return taken / rings * 1e6


def _ring(campaign_id: int, queue: str, heard: PubSub, rings: int) -> None:
    """Ring so often, and wait until each ring has shown the progress."""
    for _ in range(rings):
        send_campaign.apply_async((campaign_id,), queue=queue)
    until = time.monotonic() + _PATIENCE
    while rings:
        if time.monotonic() > until:
            raise RuntimeError(f"{rings} rings were not answered within {_PATIENCE:g} s.")
        rings -= heard.get_message(ignore_subscribe_messages=True, timeout=1.0) is not None


@contextmanager
def _listening(campaign_id: int) -> Iterator[PubSub]:
    with Redis.from_url(settings.REDIS_URL) as client, client.pubsub() as heard:
        heard.subscribe(live.topic(f"campaign-{campaign_id}"))
        heard.get_message(timeout=5.0)
        yield heard


@contextmanager
def _worker(queue: str, address: str) -> Iterator[int]:
    command = [sys.executable, "-m", "celery", "-A", "marketing", "worker", "-c", "1", "-Q", queue]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "ERROR"]
    running = subprocess.Popen(
        [*command, *quiet],
        env={**os.environ, "DATABASE_URL": address},
        cwd=Path(__file__).resolve().parent.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield running.pid
    finally:
        running.terminate()
        running.wait()


def _processor_seconds(process: int) -> float:
    """User and system time of a process and its children; 0 where the system does not tell."""
    children = Path(f"/proc/{process}/task/{process}/children")
    listed = children.read_text().split() if children.exists() else []
    total = 0
    for one in (process, *listed):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")
