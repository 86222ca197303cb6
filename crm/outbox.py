"""The outbox: read what the built-in catcher received, and answer it as the world would."""

import json
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache

import httpx
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from crm import accounts
from crm.channels.http_client import trusted_client
from crm.channels.mime import parse_address
from crm.choices import Channel
from crm.models import CaughtMessage


@dataclass(frozen=True, slots=True)
class CaughtContent:
    """A caught message as its receiver would read it."""

    subject: str
    html: str
    text: str
    headers: tuple[tuple[str, str], ...]


def read(*, caught: CaughtMessage) -> CaughtContent:
    """Take a caught message apart."""
    if caught.channel == Channel.SMS:
        return CaughtContent("", "", said(raw=bytes(caught.raw)), ())
    mail = message_from_bytes(bytes(caught.raw), policy=policy.default)
    headers = tuple((name, str(value)) for name, value in mail.items())
    return CaughtContent(caught.subject, _part(mail, "html"), _part(mail, "plain"), headers)


def said(*, raw: bytes) -> str:
    """The words of a caught SMS."""
    return str(json.loads(raw).get("body", ""))


def reply_as(*, caught: CaughtMessage, text: str) -> None:
    """Answer as the person who got it would."""
    if caught.channel == Channel.SMS:
        write_as(channel=Channel.SMS, sender=caught.recipient, text=text, subject="")
        return
    subject = caught.subject if caught.subject.startswith("Re: ") else f"Re: {caught.subject}"
    _post(
        "/email/inbound",
        {
            "from": caught.recipient,
            "to": _mailbox(),
            "subject": subject,
            "text": text,
            "in_reply_to": caught.key,
        },
    )


def write_as(*, channel: str, sender: str, text: str, subject: str) -> None:
    """Write to us as anybody would."""
    if channel == Channel.SMS:
        to = accounts.sender(channel=Channel.SMS)
        _post("/sms/inbound", {"from": sender, "to": to, "body": text})
        return
    mail = {"from": sender, "to": _mailbox(), "subject": subject, "text": text}
    _post("/email/inbound", mail)


def bounce(*, caught: CaughtMessage) -> None:
    """Let a mail come back as undeliverable."""
    _post("/email/bounce", {"key": caught.key, "to": caught.recipient})


def complain(*, caught: CaughtMessage) -> None:
    """Let the receiver of a mail press “this is spam”."""
    _post("/email/complaint", {"key": caught.key, "to": caught.recipient})


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body(preferencelist=(kind,))
    if part is None:
        return ""
    raw = part.get_payload(decode=True)
    charset = part.get_content_charset() or "utf-8"
    return raw.decode(charset, errors="replace") if isinstance(raw, bytes) else ""


def _mailbox() -> str:
    return parse_address(accounts.sender(channel=Channel.EMAIL)).address


def _post(path: str, data: dict[str, str]) -> None:
    url = f"http://127.0.0.1:{settings.CATCHER_HTTP_PORT}{path}"
    headers = {"Authorization": f"Bearer {settings.SMS_API_KEY}"}
    try:
        answer = _client().post(url, json=data, headers=headers)
    except httpx.HTTPError as error:
        raise ValidationError(_("The outbox does not answer; is it running?")) from error
    if not answer.is_success:
        raise ValidationError(_("The outbox refused: %s") % answer.text[:200])


@cache
def _client() -> httpx.Client:
    return trusted_client(connections=4)
