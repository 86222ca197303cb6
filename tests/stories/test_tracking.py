"""Real Segment clients while the whole server is killed: every acknowledged event is there, once.

RAPPORT_LONG=1 sends 100,000 events with each client instead of a few thousand.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import house, ports
from tests.stories import running

pytestmark = pytest.mark.processes

EVENTS = 100_000 if os.environ.get("RAPPORT_LONG") else 3_000
NODE_CLIENT = "@segment/analytics-node@3.1.0"
PATIENCE = 900


@dataclass(frozen=True)
class Client:
    """A client that sends in a process of its own."""

    process: subprocess.Popen[bytes]
    report: Path

    @property
    def acknowledged(self) -> int:
        """How many events it was thanked for so far."""
        count = Path(f"{self.report}.count")
        return int(count.read_text() or 0) if count.exists() else 0

    def said(self) -> dict[str, list[str]]:
        """What became of its events, by their ids."""
        self.process.wait(timeout=PATIENCE)
        found: dict[str, list[str]] = json.loads(self.report.read_text())
        return found


@pytest.fixture
def node_client(tmp_path: Path) -> Path:
    """The folder in which npm put the client."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no node and npm found: install them to try the client for Node")
    folder = tmp_path / "node"
    folder.mkdir()
    command = ["npm", "install", "--silent", "--no-fund", "--no-audit", NODE_CLIENT]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@contextmanager
def sending(commands: Sequence[Sequence[str]], tmp_path: Path) -> Iterator[list[Client]]:
    """Clients at work; none is left behind."""
    clients = []
    try:
        for number, command in enumerate(commands):
            report = tmp_path / f"report{number}"
            process = subprocess.Popen([*command, str(report)], cwd=house.ROOT)
            clients.append(Client(process, report))
        yield clients
    finally:
        for client in clients:
            client.process.kill()
            client.process.wait()


def test_every_acknowledged_event_is_there_once(
    tmp_path: Path, var: Path, node_client: Path
) -> None:
    port = ports.free_pair()
    with running.running(var, "--no-demo", port=port) as first:
        key = first.command("create_api_key", "clients", "--scope", "track").strip()
        python = [sys.executable, "-m", "tests.stories.tracking_clients", first.address, key]
        node = ["node", str(Path(__file__).with_name("tracking_client.mjs"))]
        commands = [
            [*python, str(EVENTS)],
            [*node, str(node_client), first.address, key, str(EVENTS)],
        ]
        with sending(commands, tmp_path) as clients:
            kill_when(clients, first, EVENTS // 5)
            with running.running(var, "--no-demo", port=port) as second:
                kill_when(clients, second, EVENTS * 2 // 5)
            with running.running(var, "--no-demo", port=port) as third:
                for name in ("web", "ingest", "postgres"):
                    third.kill(name)
                said = [client.said() for client in clients]
                acknowledged = [key for one in said for key in one["acknowledged"]]
                everything_arrives(third, acknowledged)

    assert [one["failed"] for one in said] == [[], []]
    assert len(set(acknowledged)) == 2 * EVENTS


def kill_when(clients: list[Client], started: running.RunningSet, count: int) -> None:
    """Kill everything once all have begun and the fastest was thanked for so many."""

    def are_amid() -> bool:
        thanked = [client.acknowledged for client in clients]
        return min(thanked) >= EVENTS // 50 and max(thanked) >= count

    running.until(
        are_amid,
        seconds=PATIENCE,
        what=f"{count} events are acknowledged",
        tell=lambda: str([client.acknowledged for client in clients]),
    )
    assert all(client.process.poll() is None for client in clients), "they were done before"
    started.kill_everything()


def everything_arrives(started: running.RunningSet, acknowledged: list[str]) -> None:
    """Wait for the spool to be empty; then each event is there once, and nothing was put aside."""
    count = "SELECT count(*) FROM crm_event WHERE name = 'Tea Brewed'"
    running.until(
        lambda: started.value(count) >= len(acknowledged),
        seconds=120,
        what=f"{len(acknowledged)} events are recorded",
        tell=lambda: str(started.value(count)),
    )
    found = started.rows("SELECT split_part(key, ':', 3) FROM crm_event WHERE key LIKE 'track:%%'")
    told = started.rows(
        "SELECT count(*), count(DISTINCT (properties->>'by', properties->>'number'))"
        " FROM crm_event WHERE name = 'Tea Brewed'"
    )
    assert set(acknowledged) <= {key for (key,) in found}
    assert told[0][0] == told[0][1] == len(acknowledged)
    assert started.value("SELECT count(*) FROM crm_rejectedevent") == 0
