"""E-mail through Resend."""

import base64
import hmac
import re
from typing import ClassVar
from urllib.parse import quote

from django.utils.translation import gettext_noop as _

from crm.channels import proofs
from crm.channels.asking import ask_once
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
    SENDER_REFUSED,
    SENT_NEWS,
    SOFT_BOUNCE,
    UNAUTHORIZED,
    UNKNOWN,
    CallbackNews,
    CallbackRefused,
    CallbackRequest,
    Field,
    HeldMail,
    Inbound,
)
from crm.channels.callbacks import read_json
from crm.channels.fetching import fetch
from crm.channels.http_wire import Call
from crm.channels.mailing import (
    KEY,
    Mail,
    MailerAdapter,
    bounce_by_code,
    json_call,
    part,
    rows,
    word,
)
from crm.channels.mime import InvalidAddress, parse_address
from crm.channels.posted import together
from crm.channels.posting import ADDRESS_FIELD, NOTHING_OF_OURS, asked_by

WORDS = {
    "email.scheduled": SENT_NEWS,
    "email.sent": SENT_NEWS,
    "email.delivered": DELIVERED,
    "email.delivery_delayed": DEFERRED,
    "email.bounced": BOUNCED,
    "email.failed": FAILED_NEWS,
    "email.suppressed": FAILED_NEWS,
    "email.complained": COMPLAINED,
    "email.opened": OPENED,
    "email.clicked": CLICKED,
}
# A word in the answer, and what it means; the first that is there counts.
REFUSALS = {
    "api_key": UNAUTHORIZED,
    "not_verified": SENDER_REFUSED,
    "not verified": SENDER_REFUSED,
    "invalid_from_address": SENDER_REFUSED,
    "`from`": SENDER_REFUSED,
    "`to`": INVALID_ADDRESS,
    "testing emails": UNAUTHORIZED,
}
# What stands in the type, the subtype or the words of a bounce that does not close the address.
_CLASSES = {
    "suppress": BLOCKED,
    "rejected": BLOCKED,
    "toolarge": BLOCKED,
    "full": SOFT_BOUNCE,
    "transient": SOFT_BOUNCE,
    "undetermined": SOFT_BOUNCE,
    "general bounce": SOFT_BOUNCE,
}
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
# A mail that somebody sent to us.
_CAME_IN = "email.received"
# Resend makes its own.
_THEIRS = frozenset({"message-id"})


class ResendAdapter(MailerAdapter):
    """One mail a request, once for each key; callbacks are signed by Standard Webhooks."""

    label: ClassVar[str] = "Resend"
    usual: ClassVar[str] = "https://api.resend.com"
    is_idempotent: ClassVar[bool] = True
    unasked: ClassVar[str] = NOTHING_OF_OURS
    fields = (
        Field("api_key", _("API key"), is_secret=True),
        Field(
            "signing_secret",
            _("Signing secret of the webhook"),
            help=_("Callbacks are signed with it."),
            is_secret=True,
        ),
        ADDRESS_FIELD,
    )
    refusals = REFUSALS

    def compose(self, mail: Mail) -> Call:
        """The mail as JSON; a tag carries our key, and so does the header that makes it unique."""
        data: dict[str, object] = {
            "from": mail.sender.header(),
            "to": [mail.recipient.address],
            "subject": mail.subject,
            "headers": dict(mail.headers(without=_THEIRS)),
        }
        # Another letter in a tag has the whole mail refused.
        data |= {"tags": [{"name": KEY, "value": mail.key}]} if _TAG.fullmatch(mail.key) else {}
        data |= {"html": mail.html} if mail.html else {}
        data |= {"text": mail.text} if mail.text else {}
        once = ("Idempotency-Key", mail.key[:256])
        return json_call(f"{self.base}/emails", data, self._credentials(), once)

    def check(self) -> str:
        """Hand over a mail of nothing: a key that may only send may do no more than that."""
        return asked_by(
            self.account, json_call(f"{self.base}/emails", {}, self._credentials()), fine=(422,)
        )

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check `svix-signature`, which may hold several, over id, moment and body."""
        told = [request.headers.get(f"svix-{name}", "") for name in ("id", "timestamp")]
        secret = self.account.secret("signing_secret") or self.account.callback_secret
        wanted = signature(secret, identity=told[0], timestamp=told[1], body=request.body)
        given = request.headers.get("svix-signature", "").split()
        proofs.prove(any([proofs.same(one, wanted, secret=secret) for one in given]))
        proofs.prove_fresh(proofs.unix(told[1]), request)

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound | HeldMail]:
        """Read one event; of a mail that came in it tells the id alone."""
        raw = read_json(request)
        if raw.get("type") == _CAME_IN:
            told = part(raw, "data")
            return [HeldMail(word(told.get("email_id")), _recipient_in(told.get("to")))]
        data, kind = part(raw, "data"), WORDS.get(word(raw.get("type")), UNKNOWN)
        why = part(data, "bounce") or part(data, "failed") or part(data, "suppressed")
        detail = word(why.get("message") or why.get("reason"))
        return [
            CallbackNews(
                provider_message_id=word(data.get("email_id")),
                key=_key_in(data.get("tags")),
                kind=kind,
                occurred_at=proofs.moment(raw.get("created_at"), request.received_at),
                recipient=_recipient_in(data.get("to")),
                reason=_reason(kind, why, detail),
                raw=raw,
                detail=detail,
            )
        ]

    def fetch_mail(self, held: HeldMail) -> bytes:
        """The mail as it came, from the address that Resend tells; else made of its parts."""
        place = f"{self.base}/emails/receiving/{quote(held.identity, safe='')}"
        told = part(ask_once(self.account, Call(place, (self._credentials(),), method="GET")))
        if not told:
            raise CallbackRefused("Resend has no such mail any more.")
        if address := word(part(told, "raw").get("download_url")):
            return fetch(address, allowed_hosts=self.account.guarded_but or ())
        headers = part(told, "headers") | {
            "From": told.get("from"),
            "Subject": told.get("subject"),
            "Message-ID": told.get("message_id"),
        }
        given = [(name, word(value)) for name, value in headers.items() if value]
        return together(given, word(told.get("text")), word(told.get("html")))

    def _credentials(self) -> tuple[str, str]:
        return "Authorization", f"Bearer {self.account.secret('api_key')}"


def signature(secret: str, *, identity: str, timestamp: str, body: bytes) -> str:
    """A signature of Standard Webhooks; secrets are base64, mostly behind `whsec_`."""
    bare = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(bare, validate=True)
    except ValueError:
        key = bare.encode()
    signed = f"{identity}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def _reason(kind: str, why: dict[str, object], detail: str) -> str:
    if kind == FAILED_NEWS:
        return "rejected"
    if kind != BOUNCED:
        return ""
    said = f"{word(why.get('type'))} {word(why.get('subType'))} {detail}".lower()
    found = next((ours for theirs, ours in _CLASSES.items() if theirs in said), "")
    return found or bounce_by_code(detail, otherwise=HARD_BOUNCE)


def _key_in(tags: object) -> str:
    """Our key among the tags, which come as an object, or as a list of names and values."""
    if isinstance(tags, dict):
        return word(tags.get(KEY))
    return word(next((tag.get("value") for tag in rows(tags) if tag.get("name") == KEY), ""))


def _recipient_in(found: object) -> str:
    first = word(found[0]) if isinstance(found, list) and found else ""
    try:
        return parse_address(first).address
    except InvalidAddress:
        return ""
