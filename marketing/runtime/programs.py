"""The processes of the running set beside the engines, in the order they start."""

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from marketing.runtime import doors
from marketing.runtime.bootstrap import BASE_DIR
from marketing.runtime.children import Program
from marketing.runtime.engines import DATABASE, Engine

# Small numbers of threads and arenas: many processes share few cores and little memory.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "PYTHONUNBUFFERED": "1",
    "RAPPORT_SUPERVISED": "1",
    # Django's checks load every address and the admin; `prepare` and `make check` run them.
    "CELERY_SKIP_CHECKS": "1",
}
# What is forked from one program, and shown and restarted each by itself.
PARTS = ("worker", "beat", "follow", "post", "ingest", "live", "web")
# Celery warns root on every start; here root is somebody's container.
PYTHON = (sys.executable, "-W", "ignore:You're running the worker with superuser")
WEB_THREADS = min(8, 2 * (os.cpu_count() or 1) + 1)
# True and harmless: Valkey writes its data as it comes, not by snapshots that need twice the
# memory, and PostgreSQL answers our own question whether it is up yet.
NOISE = {
    "valkey": ("Memory overcommit must be enabled",),
    "postgres": ("the database system is starting up", f'database "{DATABASE}" does not exist'),
}


@dataclass(frozen=True)
class Ports:
    """Where the running set listens; what the catcher serves is held open already."""

    host: str
    web: int
    live: int
    smtp: socket.socket
    http: socket.socket


def export(ports: Ports) -> None:
    """Tell the children, by their environment, where everything answers."""
    os.environ.update(ENVIRONMENT)
    shown = "127.0.0.1" if ports.host in {"0.0.0.0", "::"} else ports.host  # noqa: S104
    os.environ.setdefault("PUBLIC_URL", f"http://{shown}:{ports.web}")
    os.environ.setdefault("LIVE_URL", f"http://{shown}:{ports.live}")
    os.environ["RAPPORT_CATCHER_SMTP_PORT"] = str(doors.port_of(ports.smtp))
    os.environ["RAPPORT_CATCHER_HTTP_PORT"] = str(doors.port_of(ports.http))


def engine_program(engine: Engine) -> Program:
    """An engine as a program; it may finish what it writes when the supervisor dies."""
    stop = engine.stop_signal
    noise = NOISE.get(engine.name, ())
    return Program(engine.name, engine.command, stop, stop, engine.identity, noise)


def applications(ports: Ports, *, workers: int) -> list[Program]:
    """The catcher, and one program that forks all the others."""
    smtp, http = ports.smtp.fileno(), ports.http.fileno()
    catcher = ("--smtp-socket", str(smtp), "--http-socket", str(http))
    doors_of = ("--host", ports.host, "--port", str(ports.web), "--live-port", str(ports.live))
    forks = _module("apps", "--concurrency", str(workers), *doors_of)
    return [
        Program("outbox", (sys.executable, manage(), "outbox", *catcher), inherits=(smtp, http)),
        Program("apps", forks, parts=PARTS),
    ]


def manage() -> str:
    """The path of manage.py."""
    return str(Path(BASE_DIR) / "manage.py")


def granian(host: str, port: int, application: str) -> tuple[str, ...]:
    """The web server for a WSGI application: one process, a few threads."""
    return (
        *(sys.executable, "-m", "granian", "--interface", "wsgi"),
        *("--host", host, "--port", str(port), "--http", "1", "--no-ws"),
        *("--workers", "1", "--log-level", "warning", "--workers-kill-timeout=3s"),
        *(f"--blocking-threads={WEB_THREADS}", application),
    )


def _module(name: str, *options: str) -> tuple[str, ...]:
    return (*PYTHON, "-m", f"marketing.runtime.{name}", *options)
