"""Ports that the supervisor chooses stay its own, whoever else starts at the same instant."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from marketing.runtime import doors
from marketing.runtime.problems import RuntimeProblem

SETTING = "RAPPORT_CATCHER_SMTP_PORT"


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SETTING, raising=False)


def usual_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server((doors.LOOPBACK, 0)) as free:
        return doors.port_of(free)


def test_starts_at_the_same_instant_never_choose_the_same_port() -> None:
    usual, together = usual_port(), threading.Barrier(16)

    def choose(_: int) -> socket.socket:
        together.wait()
        return doors.hold(SETTING, usual=usual)

    with ThreadPoolExecutor(16) as starts:
        held = list(starts.map(choose, range(16)))

    ports = [doors.port_of(door) for door in held]
    for door in held:
        door.close()
    assert usual in ports
    assert len(set(ports)) == 16


def test_a_port_is_answered_from_its_choice_on() -> None:
    with doors.hold(SETTING, usual=usual_port()) as door:
        with socket.create_connection((doors.LOOPBACK, doors.port_of(door)), timeout=5) as early:
            early.sendall(b"EHLO\r\n")

        visitor, _ = door.accept()
        said = visitor.recv(6)
        visitor.close()

    assert said == b"EHLO\r\n"


def test_a_named_port_that_is_taken_is_said_and_not_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server((doors.LOOPBACK, 0)) as taken:
        monkeypatch.setenv(SETTING, str(doors.port_of(taken)))

        with pytest.raises(RuntimeProblem, match=f"Port {doors.port_of(taken)} .*{SETTING}"):
            doors.hold(SETTING, usual=usual_port())
