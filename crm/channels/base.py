"""What every adapter promises: the data that crosses its border and the protocol it fulfils."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol, runtime_checkable

import msgspec

from crm.channels.dkim import Signer
from crm.mail_parts import NOTHING, Part

# Outcome.state
SENT = "sent"
FAILED = "failed"
IN_DOUBT = "in_doubt"

# Outcome.reason; the first group may be tried again after `retry_after` seconds.
DEFERRED = "deferred"
UNREACHABLE = "unreachable"
RATE_LIMITED = "rate_limited"
REJECTED = "rejected"
SENDER_REFUSED = "sender_refused"
INVALID_ADDRESS = "invalid_address"
UNAUTHORIZED = "unauthorized"
UNANSWERED = "unanswered"
RETRYABLE_REASONS = frozenset({DEFERRED, UNREACHABLE, RATE_LIMITED})
REASONS = RETRYABLE_REASONS | {
    REJECTED,
    SENDER_REFUSED,
    INVALID_ADDRESS,
    UNAUTHORIZED,
    UNANSWERED,
}

# CallbackNews.kind
SENT_NEWS = "sent"
DELIVERED = "delivered"
BOUNCED = "bounced"
COMPLAINED = "complained"
FAILED_NEWS = "failed"
UNKNOWN = "unknown"
# They prove that a mail has arrived; what opens and clicks are worth, our own tracking says.
OPENED = "opened"
CLICKED = "clicked"
UNSUBSCRIBED = "unsubscribed"
# DEFERRED is news too: the provider has the message and tries again by itself.
NEWS_KINDS = frozenset({SENT_NEWS, DELIVERED, BOUNCED, COMPLAINED, FAILED_NEWS, UNKNOWN})
NEWS_KINDS |= {OPENED, CLICKED, UNSUBSCRIBED, DEFERRED}

# CallbackNews.reason of a bounce: the address is dead, is full or away, or does not want this mail.
HARD_BOUNCE = "hard_bounce"
SOFT_BOUNCE = "soft_bounce"
BLOCKED = "block"
# CallbackNews.reason of a failure that closes the address: the provider knows that it is dead.
UNDELIVERABLE = "undeliverable"

# Characters that are not shown as they are: controls, what turns a line around, half letters.
_UNSEEN = {"Cc": " ", "Zl": " ", "Zp": " ", "Cf": "", "Cs": "\ufffd"}


@dataclass(frozen=True, slots=True)
class Field:
    """One thing an account of a provider has to tell, as staff are asked for it."""

    name: str
    label: str
    help: str = ""
    default: str = ""
    is_secret: bool = False
    is_needed: bool = True
    choices: tuple[str, ...] = ()
    # Of several lines.
    is_long: bool = False
    # What few accounts have to tell: it is asked for apart from the rest.
    is_rare: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """Where one provider is reached and with which secrets; what `registry.adapter_for` takes.

    `name` tells accounts of one provider apart: callbacks come to it, and messages keep it.
    `options` and `secrets` are what the adapter's `fields` ask for. Where staff say where it is, it
    leads to public addresses only, `guarded_but` for the places that the operator has named;
    nothing there means that the address is the operator's own word.
    """

    provider: str
    url: str = ""
    api_key: str = field(default="", repr=False)
    callback_secret: str = field(default="", repr=False)
    callback_url: str = ""
    name: str = ""
    options: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    guarded_but: tuple[str, ...] | None = ()

    def option(self, name: str, default: str = "") -> str:
        """What staff said for a field that is no secret."""
        return dict(self.options).get(name) or default

    def secret(self, name: str) -> str:
        """What staff said for a secret field; empty where nothing was said."""
        return dict(self.secrets).get(name, "")


# One is made for every message: a struct is made in a quarter of a dataclass's time.
class Outgoing(msgspec.Struct, frozen=True):
    """One message to hand over; its `key` is deterministic: Message-ID or idempotency key.

    To an adapter that `takes_bytes` a mail may come as `raw_html` and `raw_text`, UTF-8 with lines
    ending in CRLF, and its one-click way out as `unsubscribe_url` instead of headers.
    """

    message_id: int
    key: str
    sender: str
    recipient: str
    subject: str = ""
    html: str = ""
    text: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    envelope_sender: str = ""
    raw_html: Part = NOTHING
    raw_text: bytes = b""
    unsubscribe_url: str = ""
    # Where a mail ends the same; empty where nobody would read it.
    unsubscribe_mail: str = ""
    # Who signs the mail, where we hand it to a mail server ourselves.
    signers: tuple[Signer, ...] = ()
    # A test for staff: what can tell it from a message does.
    is_test: bool = False
    # Of a message in doubt: when it was handed over, at the earliest and at the latest.
    between: tuple[datetime, datetime] | None = None


class Outcome(msgspec.Struct, frozen=True):
    """How handing over fared; a failure with `retry_after` (seconds) may be tried again."""

    message_id: int
    state: str
    provider_message_id: str = ""
    reason: str = ""
    detail: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """A provider's HTTP call to us as plain data; header names are lower case."""

    headers: Mapping[str, str]
    body: bytes
    url: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class CallbackNews:
    """What became of a message, in our words; `raw` keeps the provider's.

    `reason` is one of our words or the provider's code, `detail` what staff may read of it.
    """

    provider_message_id: str
    key: str
    kind: str
    occurred_at: datetime
    recipient: str
    reason: str
    raw: Mapping[str, object]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message a person sent to us; `in_reply_to` is our key where the channel knows it."""

    channel: str
    sender: str
    recipient: str
    body: str
    provider_message_id: str
    occurred_at: datetime
    subject: str = ""
    in_reply_to: str = ""


@dataclass(frozen=True, slots=True)
class HeldMail:
    """A mail that somebody sent to us and that the provider keeps until we fetch it."""

    identity: str
    recipient: str


def legible(text: str, most: int = 500) -> str:
    """Words of the other side as they may be kept and shown: on one line, and nothing unseen."""
    seen = "".join(map(_seen, text[: 4 * most]))
    return " ".join(seen.split())[:most]


def _seen(letter: str) -> str:
    if letter.isascii() and letter.isprintable():
        return letter
    return _UNSEEN.get(unicodedata.category(letter), letter)


class CallbackRefused(Exception):  # noqa: N818 - it names what happened, as the views say it
    """The callback is not proven to come from the provider, or cannot be read."""


class ProviderAway(Exception):  # noqa: N818 - it names what happened
    """The provider cannot be reached, or does not let us in."""


class Journal(Protocol):
    """Where an adapter notes how far each message of the batch has gone (see channels.journal)."""

    def mark(self, index: int, state: int) -> None:
        """Note the state of the message at this place of the batch."""


class Adapter(Protocol):
    """One provider: hands messages over and reads its callbacks.

    A class may say more: `label`, its name for staff; `fields`, what an account has to tell;
    `is_idempotent`, that the provider takes a message of the same key once, so that one in doubt
    may be handed over again; `takes_bytes`, that it wants mails as bytes (see Outgoing).
    """

    channel: ClassVar[str]

    def __init__(self, account: Account) -> None:
        """Remember the account; connect only when the first message goes."""

    def send_many(self, batch: Sequence[Outgoing], *, journal: Journal) -> Iterator[Outcome]:
        """Hand every message over and yield exactly one outcome for each, in any order."""

    def verify_callback(self, request: CallbackRequest) -> None:
        """Return if the callback is proven genuine and fresh, raise CallbackRefused otherwise."""

    def read_callback(
        self, request: CallbackRequest
    ) -> Sequence[CallbackNews | Inbound | HeldMail]:
        """Translate the callback into our words."""

    def close(self) -> None:
        """Let go of kept connections."""


@runtime_checkable
class Checks(Protocol):
    """An adapter that can ask its provider, at no cost, whether the account works."""

    def check(self) -> str:
        """Ask with the account's secrets; gives what is wrong, or nothing if all is well."""


