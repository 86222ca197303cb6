"""E-mail through Mailgun: its Messages API, which takes whole mails in MIME."""

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar
from urllib.parse import quote, urlencode

from django.utils.translation import gettext_noop as _

from crm.channels import mime, proofs
from crm.channels.asking import ask_each, rows_in, since_when
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
    UNAUTHORIZED,
    UNDELIVERABLE,
    UNKNOWN,
    UNSUBSCRIBED,
    CallbackNews,
    CallbackRefused,
    CallbackRequest,
    Field,
    Inbound,
    Outcome,
    Outgoing,
)
from crm.channels.callbacks import read_json, text
from crm.channels.http_many import failed
from crm.channels.http_wire import Answer, Call
from crm.channels.mailing import (
    KEY,
    RETRIED_FOR,
    Mail,
    MailerAdapter,
    bounce_by_code,
    form_fields,
    part,
    since_epoch,
    word,
)
from crm.channels.posting import ADDRESS_FIELD, asked

# `event`, in callbacks of today and (`bounced`, `dropped`) of old.
WORDS = {
    "accepted": SENT_NEWS,
    "delivered": DELIVERED,
    "failed": BOUNCED,
    "bounced": BOUNCED,
    "dropped": FAILED_NEWS,
    "rejected": FAILED_NEWS,
    "complained": COMPLAINED,
    "unsubscribed": UNSUBSCRIBED,
    "opened": OPENED,
    "clicked": CLICKED,
}
# `reason` of a failure for good that is not the server's own.
_CLASSES = {
    "suppress-bounce": HARD_BOUNCE,
    "suppress-complaint": BLOCKED,
    "suppress-unsubscribe": BLOCKED,
    "old": SOFT_BOUNCE,
    "espblock": BLOCKED,
}
# Old callbacks: this one bounced before.
_BOUNCED_BEFORE = "605"
_REGIONS = {"us": "https://api.mailgun.net", "eu": "https://api.eu.mailgun.net"}
_UNTRACKED = (("o:tracking", "no"), ("o:tracking-clicks", "no"), ("o:tracking-opens", "no"))


class MailgunAdapter(MailerAdapter):
    """A form with the mail as a file; callbacks are signed."""

    label: ClassVar[str] = "Mailgun"
    fields = (
        Field("api_key", _("API key"), is_secret=True),
        Field(
            "webhook_signing_key",
            _("Webhook signing key"),
            help=_("Callbacks are signed with it."),
            is_secret=True,
        ),
        Field(
            "domain",
            _("Sending domain"),
            help=_("Empty: the domain of the sender."),
            is_needed=False,
        ),
        Field("region", _("Region"), default="us", is_needed=False, choices=("us", "eu")),
        ADDRESS_FIELD,
    )
    refusals: ClassVar = {
        "'to' parameter is not a valid address": INVALID_ADDRESS,
        "to parameter is not a valid address": INVALID_ADDRESS,
        "'from' parameter is not a valid address": SENDER_REFUSED,
        "domain not found": SENDER_REFUSED,
        "not allowed to send": UNAUTHORIZED,
        "account is disabled": UNAUTHORIZED,
    }

    def compose(self, mail: Mail) -> Call:
        """The mail as it is to arrive; its Message-ID is also Mailgun's id."""
        fields = (("to", mail.recipient.address), (f"v:{KEY}", mail.key), *_UNTRACKED)
        boundary = f"rapport{secrets.token_hex(12)}"
        kind = ("Content-Type", f"multipart/form-data; boundary={boundary}")
        return Call(
            f"{self.base}/v3/{quote(self._domain(mail.sender.address), safe='')}/messages.mime",
            (self._credentials(), kind),
            _form(fields, mail.raw(), boundary),
        )

    def identity(self, answer: Answer) -> object:
        """The Message-ID without its brackets, as callbacks tell it."""
        return word(answer.json().get("id")).strip("<>")

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """A success without an id is none: so Mailgun answers at addresses that are wrong."""
        if answer.is_success and "magnificent" in answer.text().lower():
            return failed(message, REJECTED, answer.text())
        return super().read(message, answer)

    def check(self) -> str:
        """Ask for the domain, or for any of them."""
        domain = self.account.option("domain")
        place = f"/v4/domains/{quote(domain, safe='')}" if domain else "/v4/domains?limit=1"
        return asked(self.account, f"{self.base}{place}", headers=dict([self._credentials()]))

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check the signature over time and token."""
        told = _signature(request)
        key = self.account.secret("webhook_signing_key")
        signed = f"{told.get('timestamp')}{told.get('token')}".encode()
        wanted = hmac.digest(key.encode(), signed, "sha256").hex()
        proofs.prove(proofs.same(word(told.get("signature")), wanted, secret=key))
        proofs.prove_fresh(proofs.unix(told.get("timestamp")), request, within=RETRIED_FOR)

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read an event, of today's kind or of old."""
        if _is_form(request):
            return [_old_news(request)]
        raw = read_json(request)
        data = part(raw, "event-data")
        if "event" not in data:
            raise CallbackRefused("The callback tells of no event.")
        return [_news(data, request.received_at)]

    def look_up(self, doubtful: Sequence[Outgoing]) -> list[CallbackNews]:
        """Ask for the events of each mail by its Message-ID."""
        return ask_each(self.account, doubtful, self._events, _found)

    def _events(self, message: Outgoing) -> Call:
        sender = mime.parse_address(message.sender).in_ascii().address
        # Without an end of the time Mailgun has to be told in which order.
        asked_for = {
            "message-id": mime.message_id(message),
            "begin": int(since_when(message).timestamp()),
            "ascending": "yes",
            "limit": 100,
        }
        domain = quote(self._domain(sender), safe="")
        place = f"{self.base}/v3/{domain}/events?{urlencode(asked_for)}"
        return Call(place, (self._credentials(),), method="GET")

    def usual_address(self) -> str:
        """By region."""
        return _REGIONS[self.account.option("region", "us")]

    def _domain(self, sender: str) -> str:
        return self.account.option("domain") or sender.rpartition("@")[2]

    def _credentials(self) -> tuple[str, str]:
        return "Authorization", proofs.basic("api", self.account.secret("api_key"))


