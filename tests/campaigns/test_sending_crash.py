"""Workers, connections and servers killed in mid-send: nobody is forgotten or written to twice.

What `manage.py bench crash` does to them for minutes is done here for seconds; RAPPORT_LONG=1 plays
every scene.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from benchmarks import crash
from benchmarks.crashing import moments, scenes, stage
from benchmarks.crashing.crew import Place
from benchmarks.crashing.sink import CountingSink
from benchmarks.scratch import address_of

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]
LONG = bool(os.environ.get("RAPPORT_LONG"))
# At the last blow a fifth is left: twice a batch in hands, two in doubt for each blow, and some.
PEOPLE, BATCH = 240, 12


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """The tests' own servers, which cannot be stopped, and few people."""
    stage.fill(people=PEOPLE, few=80, now=timezone.now())
    address = address_of(str(connection.settings_dict["NAME"]))
    try:
        with CountingSink() as sink:
            yield Place(
                sink=sink,
                environment=crash.environment(str(tmp_path)) | {"DATABASE_URL": address},
                size=BATCH,
                sends=PEOPLE,
                kills=len(moments.ALL),
                few=80,
                beat=0.3,
                outage=0,
            )
    finally:
        stage.clear()


def test_kills_at_the_hardest_moments_lose_nobody_and_double_nobody(place: Place) -> None:
    scenes.kills(place)

    (line,) = place.report
    assert line["is_within_limit"], line
    assert line["planned"] == PEOPLE
    assert len(line["moments"]) == len(set(moments.ALL))
    # The kills did hit: there are doubts, and at most one for each open connection.
    assert 0 < line["in_doubt"] <= 2 * line["blows"]


if LONG:

    @pytest.mark.parametrize(
        "play",
        [scenes.cuts, scenes.frozen, scenes.two_sweepers, scenes.terms],
        ids=lambda it: it.__name__,
    )
    def test_nothing_else_loses_or_doubles_anybody(
        place: Place, play: Callable[[Place], None]
    ) -> None:
        play(place)

        for line in place.report:
            assert line["is_within_limit"], line

    def test_the_whole_benchmark_keeps_its_limits() -> None:
        small = ["--sends", "1000", "--kills", "16", "--outage", "5"]

        run = subprocess.run(
            [sys.executable, "-m", "django", "bench", "crash", "--json", *small],
            cwd=settings.BASE_DIR,
            env={
                **os.environ,
                "DATABASE_URL": address_of(str(connection.settings_dict["NAME"])),
                "DJANGO_SETTINGS_MODULE": "marketing.settings",
            },
            capture_output=True,
            text=True,
            check=False,
        )

        assert run.returncode == 0, run.stderr
        assert json.loads(run.stdout)["is_within_limit"]
