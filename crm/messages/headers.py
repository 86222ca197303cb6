"""The header fields that tell mail systems and people what a mail is and how to stop it."""

import hmac
from functools import lru_cache

from django.conf import settings

from crm import accounts
from crm.channels.mime import parse_address
from crm.choices import Author, Channel, Purpose
from crm.messages.drafts import Draft, link_key, unsubscribe_link

Headers = tuple[tuple[str, str], ...]


def way_out_headers(*, draft: Draft) -> Headers:
    """How whoever gets this mail ends such mails (RFC 8058)."""
    way_out = way_out_of(draft=draft)
    if not way_out:
        return ()
    return (
        ("List-Unsubscribe", f"<{way_out}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )


def way_out_of(*, draft: Draft) -> str:
    """The address that ends such mails with one click; empty where nothing is to be ended."""
    if draft.channel != Channel.EMAIL or not Purpose(draft.purpose).needs_consent:
        return ""
    # The link of the header and the link of the body are the same: one token, one way out.
    return draft.unsubscribe_url or unsubscribe_link(message_id=draft.message_id)


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


def envelope_sender(*, draft: Draft) -> str:
    """Where a mail comes back to when it cannot be delivered: it names the message, signed."""
    if draft.channel != Channel.EMAIL:
        return ""
    return f"bounce+{draft.message_id}-{_mac(draft.message_id)}@{settings.EMAIL_BOUNCE_DOMAIN}"


def message_of_bounce(*, recipient: str) -> int | None:
    """The message that a bounce address names, if we made the address."""
    local = recipient.partition("@")[0].lower()
    number, _, mac = local.removeprefix("bounce+").partition("-")
    if not (local.startswith("bounce+") and number.isascii() and number.isdigit()):
        return None
    return int(number) if hmac.compare_digest(mac.encode(), _mac(int(number)).encode()) else None


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


def _mac(message_id: int) -> str:
    return hmac.digest(link_key(), f"bounce:{message_id}".encode(), "sha256")[:8].hex()
