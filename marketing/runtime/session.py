"""Engines for the length of one command: those of the running set, or some of its own."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from marketing.runtime import engines, environment, places
from marketing.runtime.engines import Engine
from marketing.runtime.places import Places
from marketing.runtime.problems import RuntimeProblem

PATIENCE = 60.0


@contextmanager
def for_command(here: Places) -> Iterator[None]:
    """Have DATABASE_URL and REDIS_URL answer while a management command runs."""
    if not environment.embedded():
        yield
        return
    places.make(here)
    deadline = time.monotonic() + PATIENCE
    with ExitStack() as held:
        while not held.enter_context(locked(here.lock)):
            held.enter_context(_using(here, fcntl.LOCK_SH))
            if _joined(here):
                break
            held.close()
            if time.monotonic() > deadline:
                raise RuntimeProblem(busy(here))
            time.sleep(0.1)
        else:
            held.enter_context(_own_engines(here))
        yield


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold this lock, or say that somebody else does."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        os.truncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        yield True
    finally:
        os.close(handle)


def busy(here: Places) -> str:
    """Who holds the lock, and what to do about it."""
    holder = here.lock.read_text(encoding="utf-8").strip() or "unknown"
    return (
        f"Another Rapport (process {holder}) works on {here.var}: "
        "stop it first, or set RAPPORT_VAR to another folder."
    )


@contextmanager
def running(wanted: Sequence[Engine], log: Path) -> Iterator[None]:
    """Start these engines, wait until they answer, and stop them in the end."""
    with log.open("wb") as output:
        started = [(engine, _start(engine, output.fileno())) for engine in wanted]
        try:
            for engine, process in started:
                _await_ready(engine, process, log)
            yield
        finally:
            for engine, process in reversed(started):
                _stop(engine, process)


def _start(engine: Engine, output: int) -> subprocess.Popen[bytes]:
    command = engines.launched(engine.command, engine.stop_signal, engine.identity)
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        # Ctrl-C is for the command; the engines are stopped after it.
        start_new_session=True,
    )


def _await_ready(engine: Engine, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not engine.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(encoding="utf-8", errors="replace")
            raise RuntimeProblem(engines.why_not(f"{engine.name} does not start", said))
        time.sleep(0.02)


def _stop(engine: Engine, process: subprocess.Popen[bytes]) -> None:
    process.send_signal(engine.stop_signal)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def _own_engines(here: Places) -> Iterator[None]:
    wanted = environment.prepare_engines(here)
    with running(wanted, here.log.with_name("engines.log")):
        if any(engine.name == "postgres" for engine in wanted):
            engines.ensure_database(here.sockets())
        places.write_record(here, environment.shared())
        try:
            yield
        finally:
            here.record.unlink(missing_ok=True)
            with _using(here, fcntl.LOCK_EX):
                pass


def _joined(here: Places) -> bool:
    """Take over the environment of the running set, if it answers."""
    record = places.read_record(here)
    if not record or not all(engine_answers(here, record)):
        return False
    for name, value in record.items():
        os.environ.setdefault(name, value)
    return True


def engine_answers(here: Places, record: dict[str, str]) -> Iterator[bool]:
    """Whether each embedded engine that the record names lets clients in."""
    for name, variable in environment.ENGINES.items():
        if record.get(variable) == environment.own_url(name, here):
            yield Engine(name, (), signal.SIGTERM, "plain", here.sockets()).answers()


@contextmanager
def _using(here: Places, kind: int) -> Iterator[None]:
    """Keep the engines up while they are used (shared), or wait for all users (exclusive)."""
    handle = os.open(here.run / "users", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another command to finish with the database", file=sys.stderr)
            fcntl.flock(handle, kind)
        yield
    finally:
        os.close(handle)
