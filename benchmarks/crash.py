"""What is lost, doubled and in doubt when workers, servers and connections are killed.

Real worker processes send over real SMTP to a server that counts, with a PostgreSQL and a Valkey of
the benchmark's own; see `benchmarks.crashing.scenes` for what is done to them.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.test import override_settings
from django.utils import timezone

from benchmarks.crashing import bells, scenes, servers, stage
from benchmarks.crashing.crew import CONNECTIONS, WORKERS, Place
from benchmarks.crashing.sink import CountingSink

LIMITS = {
    "lost": 0,
    "doubled": 0,
    "in_doubt_a_kill": CONNECTIONS,
    "seconds_until_settled": scenes.SETTLED_WITHIN,
}
_BATCH = 500
# What workers have claimed is not there for others: at the last kill, some must be.
_BATCHES = 12
# Asked for every mail, but never reached however many scenes are played.
_NO_CAP = 1000
_SECONDS_BETWEEN_TERMS = 5.0


def run(*, sends: int, kills: int, outage: int) -> dict[str, Any]:
    """Play every scene; `outage` is for how many seconds Valkey is away."""
    with (
        TemporaryDirectory(prefix="rapport-crash-") as folder,
        servers.running() as own,
        override_settings(CAMPAIGN_FREQUENCY_CAP=_NO_CAP),
    ):
        few = max(sends // 10, 40)
        stage.fill(people=sends, few=min(few, sends), now=timezone.now())
        with CountingSink() as sink:
            place = Place(
                sink=sink,
                environment=environment(folder) | own.environment,
                size=min(_BATCH, max(sends // _BATCHES, 1)),
                sends=sends,
                kills=kills,
                few=min(few, sends),
                beat=_SECONDS_BETWEEN_TERMS,
                outage=outage,
                servers=own,
            )
            play(place)
    return told(place)


def environment(folder: str) -> dict[str, str]:
    """What workers of the benchmark are told beside their addresses."""
    return {
        "RAPPORT_VAR": str(Path(folder).resolve()),
        "CAMPAIGN_FREQUENCY_CAP": str(_NO_CAP),
        "DJANGO_SETTINGS_MODULE": "marketing.settings",
    }


def play(place: Place) -> None:
    """Every scene, one after the other."""
    scenes.kills(place)
    scenes.restarts(place)
    scenes.cuts(place)
    scenes.frozen(place)
    scenes.two_sweepers(place)
    scenes.terms(place)
    bells.flushed(place)
    bells.away(place)


def told(place: Place) -> dict[str, Any]:
    """The report."""
    lines = place.report
    return {
        "bench": "crash",
        "sends": place.sends,
        "kills": place.kills,
        "workers": WORKERS,
        "connections": CONNECTIONS,
        "lost": sum(line["lost"] for line in lines),
        "doubled": sum(line["doubled"] for line in lines),
        "in_doubt": sum(line["in_doubt"] for line in lines),
        "most_in_doubt_a_blow": max(line["most_in_doubt_a_blow"] for line in lines),
        "seconds_until_settled": max(line["seconds_until_settled"] for line in lines),
        "scenes": lines,
        "limit": LIMITS,
        "is_within_limit": all(line["is_within_limit"] for line in lines),
    }
