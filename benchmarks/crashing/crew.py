"""Workers and sweepers, really started and really killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.crashing.servers import Servers
from benchmarks.crashing.sink import CountingSink

CONNECTIONS = 2
WORKERS = 2
SWEEP_SECONDS = 0.25


class Nursery:
    """The process that forks them; see `benchmarks.crashing.nursery`."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.crashing.nursery"],
            env={**os.environ, **environment},
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._hear()

    def start(self, *words: object) -> int:
        """Start one and give its process number."""
        return int(self._tell(*words))

    def reap(self, pid: int) -> int:
        """Wait until one has ended; gives how."""
        return int(self._tell("reap", pid))

    def close(self) -> None:
        """End the nursery and all that it forked."""
        self._process.terminate()
        self._process.communicate()

    def _tell(self, *words: object) -> str:
        assert self._process.stdin
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("The nursery of the benchmark stopped; see what it wrote above.")
        return line


@dataclass
class Crew:
    """Who sends one campaign; whoever is killed is replaced."""

    nursery: Nursery
    campaign_id: int
    size: int
    workers: list[int] = field(default_factory=list)
    sweepers: list[int] = field(default_factory=list)

    def hire(self, count: int = WORKERS) -> None:
        """Start workers until there are so many."""
        while len(self.workers) < count:
            self.workers.append(self.nursery.start("worker", self.campaign_id, self.size))

    def sweep(self, *, pause: float = SWEEP_SECONDS, ahead: float = 0) -> int:
        """Start a sweeper."""
        self.sweepers.append(self.nursery.start("sweeper", pause, ahead))
        return self.sweepers[-1]

    def lose(self, pid: int, number: signal.Signals = signal.SIGKILL) -> None:
        """End one for good, by a signal or because it was killed already."""
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        self.nursery.reap(pid)
        for who in (self.workers, self.sweepers):
            if pid in who:
                who.remove(pid)

    def leave(self) -> None:
        """Let everybody end what they are at."""
        for pid in (*self.workers, *self.sweepers):
            self.lose(pid, signal.SIGTERM)


@dataclass
class Place:
    """Where the scenes play."""

    sink: CountingSink
    environment: dict[str, str]
    size: int
    sends: int
    kills: int
    few: int
    beat: float
    outage: float
    servers: Servers | None = None
    report: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, line: dict[str, Any]) -> None:
        """Keep a line of the report, and show it at once: the whole takes minutes."""
        self.report.append(line)
        print(json.dumps(line), file=sys.stderr, flush=True)

    @contextmanager
    def crew(self, campaign_id: int, *, port: int = 0) -> Iterator[Crew]:
        """A crew for a campaign that sends to the sink, or to a proxy before it."""
        address = f"smtp://127.0.0.1:{port or self.sink.port}?connections={CONNECTIONS}"
        nursery = Nursery({**self.environment, "EMAIL_URL": f"{address}&timeout=20"})
        crew = Crew(nursery, campaign_id, self.size)
        try:
            yield crew
        finally:
            nursery.close()
