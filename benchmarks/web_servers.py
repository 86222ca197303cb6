"""The real processes web and ingest, and beside them an application that theirs is held against."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import ports
from marketing.runtime import programs

MEMORY = ("MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_")
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Servers:
    """The processes under test, and their ports."""

    web: subprocess.Popen[bytes]
    web_port: int
    ingest: subprocess.Popen[bytes]
    bare: subprocess.Popen[bytes]
    bare_port: int


@contextmanager
def running(*, address: str, bare: str, **settings: str) -> Iterator[Servers]:
    """Start them on a spool of their own; `bare` names the application beside them."""
    with tempfile.TemporaryDirectory(prefix="rapport-bench-") as folder:
        environment = {
            **os.environ,
            **{name: programs.ENVIRONMENT[name] for name in MEMORY},
            "DATABASE_URL": address,
            "RAPPORT_VAR": folder,
            **settings,
        }
        ours, theirs = ports.free(), ports.free()
        commands = (
            programs.granian("127.0.0.1", ours, "marketing.wsgi:application"),
            (sys.executable, "-m", "marketing.runtime.ingest"),
            programs.granian("127.0.0.1", theirs, bare),
        )
        # What they say must not stand in the report.
        started = [
            subprocess.Popen(one, cwd=ROOT, env=environment, stdout=sys.stderr) for one in commands
        ]
        try:
            for port in (ours, theirs):
                ports.wait_for(port)
            yield Servers(started[0], ours, started[1], started[2], theirs)
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(20)
