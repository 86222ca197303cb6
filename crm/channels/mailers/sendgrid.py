"""E-mail through SendGrid: version 3 of its Mail Send API."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils.translation import gettext_noop as _

from crm.channels import mime, proofs
from crm.channels.asking import Ask, find_each, rows_in, since_when
from crm.channels.base import (
    BLOCKED,
    BOUNCED,
    CLICKED,
    COMPLAINED,
    DEFERRED,
    DELIVERED,
    FAILED_NEWS,
    HARD_BOUNCE,
    INVALID_ADDRESS,
    OPENED,
    REJECTED,
    SENDER_REFUSED,
    SENT_NEWS,
    SOFT_BOUNCE,
    UNDELIVERABLE,
    UNKNOWN,
    UNSUBSCRIBED,
    CallbackNews,
    CallbackRequest,
    Field,
    Inbound,
    Outgoing,
)
from crm.channels.callbacks import text
from crm.channels.http_wire import Answer, Call
from crm.channels.mailing import (
    KEY,
    RETRIED_FOR,
    Mail,
    MailerAdapter,
    batch,
    bounce_by_code,
    json_call,
    named,
    part,
    rows,
    since_epoch,
)
from crm.channels.posting import ADDRESS_FIELD, asked

WORDS = {
    "processed": SENT_NEWS,
    "deferred": DEFERRED,
    "delivered": DELIVERED,
    "bounce": BOUNCED,
    "dropped": FAILED_NEWS,
    "spamreport": COMPLAINED,
    "unsubscribe": UNSUBSCRIBED,
    "group_unsubscribe": UNSUBSCRIBED,
    "group_resubscribe": UNKNOWN,
    "open": OPENED,
    "click": CLICKED,
}
# Reasons of `dropped` that say the address is dead.
_DEAD = frozenset({"bounced address", "bounce", "invalid"})
_SIGNATURE = "x-twilio-email-event-webhook-signature"
_TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
_OFF = {"enable": False}
# What cannot stand between the quotes of a search, and how many mails to one address it lists.
_QUOTABLE = frozenset("'\"\\")
_MAILS_OF_ONE = 50
# SendGrid writes these itself.
_THEIRS = frozenset({"reply-to", "received", "dkim-signature"})


class SendGridAdapter(MailerAdapter):
    """JSON out; callbacks are lists of events, signed with an elliptic curve."""

    label: ClassVar[str] = "SendGrid"
    usual: ClassVar[str] = "https://api.sendgrid.com"
    fields = (
        Field("api_key", _("API key"), is_secret=True),
        Field(
            "verification_key",
            _("Verification key"),
            help=_("Of the signed event webhook: callbacks are checked with it."),
            is_secret=True,
        ),
        ADDRESS_FIELD,
    )
    refusals: ClassVar = {
        "verified sender identity": SENDER_REFUSED,
        '"field":"from': SENDER_REFUSED,
        '"field":"personalizations.0.to.0.email"': INVALID_ADDRESS,
    }

    def compose(self, mail: Mail) -> Call:
        """The mail as JSON; our key comes back as a custom argument."""
        parts = (("text/plain", mail.text), ("text/html", mail.html))
        data = {
            "personalizations": [{"to": [named(mail.recipient)], "custom_args": {KEY: mail.key}}],
            "from": named(mail.sender),
            "subject": mail.subject or " ",
            "content": [{"type": kind, "value": body} for kind, body in parts if body],
            "headers": dict(mail.headers(without=_THEIRS)),
            "tracking_settings": {
                "click_tracking": {"enable": False, "enable_text": False},
                "open_tracking": _OFF,
                "subscription_tracking": _OFF,
                "ganalytics": _OFF,
            },
        }
        return json_call(f"{self.base}/v3/mail/send", data, self._credentials())

    def identity(self, answer: Answer) -> object:
        """The header `X-Message-Id`; the body is empty."""
        return answer.headers.get("x-message-id")

    def check(self) -> str:
        """Ask for what the key may do."""
        return asked(self.account, f"{self.base}/v3/scopes", headers=dict([self._credentials()]))

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check the signature over time and body."""
        timestamp = request.headers.get(_TIMESTAMP, "")
        signed = timestamp.encode() + request.body
        given = request.headers.get(_SIGNATURE, "")
        proofs.prove(_is_signed(signed, given, key=self.account.secret("verification_key")))
        proofs.prove_fresh(proofs.unix(timestamp), request, within=RETRIED_FOR)

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read a list of events."""
        return [_news(raw, request.received_at) for raw in batch(request)]

    def look_up(self, doubtful: Sequence[Outgoing]) -> list[CallbackNews]:
        """Search the mails to each address, then ask of each whether it has our key."""
        return find_each(self.account, doubtful, self._find)

    def _find(self, message: Outgoing, ask: Ask) -> list[CallbackNews]:
        address = mime.parse_recipient(message.recipient).in_ascii().address
        if not _QUOTABLE.isdisjoint(address):
            return []
        since = f"{since_when(message):%Y-%m-%dT%H:%M:%SZ}"
        wanted = f"to_email = '{address}' AND sg_message_id_created_at > TIMESTAMP \"{since}\""
        logs = f"{self.base}/v3/logs"
        data = {"query": wanted, "limit": _MAILS_OF_ONE}
        for one in rows_in(ask(json_call(logs, data, self._credentials())), "messages"):
            place = f"{logs}/{quote(text(one, 'sg_message_id'), safe='')}"
            told = part(ask(Call(place, (self._credentials(),), method="GET")))
            if text(part(told, "custom_args"), KEY) == message.key:
                return _logged(told, message)
        return []

    def _credentials(self) -> tuple[str, str]:
        return "Authorization", f"Bearer {self.account.secret('api_key')}"


def _logged(told: dict[str, object], message: Outgoing) -> list[CallbackNews]:
    """What the log has of a mail: its events; without any it is on its way."""
    events = rows(told.get("events")) or [told | {"event": "processed"}]
    return [replace(_news(event, proofs.now()), key=message.key) for event in events]


def _news(raw: dict[str, object], heard_at: datetime) -> CallbackNews:
    kind = WORDS.get(text(raw, "event"), UNKNOWN)
    return CallbackNews(
        provider_message_id=text(raw, "sg_message_id").partition(".")[0],
        key=text(raw, KEY) or text(raw, "smtp-id").strip("<>"),
        kind=kind,
        occurred_at=since_epoch(raw.get("timestamp"), heard_at),
        recipient=text(raw, "email"),
        reason=_why(kind, raw),
        raw=raw,
        detail=text(raw, "reason") or text(raw, "response"),
    )


def _why(kind: str, raw: dict[str, object]) -> str:
    if kind == FAILED_NEWS:
        is_dead = text(raw, "reason").lower() in _DEAD
        return UNDELIVERABLE if is_dead else REJECTED
    if kind != BOUNCED:
        return ""
    said = f"{text(raw, 'status')} {text(raw, 'reason')}"
    if text(raw, "type") == "bounce":
        return bounce_by_code(said, otherwise=HARD_BOUNCE)
    # “blocked” and “expired” may pass: SendGrid goes on writing to the address.
    is_soft = bounce_by_code(said, otherwise=BLOCKED) == SOFT_BOUNCE
    return SOFT_BOUNCE if is_soft or text(raw, "type") == "expired" else BLOCKED


def _is_signed(signed: bytes, signature: str, *, key: str) -> bool:
    """Whether a signature of ECDSA with SHA-256 is right; a key that is none proves nothing."""
    try:
        public = serialization.load_der_public_key(base64.b64decode(_bare(key), validate=True))
        if not isinstance(public, ec.EllipticCurvePublicKey):
            return False
        public.verify(base64.b64decode(signature, validate=True), signed, ec.ECDSA(hashes.SHA256()))
    except (ValueError, binascii.Error, UnsupportedAlgorithm, InvalidSignature):
        return False
    return True


def _bare(key: str) -> str:
    """A key that may have been pasted with the lines of a PEM file around it."""
    return "".join(line.strip() for line in key.splitlines() if "-----" not in line)