def _form(fields: tuple[tuple[str, str], ...], raw: bytes, boundary: str) -> bytes:
    """A form with the mail as its file."""
    line = f"--{boundary}\r\nContent-Disposition: form-data; name="
    said = "".join(f'{line}"{name}"\r\n\r\n{value}\r\n' for name, value in fields)
    head = f'{line}"message"; filename="message.eml"\r\nContent-Type: message/rfc822\r\n\r\n'
    return (said + head).encode() + raw + f"\r\n--{boundary}--\r\n".encode()


def _is_form(request: CallbackRequest) -> bool:
    kind = request.headers.get("content-type", "").lower()
    return kind.startswith(("multipart/form-data", "application/x-www-form-urlencoded"))


def _signature(request: CallbackRequest) -> dict[str, object]:
    if _is_form(request):
        # What Mailgun signs stands after what a mail's variables may say under the same name.
        return dict(form_fields(request))
    return part(read_json(request), "signature")


def _kind(data: dict[str, object]) -> tuple[str, str, str]:
    """What an event means, the class of a bounce, and what staff may read."""
    kind, status = WORDS.get(text(data, "event"), UNKNOWN), part(data, "delivery-status")
    said = text(status, "message") or text(status, "description")
    if kind == FAILED_NEWS:
        return kind, REJECTED, said or text(part(data, "reject"), "reason")
    if kind != BOUNCED:
        return kind, "", ""
    if text(data, "severity") == "temporary":
        return DEFERRED, "", said
    code = word(status.get("code"))
    otherwise = SOFT_BOUNCE if code.startswith("4") else HARD_BOUNCE
    why = _CLASSES.get(text(data, "reason")) or bounce_by_code(said, otherwise=otherwise)
    return kind, why, f"{code} {said}".strip()


def _news(data: dict[str, object], heard_at: datetime) -> CallbackNews:
    """One event as our news."""
    kind, why, said = _kind(data)
    identity = text(part(data, "message", "headers"), "message-id").strip("<>")
    return CallbackNews(
        provider_message_id=identity,
        key=text(part(data, "user-variables"), KEY) or identity,
        kind=kind,
        occurred_at=since_epoch(data.get("timestamp"), heard_at),
        recipient=text(data, "recipient") or _to(data),
        reason=why,
        raw=data,
        detail=said,
    )


def _found(message: Outgoing, answer: object) -> list[CallbackNews]:
    heard = [_news(event, proofs.now()) for event in rows_in(answer, "items")]
    return [one for one in heard if one.key == message.key]


def _to(data: dict[str, object]) -> str:
    """The address in To, for what was rejected before there was an envelope."""
    said = text(part(data, "message", "headers"), "to")
    try:
        return mime.parse_address(said).address
    except mime.InvalidAddress:
        return said


def _old_news(request: CallbackRequest) -> CallbackNews:
    """An event as a form: what names it stands before a mail's variables, the rest after them."""
    fields = form_fields(request)
    first, last = dict(reversed(fields)), dict(fields)
    kind = WORDS.get(first.get("event", ""), UNKNOWN)
    said = last.get("error") or last.get("description", "")
    why = ""
    if kind == BOUNCED:
        why = bounce_by_code(f"{last.get('code')} {said}", otherwise=HARD_BOUNCE)
    elif kind == FAILED_NEWS:
        why = UNDELIVERABLE if last.get("code") == _BOUNCED_BEFORE else REJECTED
    identity = last.get("Message-Id", "").strip("<>")
    return CallbackNews(
        provider_message_id=identity,
        key=first.get(KEY) or identity,
        kind=kind,
        occurred_at=since_epoch(last.get("timestamp"), request.received_at),
        recipient=first.get("recipient", ""),
        reason=why,
        raw=dict(last),
        detail=said,
    )
