"""What every simulated provider of e-mail can be asked."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from enum import StrEnum
from typing import Protocol, runtime_checkable
from urllib.parse import parse_qsl

from crm.simulator.http import Posted, Request, Response
from crm.simulator.vendors.shapes import Keys


class Fate(StrEnum):
    """What becomes of a mail that was taken; addresses such as bounce+ann@… ask for theirs."""

    DELIVERED = "delivered"
    BOUNCED = "bounce"
    SOFT = "soft"
    COMPLAINED = "complain"
    UNSUBSCRIBED = "leave"


@dataclass(frozen=True, slots=True)
class TakenMail:
    """A mail as a provider has understood it."""

    identity: str
    key: str
    sender: str
    recipient: str
    subject: str = ""
    text: str = ""
    html: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    # Where this very mail is reported to, for providers that are told so with each.
    callback_url: str = ""


class Mailer(Protocol):
    """One provider: what it takes, what it answers, and how it calls back."""

    def __init__(self, keys: Keys) -> None:
        """Remember the keys."""

    def take(self, request: Request) -> TakenMail | Response:
        """Understand a request, or answer it at once."""

    def accepted(self, taken: TakenMail) -> Response:
        """The answer to a mail that is taken."""

    def refused(self, taken: TakenMail) -> Response:
        """The answer to a mail for an address that is none."""

    def slow_down(self) -> Response:
        """The answer to one request too many."""

    def report(self, taken: TakenMail, fate: Fate, url: str) -> Posted:
        """The callback about what became of a mail."""


@runtime_checkable
class Searched(Protocol):
    """A provider that can be asked for mails it has taken."""

    def found(self, request: Request, taken: Sequence[TakenMail]) -> Response | None:
        """The answer to a search among them; nothing where the request is none."""


@runtime_checkable
class Receives(Protocol):
    """A provider that tells of mails that come in, and keeps them."""

    def received(self, data: dict[str, object], url: str) -> Posted:
        """The callback about a mail that somebody sent."""


def read_raw(raw: bytes, *, identity: str, recipient: str, key: str = "") -> TakenMail:
    """A mail that came in MIME."""
    mail = message_from_bytes(raw, policy=policy.default)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    return TakenMail(
        identity=identity,
        key=key,
        sender=str(mail["From"]),
        recipient=recipient or str(mail["To"]),
        subject=str(mail["Subject"]),
        text=_line_feeds(text.get_content()) if text else "",
        html=_line_feeds(html.get_content()) if html else "",
        headers={name: str(value) for name, value in mail.items()},
    )


def asked_for(request: Request) -> dict[str, str]:
    """The fields in the address of a request."""
    return dict(parse_qsl(request.path.partition("?")[2]))


def with_password(posted: Posted, password: str) -> Posted:
    """A callback as the address of a console asks for it: with a user and a password."""
    credentials = base64.b64encode(f"rapport:{password}".encode()).decode()
    proof = ("Authorization", f"Basic {credentials}")
    return Posted(posted.url, posted.body, (*posted.headers, proof), posted.method)


def _line_feeds(text: object) -> str:
    return str(text).replace("\r\n", "\n")
