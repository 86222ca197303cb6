"""Worker processes of the real sending loop, told what to send."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CONNECTIONS = 2

Process = subprocess.Popen[str]


class Senders:
    """Worker processes of the real sending loop, ready to be told what to send."""

    def __init__(self, running: list[Process]) -> None:
        self._running = running
        self.database_processes = [json.loads(_hear(one))["database_process"] for one in running]

    def __len__(self) -> int:
        return len(self._running)

    def send(
        self, campaign_id: int, *, days: int = 0, is_made_once: bool = False
    ) -> list[dict[str, Any]]:
        """Let all of them send one campaign, and give what each says of it."""
        self.begin(campaign_id, days=days, is_made_once=is_made_once)
        return self.end()

    def begin(self, campaign_id: int, *, days: int = 0, is_made_once: bool = False) -> None:
        """Let all of them send one campaign, by a clock that is so many days ahead.

        Where it `is_made_once`, everybody gets the mail of the first.
        """
        for process in self._running:
            assert process.stdin
            process.stdin.write(f"{campaign_id} {days} {is_made_once:d}\n")
            process.stdin.flush()

    def end(self) -> list[dict[str, Any]]:
        """Wait until all are done; what each says of the campaign."""
        return [json.loads(_hear(process)) for process in self._running]


@contextmanager
def senders(*, workers: int, address: str, port: int) -> Iterator[Senders]:
    """Start so many, sending to the mail server at this port, and end them."""
    with tempfile.TemporaryDirectory(prefix="rapport-bench-") as folder:
        environment = {
            **os.environ,
            "DATABASE_URL": address,
            "RAPPORT_VAR": folder,
            "EMAIL_URL": f"smtp://127.0.0.1:{port}?connections={CONNECTIONS}",
        }
        command = [sys.executable, "-m", "benchmarks.sender"]
        running = [_start(command, environment) for _ in range(workers)]
        try:
            yield Senders(running)
        finally:
            for process in running:
                process.terminate()
                process.communicate()


def _start(command: list[str], environment: dict[str, str]) -> Process:
    return subprocess.Popen(
        command,
        env=environment,
        cwd=Path(__file__).resolve().parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _hear(process: Process) -> str:
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("A worker of the benchmark stopped; see what it wrote above.")
    return line
