"""Killing a worker at a chosen moment, by what can be seen and locked from outside."""

import os
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as NotInTime

import psycopg

from benchmarks.crashing import sink, stage
from benchmarks.crashing.crew import CONNECTIONS, SWEEP_SECONDS, WORKERS, Crew, Place

RANDOM = "at random"
SETTLING = "while the outcomes are settled"
COMMITTING = "while the messages are committed, before the journal is begun"
ALL = (
    *(RANDOM, sink.AFTER_250, RANDOM, sink.BEFORE_250, RANDOM),
    *(SETTLING, sink.BODY_IN_KERNEL, COMMITTING),
)
# Others are held up meanwhile, and have 20 s until they take the server for dead.
_PATIENCE = 15.0
_WAITS = """
SELECT 1 FROM pg_stat_activity
 WHERE application_name = %s AND wait_event_type = 'Lock'
   AND wait_event IN ('transactionid', 'tuple')
"""
# Not for any other lock of that kind, such as that of claims.
_IS_HELD_UP = """
SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid)
 WHERE application_name = %s AND locktype = 'advisory' AND NOT granted AND objid = %s
"""
_HOLD_THEIRS = """
SELECT id FROM crm_message
 WHERE state = 'sending' AND split_part(owner, ':', 2) = %s
   AND id IN (SELECT unnest(message_ids) FROM crm_handover) FOR UPDATE
"""


def strike(place: Place, crew: Crew, moment: str, chance: random.Random) -> int | None:
    """Kill a worker of the crew at this moment; nothing if the moment does not come any more."""
    if moment in sink.MOMENTS:
        return _by_the_sink(place, moment)
    pid = chance.choice(crew.workers)
    if moment == SETTLING:
        return _while_settling(place, pid)
    if moment == COMMITTING:
        return _while_committing(place, crew, pid)
    os.kill(pid, signal.SIGKILL)
    return pid


def _by_the_sink(place: Place, moment: str) -> int | None:
    killed = place.sink.kill_at(moment)
    # Where nothing may be taken any more, no such moment would come.
    place.sink.allow(max(place.sink.allowed, place.sink.total + WORKERS * CONNECTIONS + 1))
    try:
        return killed.result(_PATIENCE)
    except NotInTime:
        place.sink.disarm()
        return None


def _while_settling(place: Place, pid: int) -> int | None:
    """Lock what it has written; it hands over, wants to settle, waits, and is killed."""
    with psycopg.connect(place.environment["DATABASE_URL"]) as other:

        def holds_theirs() -> bool:
            other.rollback()
            return bool(other.execute(_HOLD_THEIRS, [str(pid)]).fetchall())

        if not _until(holds_theirs):
            return None
        place.sink.favour(pid)
        if not _waits(other, _WAITS, f"worker-{pid}"):
            return None
        os.kill(pid, signal.SIGKILL)
        other.rollback()
    return pid


def _while_committing(place: Place, crew: Crew, pid: int) -> int | None:
    """Hold its commit up, kill it, let the sweeps look, and let the commit go through then."""
    with psycopg.connect(place.environment["DATABASE_URL"], autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [stage.HOLD])
        place.sink.favour(pid)
        if not _waits(other, _IS_HELD_UP, f"worker-{pid}", stage.HOLD):
            return None
        os.kill(pid, signal.SIGKILL)
        crew.nursery.reap(pid)
        time.sleep(4 * SWEEP_SECONDS)
    return pid


def _waits(
    other: "psycopg.Connection[tuple[object, ...]]", question: str, *asked: str | int
) -> bool:
    """Wait until a worker waits for a lock, as this question tells."""
    return _until(lambda: other.execute(question, asked).fetchone() is not None)


def _until(happens: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while not happens():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True
