"""The SMTP server: takes every mail, keeps it, and refuses what is addressed to be refused."""

import re
from email import message_from_bytes
from email.header import decode_header, make_header
from typing import Any

import psycopg
from aiosmtpd.smtp import SMTP, Envelope, Session

from crm.simulator.store import Caught, Forgetful, Store

_HEADER_END = re.compile(rb"\r?\n\r?\n")


def protocol(store: Store | Forgetful) -> SMTP:
    """One connection's worth of server."""
    return SMTP(
        MailHandler(store),
        hostname="outbox.invalid",
        ident="Rapport outbox",
        enable_SMTPUTF8=True,
        timeout=600,
    )


def verdict(address: str) -> str:
    """The refusal an address asks for, or nothing: bounce+…, defer+…, …@bounce.invalid."""
    local, _, domain = address.lower().rpartition("@")
    if domain == "bounce.invalid" or local.startswith("bounce+"):
        return "550 5.1.1 No such mailbox here"
    if local.startswith("defer+"):
        return "451 4.2.1 Mailbox busy, try again later"
    return ""


class MailHandler:
    """What aiosmtpd asks at each step of a mail."""

    def __init__(self, store: Store | Forgetful) -> None:
        self._store = store

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """Offer pipelining: commands are read one after the other from a buffer anyway."""
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Accept the recipient unless it asks to be refused."""
        refusal = verdict(address)
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Answer 250 only once the mail is committed."""
        raw = envelope.content
        raw = raw if isinstance(raw, bytes) else str(raw).encode()
        try:
            for recipient in envelope.rcpt_tos:
                await self._store.keep(caught_mail(raw, envelope.mail_from or "", recipient))
        except (psycopg.Error, OSError):
            return "451 4.3.0 Nothing could be kept, try again"
        return "250 2.0.0 Kept"


def caught_mail(raw: bytes, sender: str, recipient: str) -> Caught:
    """A mail with what the outbox page lists of it."""
    end = _HEADER_END.search(raw)
    head = message_from_bytes(raw[: end.start()] if end else raw)
    key = str(head.get("Message-ID", "")).strip().strip("<>")
    return Caught(
        channel="email",
        provider_message_id=key,
        key=key,
        sender=_readable(head.get("From")) or sender,
        recipient=recipient,
        subject=_readable(head.get("Subject")),
        raw=raw,
    )


def _readable(value: Any) -> str:
    text = " ".join(str(value or "").split())
    try:
        return str(make_header(decode_header(text)))
    except (ValueError, LookupError):
        return text
