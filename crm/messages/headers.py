"""The header fields that tell mail systems and people what a mail is and how to stop it."""

import hmac
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b

from django.conf import settings

from crm import accounts
from crm.channels.mime import parse_address
from crm.choices import Author, Channel, Purpose
from crm.messages.drafts import Draft, link_key, unsubscribe_link
from crm.models import Mailbox

Headers = tuple[tuple[str, str], ...]

_BOUNCE = "bounce"
_LEAVE = "unsubscribe"
_LONGEST_NUMBER = 18
_MAC_BYTES = 8


def way_out_headers(*, draft: Draft, by_mail: str = "") -> Headers:
    """How whoever gets this mail ends such mails (RFC 8058), by a mail to an address as well."""
    way_out = way_out_of(draft=draft)
    if not way_out:
        return ()
    ways = f"<{way_out}>, <mailto:{by_mail}>" if by_mail else f"<{way_out}>"
    return (
        ("List-Unsubscribe", ways),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )


def way_out_of(*, draft: Draft) -> str:
    """The address that ends such mails with one click; empty where nothing is to be ended."""
    if not has_way_out(channel=draft.channel, purpose=draft.purpose):
        return ""
    return link_out_of(draft=draft)


def link_out_of(*, draft: Draft) -> str:
    """The same for a draft that has a way out."""
    # The link of the header and the link of the body are the same: one token, one way out.
    return draft.unsubscribe_url or unsubscribe_link(message_id=draft.message_id)


@lru_cache(maxsize=64)
def has_way_out(*, channel: str, purpose: str) -> bool:
    """Whether messages of a channel for a purpose say in their header how to end them."""
    return channel == Channel.EMAIL and Purpose(purpose).needs_consent


def is_mail_read() -> bool:
    """Whether a mail that asks for an end comes to us: fetched, posted, or so the settings say."""
    said = settings.UNSUBSCRIBE_BY_MAIL
    if said != "auto":
        return bool(said == "on")
    return bool(settings.POSTED_MAIL_TOKEN) or Mailbox.objects.filter(is_active=True).exists()


def unsubscribe_address(*, message_id: int) -> str:
    """Where a mail ends what a message belongs to: the address names the message, signed."""
    return _addresses(_LEAVE)(message_id)


def message_of_unsubscribe(*, recipient: str) -> int | None:
    """The message that an unsubscribe address names, if we made the address."""
    return _named_by(recipient, _LEAVE)


def common_headers(*, draft: Draft) -> Headers:
    """The headers of a draft but for its way out: the same in all mails of a batch."""
    if draft.channel != Channel.EMAIL:
        return draft.headers
    headers = draft.headers
    if Purpose(draft.purpose).needs_consent:
        headers += _marketing(
            draft.purpose, draft.source_kind or "message", draft.template_version_id or 0, domain()
        )
    if draft.author == Author.BOT:
        headers += (("Auto-Submitted", "auto-replied"),)
    if draft.author == Author.SYSTEM:
        headers += (("Auto-Submitted", "auto-generated"),)
    return headers


def envelope_senders(*, channel: str) -> Callable[[int], str]:
    """Where mails come back to when they cannot be delivered, by the ids of their messages.

    Each address names its message, signed; it is empty for what is no mail.
    """
    return _addresses(_BOUNCE) if channel == Channel.EMAIL else _nowhere


def message_of_bounce(*, recipient: str) -> int | None:
    """The message that a bounce address names, if we made the address."""
    return _named_by(recipient, _BOUNCE)


def domain() -> str:
    """The domain that our mail comes from."""
    return parse_address(accounts.sender(channel=Channel.EMAIL)).address.rpartition("@")[2]


@lru_cache(maxsize=256)
def _marketing(purpose: str, source_kind: str, version_id: int, from_domain: str) -> Headers:
    source = f"{source_kind}-{version_id}"
    return (
        ("List-Id", f"<{purpose}.{from_domain}>"),
        ("Feedback-ID", f"{source}:{purpose}:{Channel.EMAIL.value}:rapport"),
        ("Precedence", "bulk"),
    )


def _named_by(recipient: str, what: str) -> int | None:
    local = recipient.partition("@")[0].lower()
    number, _, mac = local.removeprefix(f"{what}+").partition("-")
    if not (local.startswith(f"{what}+") and number.isascii() and number.isdigit()):
        return None
    if len(number) > _LONGEST_NUMBER:
        return None
    # What was signed with a key that was replaced since is still on its way back, and so may be
    # what was signed before 2026-12.
    keys = accounts.link_keys()
    made = (one(int(number), what, key) for one in (_mac, _mac_as_before) for key in keys)
    return int(number) if any(hmac.compare_digest(mac.encode(), m.encode()) for m in made) else None


def _addresses(what: str) -> Callable[[int], str]:
    """Addresses that name a message, signed; what all have alike is looked up once."""
    begun, domain = _begun(link_key(), what), settings.EMAIL_BOUNCE_DOMAIN
    return lambda message_id: f"{what}+{message_id}-{_ended(begun, message_id)}@{domain}"


def _nowhere(message_id: int) -> str:
    return ""


def _mac(message_id: int, what: str, key: bytes) -> str:
    return _ended(_begun(key, what), message_id)


def _ended(begun: "blake2b", message_id: int) -> str:
    one = begun.copy()
    one.update(b"%d" % message_id)
    return one.hexdigest()


@lru_cache(maxsize=16)
def _begun(key: bytes, what: str) -> "blake2b":
    """A hash begun with the key and what it is for."""
    return blake2b(f"{what}:".encode(), key=blake2b(key).digest(), digest_size=_MAC_BYTES)


def _mac_as_before(message_id: int, what: str, key: bytes) -> str:
    return hmac.digest(key, f"{what}:{message_id}".encode(), "sha256")[:_MAC_BYTES].hex()
