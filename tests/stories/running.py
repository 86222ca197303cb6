"""A running set of its own for a story: started like a user would, looked at from outside."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from marketing.runtime import preparation, probes, processes
from marketing.runtime.places import Places
from tests import house, ports

# What a process of the set is called on its command line, or calls itself.
MARKS = {
    "postgres": "bin/postgres -D",
    "valkey": "valkey-server",
    "worker": "[worker]",
    "beat": "[beat]",
    "follow": "[follow]",
    "post": "[post]",
    "ingest": "[ingest]",
    "web": "[web]",
    "outbox": "manage.py outbox",
}
# Where the password of a set that was started before is kept.
PASSWORD = "password-for-stories"
# What it said on its terminal.
SAID = "said-at-first"
# The second thoughts that staff may have after a launch are tested elsewhere.
IMPATIENT = {"LAUNCH_UNDO_SECONDS": "1"}
OWN = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "RAPPORT_VAR", "PUBLIC_URL", "LIVE_URL")
CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass
class RunningSet:
    """The processes of one `manage.py start`, its database and a signed-in browser."""

    var: Path
    process: subprocess.Popen[bytes]
    address: str
    password: str
    said: list[str] = field(default_factory=list)

    @property
    def record(self) -> dict[str, str]:
        """The environment that the set wrote down for other commands."""
        found: dict[str, str] = json.loads((self.var / "run" / "environment.json").read_text())
        return found

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Ask the set's database, on a connection of our own."""
        with psycopg.connect(self.record["DATABASE_URL"], autocommit=True) as connection:
            return connection.execute(query, parameters).fetchall()  # type: ignore[call-overload]

    def value(self, query: str, parameters: Sequence[Any] = ()) -> Any:
        """One number or word from the set's database; None while there is no such row."""
        found = self.rows(query, parameters)
        return found[0][0] if found else None

    def pids(self, name: str) -> list[int]:
        """The processes of one kind, the parent first."""
        return [
            pid
            for pid in processes.descendants(self.process.pid)
            if MARKS[name] in _command_line(pid)
        ]

    def kill(self, name: str) -> int:
        """Kill -9 one kind of process, as a crash would."""
        pid = self.pids(name)[0]
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_everything(self) -> None:
        """Kill -9 every process at once, as when the machine is pulled from the wall.

        Returns when all are gone, and their ports free.
        """
        pids = [self.process.pid, *processes.descendants(self.process.pid)]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(timeout=20)
        until(lambda: not any(map(_command_line, pids)), seconds=20, what="what was killed is gone")
        port = int(self.address.rpartition(":")[2])
        until(
            lambda: all(probes.port_is_free("127.0.0.1", one) for one in (port, port + 1)),
            seconds=60,
            what=f"the ports {port} and {port + 1} are free",
        )

    def command(self, *arguments: str) -> str:
        """Run another management command beside the set."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=house.ROOT,
            env=environment(self.var),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def memory(self) -> dict[int, int]:
        """The bytes each process answers for, shared pages divided by their sharers."""
        pids = [self.process.pid, *processes.descendants(self.process.pid)]
        return {pid: processes.memory(pid) for pid in pids}


class Browser(httpx.Client):
    """Somebody of the staff, signed in to the admin."""

    def sign_in(self, name: str, password: str) -> None:
        """Use the sign-in page."""
        self.get("/admin/login/")
        answer = self.submit("/admin/login/", username=name, password=password, next="/admin/")
        assert answer.url.path == "/admin/", answer.text[:2000]

    def submit(self, path: str, **fields: Any) -> httpx.Response:
        """Post a form as a browser does: with its token, coming from its own address."""
        token = self.cookies.get("csrftoken", "")
        answer = self.post(path, data={"csrfmiddlewaretoken": token, **fields})
        answer.raise_for_status()
        return answer


def environment(var: Path, **extra: str) -> dict[str, str]:
    """An environment without anything of the tests' own engines."""
    kept = {name: value for name, value in os.environ.items() if name not in OWN}
    return {**kept, "RAPPORT_VAR": str(var), **extra}


def until(
    condition: Callable[[], Any], *, seconds: float, what: str, tell: Callable[[], Any] = str
) -> Any:
    """Wait for something to come true and return it; if it never does, `tell` how things stand."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = condition()
        except (psycopg.OperationalError, httpx.TransportError):
            found = None  # A killed engine or web server is coming back.
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what} {tell()}"
        time.sleep(0.1)


@contextmanager
def running(
    var: Path, *arguments: str, port: int | None = None, **extra: str
) -> Iterator[RunningSet]:
    """Start a set, wait until it says that it is ready, stop it and see that nothing is left."""
    port = port or ports.free_pair()
    terminal = var.with_name(f"{var.name}-terminal.txt")
    with terminal.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "start", "--port", str(port), *arguments],
            cwd=house.ROOT,
            env=environment(var, **extra),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        said = _until_ready(process, terminal)
        yield RunningSet(var, process, f"http://127.0.0.1:{port}", _password(said, var), said)
    finally:
        left = processes.descendants(process.pid)
        process.terminate()
        process.wait(timeout=20)
    assert not [pid for pid in left if _command_line(pid)], "processes were left running"


def copy_of_first(folders: pytest.TempPathFactory, own: Path) -> Path:
    """A folder of a set that made its tables and its account, and stopped; all workers share one.

    It keeps beside its data what it said then, and the password.
    """
    shared = folders.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    kept = shared / "started"
    with (shared / "started.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            with running(folders.mktemp("first") / "var", "--no-demo") as first:
                (first.var / PASSWORD).write_text(first.password)
                (first.var / SAID).write_text("\n".join(first.said))
            first.var.rename(kept)
    # With its owners: PostgreSQL may run as somebody else.
    subprocess.run(["cp", "-a", kept, own], check=True)
    # The same data at another place: what was prepared is.
    preparation.note_done(Places(own))
    return own


@contextmanager
def browser(started: RunningSet) -> Iterator[Browser]:
    """A signed-in browser for this set."""
    with Browser(base_url=started.address, follow_redirects=True, timeout=30) as client:
        client.headers["Referer"] = started.address
        client.sign_in("admin", started.password)
        yield client


def _until_ready(process: subprocess.Popen[bytes], terminal: Path) -> list[str]:
    def said() -> list[str]:
        return terminal.read_text(errors="replace").splitlines()

    until(
        lambda: process.poll() is not None or any("Ctrl-C" in line for line in said()),
        seconds=240,
        what="the set says that it is ready",
    )
    assert process.poll() is None, "the set did not start:\n" + "\n".join(said())
    return said()


def _password(said: list[str], var: Path) -> str:
    kept = var / PASSWORD
    shown = (line.split("admin / ")[1].split()[0] for line in said if "admin / " in line)
    return next(shown, kept.read_text() if kept.exists() else "")


def _command_line(pid: int) -> str:
    """How it was started, and what it calls itself."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
    return f"{command}[{processes.title(pid)}]" if command else ""
