"""What is done to workers, and what must be left of it."""

import math
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.utils import timezone

from benchmarks.crashing import books, moments, stage
from benchmarks.crashing.crew import CONNECTIONS, WORKERS, Crew, Place
from benchmarks.crashing.proxy import AFTER_DOT, IN_BODY, CuttingProxy

SETTLED_WITHIN = 60.0
_PATIENCE = 120.0
# So long the mails of a kill are on their way, so that it hits them there.
_SECONDS_A_KILL = 0.2
# What is taken until the last kill; the rest is there for it to come to its moment.
_SHARE = 0.8
_HOURS_AHEAD = 3 * 3600


@dataclass
class Tally:
    """What was seen after each blow."""

    doubts: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    moments: Counter[str] = field(default_factory=Counter)
    at_most: int = CONNECTIONS


@contextmanager
def scene(
    place: Place, name: str, *, to_all: bool = False, port: int = 0
) -> Iterator[tuple[Crew, Tally]]:
    """A campaign with its crew; in the end the books are held against the sink's count."""
    campaign = stage.plan(name=name, to_all=to_all, now=timezone.now())
    started, tally = time.monotonic(), Tally()
    with place.crew(campaign.pk, port=port) as crew:
        # Small batches for the few, so that blows fall on every part of one.
        crew.size = place.size if to_all else max(place.few // 20, 5)
        crew.sweep()
        crew.hire()
        yield crew, tally
        crew.hire()
        place.sink.delay = 0
        place.sink.allow(math.inf)
        books.wait_until_done(campaign.pk, patience=_PATIENCE)
        crew.leave()
    place.tell(report(place, name, tally, campaign.pk, time.monotonic() - started))


def report(
    place: Place, name: str, tally: Tally, campaign_id: int, seconds: float
) -> dict[str, Any]:
    """One line of the report, with whether it keeps the limits."""
    verdict = books.judge(campaign_id, place.sink.taken)
    slowest = max(tally.seconds, default=0.0)
    is_right = not (verdict.lost or verdict.doubled or verdict.failed or verdict.waiting)
    return {
        "scene": name,
        "blows": len(tally.doubts),
        **({"moments": dict(tally.moments)} if tally.moments else {}),
        "planned": verdict.planned,
        "taken": verdict.taken,
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "failed": verdict.failed,
        "waiting": verdict.waiting,
        "in_doubt": verdict.in_doubt,
        "most_in_doubt_a_blow": max(tally.doubts, default=0),
        "connections_a_blow": tally.at_most,
        "seconds_until_settled": round(slowest, 2),
        "is_even": verdict.is_even,
        "seconds": round(seconds, 1),
        "is_within_limit": is_right
        and verdict.is_even
        and bool(tally.doubts)
        and max(tally.doubts) <= tally.at_most
        and slowest <= SETTLED_WITHIN,
    }


def kills(place: Place) -> None:
    """Workers are killed with -9 at random and at the hardest moments."""
    place.sink.delay = WORKERS * CONNECTIONS * place.kills * _SECONDS_A_KILL / place.sends
    with scene(place, "killed with -9", to_all=True) as (crew, tally):
        _kill(place, crew, tally, blows=place.kills, mails=place.sends)


def two_sweepers(place: Place) -> None:
    """The same with three sweepers at once that never rest."""
    place.sink.delay = WORKERS * CONNECTIONS * 8 * _SECONDS_A_KILL / place.few
    with scene(place, "three sweepers at once") as (crew, tally):
        crew.sweep(pause=0)
        crew.sweep(pause=0)
        _kill(place, crew, tally, blows=min(8, place.kills), mails=place.few)


def _kill(place: Place, crew: Crew, tally: Tally, *, blows: int, mails: int) -> None:
    chance, begun, share = random.Random(5), place.sink.total, mails * _SHARE / blows
    for number in range(blows):
        # No further than this blow, however fast the workers are; and some are on their way.
        end = begun + int((number + 1) * share)
        place.sink.allow(max(end, place.sink.total + WORKERS * CONNECTIONS))
        due = begun + int((number + chance.random()) * share)
        place.sink.wait_for(due, seconds=_PATIENCE)
        before = books.in_doubt(crew.campaign_id)
        moment = moments.ALL[number % len(moments.ALL)]
        pid = moments.strike(place, crew, moment, chance)
        if pid is None:
            moment = moments.RANDOM
            pid = moments.strike(place, crew, moment, chance)
        assert pid is not None
        _replace(crew, pid, moment)
        tally.moments[moment] += 1
        tally.seconds.append(books.seconds_until_settled(pid, patience=SETTLED_WITHIN))
        tally.doubts.append(books.in_doubt(crew.campaign_id) - before)


def _replace(crew: Crew, pid: int, moment: str) -> None:
    if moment == moments.COMMITTING:
        crew.workers.remove(pid)
    else:
        crew.lose(pid)
    crew.hire()


def restarts(place: Place) -> None:
    """PostgreSQL is restarted in mid-send: told to be fast, and told to be immediate."""
    if place.servers is None:
        return
    for how, number in (("fast", signal.SIGINT), ("immediate", signal.SIGQUIT)):
        _pace(place, seconds=8)
        with scene(place, f"PostgreSQL restarted, {how}") as (crew, tally):
            tally.at_most = WORKERS * CONNECTIONS
            begun = place.sink.total
            for restart in range(4):
                place.sink.wait_for(begun + (1 + 2 * restart) * place.few // 10, seconds=_PATIENCE)
                before = books.in_doubt(crew.campaign_id)
                place.servers.postgres.stop(number)
                struck, taken = time.monotonic(), place.sink.total
                place.servers.postgres.start()
                connection.close()
                # What was handed over meanwhile is counted before what is sent anew.
                time.sleep(1)
                place.sink.wait_for(taken + 5, seconds=SETTLED_WITHIN)
                tally.seconds.append(time.monotonic() - struck)
                tally.doubts.append(books.in_doubt(crew.campaign_id) - before)


def cuts(place: Place) -> None:
    """Connections are cut in the middle of a body, and after its dot."""
    for where in (IN_BODY, AFTER_DOT):
        _pace(place, seconds=4)
        with (
            CuttingProxy(place.sink.port) as proxy,
            scene(place, f"SMTP cut {where}", port=proxy.port) as (crew, tally),
        ):
            tally.at_most = 1
            begun = place.sink.total
            for cut in range(6):
                place.sink.wait_for(begun + (1 + cut) * place.few // 10, seconds=_PATIENCE)
                before = books.in_doubt(crew.campaign_id)
                struck = time.monotonic()
                proxy.cut(where)
                if not _happens(lambda: not proxy.left, seconds=5):
                    break
                # The doubt is written with its batch.
                _happens(lambda: books.in_doubt(crew.campaign_id) > before, seconds=3)  # noqa: B023
                tally.seconds.append(time.monotonic() - struck)
                tally.doubts.append(books.in_doubt(crew.campaign_id) - before)


def frozen(place: Place) -> None:
    """Workers are stopped past their leases, others go on, and the stopped ones are thawed."""
    _pace(place, seconds=6)
    with scene(place, "frozen past the lease and thawed") as (crew, tally):
        tally.at_most = WORKERS * CONNECTIONS
        chance, begun = random.Random(7), place.sink.total
        for freeze in range(4):
            due = begun + int((freeze + chance.random()) * place.few / 5)
            place.sink.wait_for(due, seconds=_PATIENCE)
            ice = [crew.workers.pop() for _ in range(WORKERS)]
            for pid in ice:
                os.kill(pid, signal.SIGSTOP)
            late = crew.sweep(pause=3600, ahead=_HOURS_AHEAD)
            seconds = books.seconds_until_settled(*ice, patience=3)
            crew.lose(late)
            crew.hire()
            time.sleep(0.3)
            for pid in ice:
                os.kill(pid, signal.SIGCONT)
            for pid in ice:
                crew.lose(pid, signal.SIGTERM)
            tally.seconds.append(seconds)
            tally.doubts.append(books.in_doubt(crew.campaign_id))


def terms(place: Place) -> None:
    """Workers are told to end every few seconds: a clean stop leaves no doubt."""
    _pace(place, seconds=4 * place.beat)
    with scene(place, f"TERM every {place.beat:g} s") as (crew, tally):
        tally.at_most = 0
        for _ in range(4):
            time.sleep(place.beat)
            struck = time.monotonic()
            for pid in list(crew.workers):
                crew.lose(pid, signal.SIGTERM)
            tally.seconds.append(time.monotonic() - struck)
            tally.doubts.append(books.in_doubt(crew.campaign_id))
            crew.hire()


def _pace(place: Place, *, seconds: float) -> None:
    """Let the sink answer so slowly that the few are on their way for so long."""
    place.sink.delay = WORKERS * CONNECTIONS * seconds / place.few


def _happens(question: Callable[[], bool], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not question():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