@runtime_checkable
class LooksUp(Protocol):
    """An adapter that can ask its provider what became of messages in doubt.

    One that cannot says why in `unasked`, in words for staff.
    """

    def look_up(self, doubtful: Sequence[Outgoing]) -> list[CallbackNews]:
        """What the provider knows of them by what is ours alone: key, Message-ID, metadata.

        The same address at the same time proves nothing. Of whom the provider knows nothing there
        is no news: lists are late, and what is missing in one may still have left.
        """


@runtime_checkable
class HoldsMail(Protocol):
    """An adapter whose provider tells of mails that came in, and keeps them to be fetched."""

    def fetch_mail(self, held: HeldMail) -> bytes:
        """The mail, or its beginning where it is long.

        CallbackRefused where there is none any more, ProviderAway where it cannot be had now.
        """


@runtime_checkable
class Confirms(Protocol):
    """An adapter whose provider asks first whether we want to be called at this address."""

    def confirm(self, request: CallbackRequest) -> None:
        """Say yes if the proven callback asks; CallbackRefused if nobody can be told so."""


@runtime_checkable
class Fetches(Protocol):
    """An adapter whose provider does not call us: what it has for us is fetched."""

    def fetch(self, *, seconds: float, keep: Callable[[bytes], None]) -> None:
        """Listen for so long; what comes is acknowledged once `keep` has returned."""
