"""Parts of one program are kept alive each by itself, and end with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = pytest.mark.processes


class Parts:
    """The program of the parts, and what it says."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.runtime.forking"],
            cwd=settings.BASE_DIR,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def hear(self, count: int) -> dict[str, int]:
        """The parts that say next who they are, with their process ids."""
        assert self.process.stdout
        said: dict[str, int] = {}
        while len(said) < count:
            name, _, rest = self.process.stdout.readline().partition(" ")
            if rest.strip().isdigit():
                said[name] = int(rest)
        return said


@pytest.fixture
def parts() -> Iterator[Parts]:
    made = Parts()
    yield made
    if made.process.poll() is None:
        os.killpg(made.process.pid, signal.SIGKILL)
    made.process.wait(20)
    assert made.process.stdout
    made.process.stdout.close()


def test_a_part_that_is_killed_comes_back_and_the_others_stay(parts: Parts) -> None:
    pids = parts.hear(2)

    os.kill(pids["first"], signal.SIGKILL)
    again = parts.hear(1)

    assert set(again) == {"first"}
    assert again["first"] != pids["first"]
    os.kill(pids["second"], 0)


def test_all_end_when_the_program_is_asked_to(parts: Parts) -> None:
    pids = parts.hear(2)

    parts.process.terminate()

    assert parts.process.wait(20) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())
