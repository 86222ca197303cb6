"""What every kind of mailbox can be asked, whatever its protocol."""

import socket
import ssl
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from crm import reach

TIMEOUT_SECONDS = 20.0
# A bounce tells what it has to tell at its beginning; the reader looks at half of this.
MAX_BYTES = 1024 * 1024
# By protocol and whether it begins with TLS.
_PORTS = {("imap", True): 993, ("imap", False): 143, ("pop3", True): 995, ("pop3", False): 110}


class BoxError(Exception):
    """The mailbox cannot be read, in words for staff."""


class MailRefused(Exception):  # noqa: N818 - it names what happened
    """The mailbox does not give one of its mails, in words for staff."""


@dataclass(frozen=True)
class Place:
    """Where a mailbox is, and who asks."""

    protocol: str
    host: str
    port: int | None
    security: str
    user: str
    password: str = field(repr=False)
    # An access token in place of the password, for XOAUTH2.
    token: str = field(default="", repr=False)
    folder: str = "INBOX"
    # Private places that it may be at: those that the operator has named.
    guarded_but: tuple[str, ...] = ()

    @property
    def at_port(self) -> int:
        """Its port, or the usual one of its protocol."""
        return self.port or _PORTS[self.protocol, self.security == "tls"]

    @property
    def bearing(self) -> bytes:
        """What XOAUTH2 says."""
        return f"user={self.user}\1auth=Bearer {self.token}\1\1".encode()

    @cached_property
    def context(self) -> ssl.SSLContext:
        """How its certificate is checked."""
        return ssl.create_default_context()

    def connect(self) -> socket.socket:
        """Connect to where it is, if that is no private place that nobody has named."""
        return reach.connect(self.host, self.at_port, timeout=TIMEOUT_SECONDS, but=self.guarded_but)


class Box(Protocol):
    """A mailbox that somebody is signed in to."""

    # Changes where the numbers of the folder begin anew; nothing where they never do.
    validity: int | None

    def waiting(self, *, after: int, most: int) -> list[str]:
        """Numbers of mails, the oldest first; of IMAP only those after one, at most so many."""
        ...

    def fetch(self, uid: str) -> bytes:
        """A mail as it is, its first megabyte; MailRefused where the server does not give it."""
        ...

    def mark(self, uid: str) -> None:
        """Leave a mail where it is, as seen."""
        ...

    def move(self, uid: str, folder: str) -> None:
        """Put a mail into another folder."""
        ...

    def delete(self, uid: str) -> None:
        """Delete one mail and no other."""
        ...

    def close(self) -> None:
        """Sign out; what was deleted is gone."""
        ...
