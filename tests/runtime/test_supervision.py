"""Children are kept alive with patience, heard, judged and stopped."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from marketing.runtime import journal, processes
from marketing.runtime.children import Backoff, Child, Program
from marketing.runtime.watchdog import Watchdog

SLEEP = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(60)",
)


def test_a_failing_program_is_tried_less_and_less_often() -> None:
    backoff = Backoff()

    delays = [backoff.after(ran_for=1) for _ in range(8)]

    assert delays == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_good_run_makes_the_next_failure_the_first_again() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after(ran_for=1)

    assert backoff.after(ran_for=61) == 0.5


def test_a_log_line_names_the_moment_and_the_process() -> None:
    moment = time.struct_time((2026, 4, 14, 9, 5, 7, 1, 104, 0))

    assert journal.formatted("web", "hello \n", moment) == "09:05:07 web      | hello"


def test_a_log_that_grows_is_put_aside_and_the_oldest_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "rapport.log"
    log = journal.Journal(path, largest=100)

    for number in range(40):
        log.write("web", f"line {number}")
    log.close()

    assert sorted(found.name for found in tmp_path.iterdir()) == [
        "rapport.log",
        "rapport.log.1",
        "rapport.log.2",
        "rapport.log.3",
    ]


class Heard:
    """What a child said, and a way to wait for it."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def write(self, name: str, text: str) -> None:
        self.lines.append((name, text))

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not happened():
                await asyncio.sleep(0.01)

    def count(self, text: str) -> int:
        return sum(line == text for _, line in self.lines)


def test_a_killed_child_comes_back_under_another_process_id() -> None:
    async def story() -> tuple[int, int, Heard]:
        heard = Heard()
        child = Child(Program("sleeper", SLEEP), heard.write)
        await child.start()
        await heard.until(lambda: heard.count("up") == 1)
        first = child.pid
        os.kill(first, signal.SIGKILL)
        await heard.until(lambda: heard.count("up") == 2)
        second = child.pid
        await child.stop(grace=5)
        return first, second, heard

    first, second, heard = asyncio.run(story())

    assert second not in {0, first}
    assert ("runtime", "sleeper was ended by SIGKILL; starting it again in 0.5 s") in heard.lines


def test_a_child_that_will_not_stop_is_killed_after_the_grace() -> None:
    async def story() -> tuple[int, float]:
        heard = Heard()
        child = Child(Program("stubborn", STUBBORN), heard.write)
        await child.start()
        await heard.until(lambda: heard.count("up") == 1)
        pid, began = child.pid, time.monotonic()
        await child.stop(grace=0.2)
        return pid, time.monotonic() - began

    pid, took = asyncio.run(story())

    assert took < 3
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a parent's end")
def test_a_child_does_not_outlive_a_supervisor_that_is_killed() -> None:
    code = (
        "import subprocess, signal, sys, time\n"
        "from marketing.runtime.engines import launched\n"
        f"command = launched({SLEEP!r}, signal.SIGKILL, 'plain')\n"
        "child = subprocess.Popen(command, stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )

    async def story() -> int:
        parent = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
        )
        assert parent.stdout
        orphan = int(await parent.stdout.readline())
        parent.kill()
        await parent.wait()
        return orphan

    orphan = asyncio.run(story())

    deadline = time.monotonic() + 5
    while _is_alive(orphan) and time.monotonic() < deadline:
        continue
    assert not _is_alive(orphan)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def report(*, worker: float | None, beat: float | None) -> dict[str, dict[str, float | None]]:
    return {"worker": {"age_seconds": worker}, "beat": {"age_seconds": beat}}


def test_a_working_pair_is_left_alone() -> None:
    assert Watchdog().verdict(report(worker=3, beat=1), worker_cpu=1) is None


def test_a_worker_that_neither_answers_nor_works_is_restarted() -> None:
    watchdog = Watchdog()
    watchdog.verdict(report(worker=3, beat=1), worker_cpu=10)

    name, why = watchdog.verdict(report(worker=61, beat=1), worker_cpu=10.05) or ("", "")

    assert name == "worker"
    assert "61 s" in why


def test_a_worker_that_is_busy_with_a_long_task_is_left_alone() -> None:
    watchdog = Watchdog()
    watchdog.verdict(report(worker=3, beat=1), worker_cpu=10)

    assert watchdog.verdict(report(worker=90, beat=1), worker_cpu=60) is None


def test_a_silent_beat_is_restarted_and_the_worker_not_blamed_for_it() -> None:
    verdict = Watchdog().verdict(report(worker=70, beat=70), worker_cpu=0)

    assert verdict is not None
    assert verdict[0] == "beat"


def test_an_ingest_that_looks_at_the_spool_no_more_is_restarted() -> None:
    silent = report(worker=3, beat=1) | {"ingest": {"age_seconds": 61.0}}

    verdict = Watchdog().verdict(silent, worker_cpu=1)

    assert verdict is not None
    assert verdict[0] == "ingest"


def test_a_follower_that_hangs_is_restarted_and_one_that_is_missing_is_not_missed() -> None:
    silent = report(worker=3, beat=1) | {"follow": {"age_seconds": 61.0}}
    missing = report(worker=3, beat=1) | {"follow": {"age_seconds": None}}

    verdict = Watchdog().verdict(silent, worker_cpu=1)

    assert verdict is not None
    assert verdict[0] == "follow"
    assert Watchdog().verdict(missing, worker_cpu=1) is None


def test_an_ingest_that_gives_signs_of_life_is_left_alone() -> None:
    alive = report(worker=3, beat=1) | {"ingest": {"age_seconds": 6.0}}

    assert Watchdog().verdict(alive, worker_cpu=1) is None


def test_nobody_is_blamed_while_the_broker_is_away() -> None:
    assert Watchdog().verdict(report(worker=None, beat=None), worker_cpu=0) is None


@pytest.mark.skipif(not processes.PROC.is_dir(), reason="only Linux has /proc")
def test_a_process_knows_its_own_memory_and_time() -> None:
    assert processes.memory(os.getpid()) > 1_000_000
    assert processes.cpu_seconds([os.getpid()]) > 0
