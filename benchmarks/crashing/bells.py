"""The doorbell is taken away: Valkey flushed, and Valkey gone, under a real Celery."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection
from django.utils import timezone

from benchmarks.crashing import books, stage
from benchmarks.crashing.crew import CONNECTIONS, WORKERS, Place
from benchmarks.crashing.scenes import SETTLED_WITHIN, Tally, report

_PATIENCE = 180.0
_QUIET = {"CELERY_SKIP_CHECKS": "1"}
_WARNING = "ignore:You're running the worker with superuser"


def flushed(place: Place) -> None:
    """Everything that Valkey holds is deleted, again and again, in mid-send."""
    if place.servers is None:
        return
    with _celery(place, "Valkey flushed", seconds=12) as (campaign_id, tally):
        begun = place.sink.total
        for flush in range(5):
            place.sink.wait_for(begun + (1 + flush) * place.few // 8, seconds=_PATIENCE)
            struck, taken = time.monotonic(), place.sink.total
            _flush(place)
            place.sink.wait_for(taken + 5, seconds=SETTLED_WITHIN)
            tally.seconds.append(time.monotonic() - struck)
            tally.doubts.append(books.in_doubt(campaign_id))


def away(place: Place) -> None:
    """Valkey is stopped in mid-send, and is back after a while."""
    if place.servers is None or not place.outage:
        return
    name = f"Valkey down for {place.outage:g} s"
    with _celery(place, name, seconds=15) as (campaign_id, tally):
        place.sink.wait_for(place.sink.total + place.few // 8, seconds=_PATIENCE)
        place.servers.valkey.stop(signal.SIGKILL)
        time.sleep(place.outage)
        place.servers.valkey.start()
        back, taken = time.monotonic(), place.sink.total
        if books.judge(campaign_id, place.sink.taken).waiting:
            place.sink.wait_for(taken + 5, seconds=SETTLED_WITHIN)
        tally.seconds.append(time.monotonic() - back)
        tally.doubts.append(books.in_doubt(campaign_id))


@contextmanager
def _celery(place: Place, name: str, *, seconds: float) -> Iterator[tuple[int, Tally]]:
    """A campaign that the product's own worker and schedule send."""
    campaign = stage.plan(name=name, to_all=False, now=timezone.now())
    place.sink.delay = WORKERS * CONNECTIONS * seconds / place.few
    tally, begun, started = Tally(at_most=0), place.sink.total, time.monotonic()
    with (
        _program(place, "worker", "-c", str(WORKERS), "-l", "error"),
        _program(place, "beat", "-l", "error"),
    ):
        if not place.sink.wait_for(begun + 1, seconds=_PATIENCE):
            log = Path(place.environment["RAPPORT_VAR"]) / "celery-worker.log"
            raise RuntimeError(f"Celery sends nothing: {log.read_text()[-2000:]}")
        yield campaign.pk, tally
        place.sink.delay = 0
        books.wait_until_done(campaign.pk, patience=_PATIENCE)
    connection.close()
    place.tell(report(place, name, tally, campaign.pk, time.monotonic() - started))


@contextmanager
def _program(place: Place, *words: str) -> Iterator[None]:
    address = f"smtp://127.0.0.1:{place.sink.port}?connections={CONNECTIONS}&timeout=20"
    # It complains of a broker that is away, as it should.
    log = Path(place.environment["RAPPORT_VAR"]) / f"celery-{words[0]}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-W", _WARNING, "-m", "celery", "-A", "marketing", *words],
            env={**os.environ, **place.environment, "EMAIL_URL": address} | _QUIET,
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _flush(place: Place) -> None:
    import redis

    with redis.Redis.from_url(place.environment["REDIS_URL"]) as valkey:
        valkey.flushall()
