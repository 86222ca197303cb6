"""How soon segments follow: from the answer to an event until the membership can be read.

In a database that `history` has filled: many live segments, a stream of events over HTTP through
web, ingest and follower as they run in the set, and another connection that looks who is in.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.utils import timezone

from benchmarks import ports, scratch
from benchmarks.live_segments import CALLS, MARKS, Call, Entry, Teller, make_marks
from benchmarks.posting import Lane
from benchmarks.web_servers import MEMORY, ROOT
from crm import customers, keys
from crm.choices import ApiScope
from marketing import segments as operations
from marketing.models import Segment
from marketing.runtime import programs
from marketing.segments import clock

__all__ = [
    "MARKS",
    "MOST_P99_SECONDS",
    "MOST_SECONDS_OF_A_SHARE",
    "Changed",
    "Following",
    "changed_share",
    "make_marks",
    "measure",
]

# From an event acknowledged to its membership visible; and of everybody who changed at once.
MOST_P99_SECONDS = 3.0
MOST_SECONDS_OF_A_SHARE = 1.0

# Events a second.
_RATE = 1_000
_LANES = 4
_LOOK_EVERY = 0.025
_REFRESH_EVERY = 15.0
_PATIENCE = 180.0
_COMPARED = 20
_VISIBLE = """
    SELECT m.segment_id, m.customer_id FROM marketing_membership m
    JOIN unnest(%s::bigint[], %s::bigint[]) AS asked (segment_id, customer_id)
        ON m.segment_id = asked.segment_id AND m.customer_id = asked.customer_id
"""
_OTHERS = """
    SELECT id FROM crm_customer WHERE attributes ->> 'tier' <> 'gold' ORDER BY bucket, id
    LIMIT (SELECT ceil(count(*) * %s) FROM crm_customer)
