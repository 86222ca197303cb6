"""Whom we may connect to: public addresses, and private ones that the operator has named."""

import socket
from typing import Any

import pytest

from crm import reach

PUBLIC = "93.184.216.34"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What a name server would answer; numbers are read as ever."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def looked_up(host: str, port: int, **how: Any) -> Any:
        if host not in known:
            return real(host, port, flags=socket.AI_NUMERICHOST, **how)
        return [(0, 0, 0, "", (number, port)) for number in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    return known


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("relay.internal", "relay.internal", 25),
        ("Relay.Internal.", "relay.internal", 25),
        ("relay.internal", "RELAY.internal.", 25),
        ("relay.internal:25", "relay.internal", 25),
        ("10.0.0.0/8", "relay.internal", 25),
        ("10.1.2.3/32", "relay.internal", 25),
        ("10.1.2.3", "10.1.2.3", 25),
        ("10.1.2.3:25", "10.1.2.3", 25),
        ("10.1.2.3/8:25", "relay.internal", 25),
        ("10.1.2.3/32", "::ffff:10.1.2.3", 25),
        ("fd00:0::1", "fd00::1", 25),
        ("fd00::/8", "fd00::1", 25),
        ("[fd00::1]:25", "fd00::1", 25),
        (" fd00::1 ", "fd00::1", 25),
    ],
)
def test_what_the_operator_names_may_be_called(
    names: dict[str, list[str]], entry: str, host: str, port: int
) -> None:
    for known in ("relay.internal", "RELAY.internal."):
        names[known] = ["10.1.2.3"]

    assert reach.addresses(host, port, but=[entry])


@pytest.mark.parametrize(
    ("entry", "host"),
    [
        ("relay.internal:587", "relay.internal"),
        ("internal", "relay.internal"),
        ("evil-relay.internal", "relay.internal"),
        ("10.1.2.3/32:587", "relay.internal"),
        ("10.1.2.3", "relay.internal"),
        ("10.1.2.3", "::ffff:10.1.2.3"),
        ("10.1.2.4/32", "relay.internal"),
        ("127.0.0.1", "localhost"),
        ("127.0.0.1", "127.1"),
        ("10.0.0.0/24", "relay.internal"),
        ("127.0.0.1:2525", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("fd00::1", "fd00::2"),
    ],
)
def test_what_is_beside_it_is_refused(names: dict[str, list[str]], entry: str, host: str) -> None:
    names["relay.internal"] = ["10.1.2.3"]

    with pytest.raises(reach.AddressRefused):
        reach.addresses(host, 25, but=[entry])


def test_one_address_beside_a_named_one_refuses_the_host(names: dict[str, list[str]]) -> None:
    names["relay.internal"] = ["10.1.2.3", "10.9.9.9"]

    with pytest.raises(reach.AddressRefused):
        reach.addresses("relay.internal", 25, but=["10.1.2.3/32"])


@pytest.mark.parametrize(
    "entry",
    ["", "http://relay", "relay:port", "relay:0", "relay:70000", "10.0.0.0/99", "a b", "*", "@x"],
)
def test_what_names_no_place_is_said_at_the_start(entry: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        reach.named(entry)


def test_the_next_address_is_tried_where_one_does_not_answer(
    names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    names["two.example"] = [PUBLIC, "93.184.216.35"]
    tried = []

    def create(place: tuple[str, int], timeout: float) -> str:
        tried.append(place[0])
        if place[0] == PUBLIC:
            raise TimeoutError
        return "connected"

    monkeypatch.setattr(socket, "create_connection", create)

    assert reach.connect("two.example", 25, timeout=1) == "connected"
    assert tried == [PUBLIC, "93.184.216.35"]


def test_a_connection_goes_to_the_address_that_was_looked_at(
    names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    names["rebinding.example"] = [PUBLIC]
    places: list[Any] = []

    def create(place: tuple[str, int], timeout: float) -> None:
        names["rebinding.example"] = ["127.0.0.1"]
        places.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", create)
    with pytest.raises(ConnectionRefusedError):
        reach.connect("rebinding.example", 25, timeout=1)
    with pytest.raises(reach.AddressRefused):
        reach.connect("rebinding.example", 25, timeout=1)

    assert places == [(PUBLIC, 25)]


def test_the_operators_own_address_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[Any] = []
    monkeypatch.setattr(socket, "create_connection", lambda *place: places.append(place))

    reach.connect("127.0.0.1", 25, timeout=1, but=None)

    assert places == [(("127.0.0.1", 25), 1)]
