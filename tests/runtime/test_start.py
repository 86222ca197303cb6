"""The whole set starts by one command, comes back from kills and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from marketing.runtime import probes, processes, programs, start, status
from tests import ports
from tests.stories.running import SAID, copy_of_first

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not processes.PROC.is_dir(), reason="only Linux has /proc"),
]
NOT_FOR_IT = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "CELERY_BROKER_URL", "PUBLIC_URL")
STARTED = re.compile(r"Rapport is ready after ([\d.]+) s")


@dataclass
class RunningSet:
    """A set of its own in a folder of its own."""

    var: Path
    port: int
    output: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self.process and self.process.poll() is None:
            self.stop(signal.SIGTERM)
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                self.command(self.port), env=self.environment(), stdout=output, stderr=output
            )
        self.until(lambda: STARTED.search(self.said()) is not None)

    def command(self, port: int) -> list[str]:
        manage = str(settings.BASE_DIR / "manage.py")
        return [sys.executable, manage, "start", "--no-demo", "--workers", "1", f"--port={port}"]

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in NOT_FOR_IT}
        return {**kept, "RAPPORT_VAR": str(self.var)}

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def until(self, happened: Callable[[], bool], patience: float = 180) -> None:
        deadline = time.monotonic() + patience
        while not happened():
            assert self.process
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def is_ready(self) -> bool:
        return probes.web("127.0.0.1", self.port, "/readyz", timeout=3)[0] == 200

    def pids(self) -> list[int]:
        assert self.process
        return processes.descendants(self.process.pid)

    def pid_of(self, words: str) -> int:
        return next((pid for pid in self.pids() if words in command_line(pid)), 0)

    def stop(self, number: signal.Signals) -> float:
        assert self.process
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(20)
        return time.monotonic() - began


def command_line(pid: int) -> str:
    """How it was started, and what it calls itself."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
    return f"{command}[{processes.title(pid)}]" if command else ""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSet]:
    """Started again on a folder whose first start the stories share."""
    folder = tmp_path_factory.mktemp("set")
    var = copy_of_first(tmp_path_factory, folder / "var")
    started = RunningSet(var, ports.free_pair(), folder / "output")
    started.start()
    yield started
    if started.process and started.process.poll() is None:
        started.stop(signal.SIGTERM)


def test_a_first_start_makes_an_account_and_keeps_its_password_out_of_the_log(
    running: RunningSet,
) -> None:
    password = re.search(r"Sign in +admin / (\S+)", (running.var / SAID).read_text())
    log = (running.var / "log" / "rapport.log").read_text()

    assert password
    assert log.count("starting PostgreSQL") > 1, "the log of the first start is not there"
    assert password[1] not in log


def test_its_status_names_each_process_with_its_memory(running: RunningSet) -> None:
    manage = str(settings.BASE_DIR / "manage.py")

    printed = subprocess.run(
        [sys.executable, manage, "status"],
        env=running.environment(),
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    names = [line.split()[0] for line in printed.splitlines()]
    expected = ["postgres", "valkey", "outbox", "apps", *programs.PARTS]
    assert sorted(names) == sorted(["runtime", *expected, "together"])


def test_the_whole_set_is_small(running: RunningSet) -> None:
    running.until(running.is_ready)
    assert running.process

    used = status.memory_by_name(running.process.pid)

    # A second worker process takes 40 MB more; the goal is 500 MB, visitors included.
    assert sum(used.values()) < 420e6, used
    assert sum(used[name] for name in ("apps", *programs.PARTS)) < 280e6, used


def test_a_second_start_on_the_same_folder_is_refused_politely(running: RunningSet) -> None:
    second = subprocess.run(
        running.command(ports.free_pair()),
        env=running.environment(),
        check=False,
        capture_output=True,
        text=True,
    )

    assert second.returncode == 1
    assert "stop it first, or set RAPPORT_VAR to another folder" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_busy_port_is_named_before_anything_starts(running: RunningSet, tmp_path: Path) -> None:
    elsewhere = {**running.environment(), "RAPPORT_VAR": str(tmp_path / "var")}

    refused = subprocess.run(
        running.command(running.port), env=elsewhere, check=False, capture_output=True, text=True
    )

    assert refused.returncode == 1
    assert f"Port {running.port} of 127.0.0.1 is in use" in refused.stderr
    assert not (tmp_path / "var" / "postgres").exists()


@pytest.mark.parametrize(
    "words",
    [
        "[worker]",
        "[beat]",
        "[follow]",
        "[ingest]",
        "[live]",
        "[web]",
        "crm.simulator",
        "valkey-server",
        "bin/postgres",
    ],
)
def test_a_killed_process_comes_back_and_the_set_is_ready_again(
    running: RunningSet, words: str
) -> None:
    running.until(running.is_ready)
    first = running.pid_of(words)
    assert first

    os.kill(first, signal.SIGKILL)

    running.until(lambda: running.pid_of(words) not in {0, first})
    running.until(running.is_ready)


def test_a_second_start_is_quick_and_term_leaves_nothing_behind(running: RunningSet) -> None:
    running.until(running.is_ready)
    running.stop(signal.SIGTERM)
    running.start()
    pids = running.pids()

    took = running.stop(signal.SIGTERM)

    assert took < 10
    assert left_of(pids, seconds=2) == []


def test_a_killed_supervisor_leaves_no_orphan(running: RunningSet) -> None:
    running.start()
    pids = running.pids()

    running.stop(signal.SIGKILL)

    assert left_of(pids, seconds=30) == []


def left_of(pids: list[int], *, seconds: float) -> list[int]:
    """Those that are alive after so long still; whom nobody has buried yet is not."""
    deadline = time.monotonic() + seconds
    while (left := [pid for pid in pids if _is_alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_the_page_where_messages_appear_is_there() -> None:
    assert reverse("admin:crm_caughtmessage_changelist") == start.OUTBOX