"""
_RIGHT = "SELECT count(*) FROM marketing_membership WHERE segment_id = %s AND customer_id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Following:
    """From the answer to an event until its membership is there, in seconds, and what it took."""

    segments: int
    events: int
    events_per_second: float
    entries: int
    p50_seconds: float
    p99_seconds: float
    most_seconds: float
    turns: int
    # Pairs of a person and a segment that were looked at.
    looked_at: int
    longest_turn_seconds: float
    busy_share: float
    # How many moved when some of the segments were computed anew: nobody should.
    compared: int
    differences: int


@dataclass(frozen=True, slots=True)
class Changed:
    """How long it took until a segment was right again after many people changed at once."""

    people: int
    changing_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True)
class _Servers:
    """Where to post, and who follows."""

    port: int
    follower: subprocess.Popen[str]


@dataclass(slots=True)
class _Watch:
    """Who is awaited since when, and how long it took of those who came."""

    awaited: dict[Entry, float] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)


def measure(*, seconds: int, marks: Sequence[int]) -> Following:
    """Post events for so long, with all the segments that there are."""
    secret = keys.create(name="following", scopes=[ApiScope.TRACK], now=timezone.now()).secret
    calls = Teller(marks, secret).calls(events=_RATE * seconds)
    with _servers() as servers, _refreshing():
        _await_quiet()
        began = time.perf_counter()
        waited, took = _post(servers.port, calls)
        lasted = time.perf_counter() - began
        servers.follower.terminate()
        said = json.loads(servers.follower.communicate(timeout=60)[0])
    live = list(Segment.objects.order_by("pk").values_list("pk", flat=True))
    compared = live[:: max(1, len(live) // _COMPARED)]
    return Following(
        segments=len(live),
        events=len(calls) * CALLS,
        events_per_second=round(len(calls) * CALLS / took, 1),
        entries=len(waited),
        p50_seconds=round(waited[len(waited) // 2], 3),
        p99_seconds=round(waited[int(len(waited) * 0.99)], 3),
        most_seconds=round(waited[-1], 3),
        turns=said["turns"],
        looked_at=said["looked_at"],
        longest_turn_seconds=round(said["longest_seconds"], 3),
        busy_share=round(said["busy_seconds"] / lasted, 3),
        compared=len(compared),
        differences=_differences(compared),
    )


def changed_share(*, share: float = 0.01) -> Changed:
    """Change so many customers at once; how long until one segment is right about them."""
    rules = {"version": 1, "all": [{"attribute": "tier", "op": "is", "value": "gold"}]}
    gold = Segment.objects.create(name="Gold, to be followed", rules=rules)
    operations.refresh(segment_id=gold.pk, now=timezone.now())
    _follow_all()
    ids = [customer_id for (customer_id,) in _rows(_OTHERS, share)]
    people = [customers.Person(external_id=f"C{one}", attributes={"tier": "gold"}) for one in ids]
    began = time.perf_counter()
    customers.identify_many(people=people, now=timezone.now())
    changed = time.perf_counter()
    _follow_all()
    done = time.perf_counter()
    [(right,)] = _rows(_RIGHT, gold.pk, ids)
    if right != len(ids):
        raise RuntimeError(f"{len(ids)} changed, and {right} of them are members.")
    gold.delete()
    return Changed(len(ids), round(changed - began, 3), round(done - changed, 3))


def _follow_all() -> None:
    """As the follower does; it may be that nothing waits and the clock alone is looked at."""
    while operations.follow(now=timezone.now()).is_more or operations.is_waiting():
        pass


# --- Posting and looking ------------------------------------------------------------------------


def _post(port: int, calls: Sequence[Call]) -> tuple[list[float], float]:
    """Post at that rate; how long each entry took, sorted, and how long the posting."""
    pace = _LANES * CALLS / _RATE
    shares = [calls[number::_LANES] for number in range(_LANES)]
    lanes = [Lane(port, [call.request for call in share], pace) for share in shares]
    threads = [threading.Thread(target=lane.run) for lane in lanes]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
        time.sleep(pace / _LANES)
    watch = _Watch()
    answered = [0] * _LANES
    while any(thread.is_alive() for thread in threads) or watch.awaited:
        for number, lane in enumerate(lanes):
            answered[number] = _expect(watch, lane, shares[number], answered[number])
        _look(watch)
        time.sleep(_LOOK_EVERY)
        if watch.awaited and time.perf_counter() - min(watch.awaited.values()) > _PATIENCE:
            raise RuntimeError(f"{len(watch.awaited)} did not enter within {_PATIENCE:.0f} s.")
    for lane in lanes:
        if lane.error:
            raise lane.error
    return sorted(watch.seconds), max(lane.answered[-1] for lane in lanes) - began


def _expect(watch: _Watch, lane: Lane, calls: Sequence[Call], seen: int) -> int:
    """Await whom the answers since the last look let in."""
    until = len(lane.answered)
    for place in range(seen, until):
        for entry in calls[place].entries:
            watch.awaited[entry] = lane.answered[place]
    return until


def _look(watch: _Watch) -> None:
    """Ask for the awaited alone: look-ups in the index that readers use."""
    if not watch.awaited:
        return
    segment_ids, customer_ids = zip(*watch.awaited, strict=True)
    found = _rows(_VISIBLE, list(segment_ids), list(customer_ids))
    now = time.perf_counter()
    for entry in found:
        watch.seconds.append(now - watch.awaited.pop(entry))


def _differences(segment_ids: Sequence[int]) -> int:
    """How many move who are computed as of the moment up to which everything is followed."""
    moment = timezone.now() + clock.RARELY
    deadline = time.monotonic() + _PATIENCE
    while Segment.objects.filter(clocked_at__lt=moment).exists():
        operations.follow(now=moment)
        if time.monotonic() > deadline:
            raise RuntimeError("The clocks of some segments are never looked at.")
    refreshed = [operations.refresh(segment_id=pk, now=moment) for pk in segment_ids]
    if failed := [done.error for done in refreshed if done.error]:
        raise RuntimeError(f"Segments cannot be computed: {failed}")
    return sum(done.entered + done.left for done in refreshed)


def _rows(query: str, *parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, list(parameters) or None)
        return list(cursor.fetchall())


def _await_quiet() -> None:
    deadline = time.monotonic() + _PATIENCE
    while operations.is_waiting():
        if time.monotonic() > deadline:
            raise RuntimeError("The follower does not follow; see what it wrote above.")
        time.sleep(0.1)


# --- Processes ----------------------------------------------------------------------------------


@contextmanager
def _servers() -> Iterator[_Servers]:
    """Web, ingest and follower, on a spool of their own."""
    port = ports.free()
    with tempfile.TemporaryDirectory(prefix="rapport-bench-") as folder:
        environment = {
            **os.environ,
            **{name: programs.ENVIRONMENT[name] for name in MEMORY},
            "DATABASE_URL": scratch.address_of(connection.settings_dict["NAME"]),
            "RAPPORT_VAR": folder,
            "TRACK_RATE": "100000000/min",
        }
        web = programs.granian("127.0.0.1", port, "marketing.wsgi:application")
        module = (sys.executable, "-m")
        # What they say must not stand in the report.
        running: list[subprocess.Popen[Any]] = [
            subprocess.Popen(command, cwd=ROOT, env=environment, stdout=sys.stderr)
            for command in (web, (*module, "marketing.runtime.ingest"))
        ]
        follower = subprocess.Popen(
            (*module, "marketing.runtime.follow", "--report"),
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(follower)
        try:
            ports.wait_for(port)
            yield _Servers(port, follower)
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(60)


@contextmanager
def _refreshing() -> Iterator[None]:
    """Compute what is due now and then, as the sweep of beat does."""
    is_over = threading.Event()

    def sweep() -> None:
        while not is_over.wait(_REFRESH_EVERY):
            operations.refresh_due(clock=timezone.now)
        connection.close()

    thread = threading.Thread(target=sweep)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
