"""What every simulated vendor can be asked."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from crm.simulator.http import Posted, Request, Response


@dataclass(frozen=True, slots=True)
class Keys:
    """The key that senders must show, and the secret that callbacks are signed with."""

    key: str
    secret: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A message as a vendor has understood it."""

    identity: str
    key: str
    sender: str
    recipient: str
    text: str
    callback_url: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What a person writes to us."""

    identity: str
    sender: str
    recipient: str
    text: str
    callback_url: str


class Vendor(Protocol):
    """One provider: what it takes, what it answers, and how it calls back."""

    def __init__(self, keys: Keys) -> None:
        """Remember the keys."""

    def take(self, request: Request) -> Taken | Response:
        """Understand a request, or answer it at once."""

    def accepted(self, taken: Taken) -> Response:
        """The answer to a message that is taken."""

    def refused(self, taken: Taken) -> Response:
        """The answer to a message for a number that is none."""

    def slow_down(self) -> Response:
        """The answer to one request too many."""

    def report(self, taken: Taken, *, is_delivered: bool) -> Posted:
        """The callback about what became of a message."""

    def inbound(self, said: Said) -> Posted:
        """The callback with what a person wrote."""


@runtime_checkable
class Searched(Protocol):
    """A provider that can be asked for messages it has taken."""

    def found(self, request: Request, taken: Sequence[Taken]) -> Response | None:
        """The answer to a search among them; nothing where the request is none."""


def data_of(request: Request) -> dict[str, object]:
    """The JSON object of a request; empty where it is none."""
    try:
        found = json.loads(request.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def identity_of(request: Request, *, of: object = "") -> str:
    """An id that is the same for the same request."""
    return hashlib.sha256(f"{of}".encode() + request.body + request.path.encode()).hexdigest()


def password_of(request: Request) -> str:
    """The password of HTTP's basic authentication."""
    kind, _, rest = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest).decode().partition(":")[2]
    except ValueError:
        return ""


def now() -> str:
    """This moment, as most providers write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_json(data: object) -> bytes:
    """The body of a JSON callback."""
    return json.dumps(data, ensure_ascii=False).encode()
