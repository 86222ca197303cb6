"""E-mail through Mailtrap: its sending API, with the streams for transactional and bulk mail."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar
from urllib.parse import quote, urlencode

from django.utils.translation import gettext_noop as _

from crm.channels import mime, proofs
from crm.channels.asking import Ask, find_each, rows_in, since_when
from crm.channels.base import (
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
    UNSUBSCRIBED,
    CallbackNews,
    CallbackRefused,
    CallbackRequest,
    Field,
    Inbound,
    Outgoing,
)
from crm.channels.http_wire import Answer, Call
from crm.channels.mailing import (
    KEY,
    Mail,
    MailerAdapter,
    bounce_by_code,
    json_call,
    named,
    part,
    prove_hex,
    rows,
    since_epoch,
    word,
)
from crm.channels.posting import ADDRESS_FIELD, asked

WORDS = {
    "delivery": DELIVERED,
    "soft bounce": DEFERRED,
    "bounce": BOUNCED,
    "suspension": DEFERRED,
    "reject": FAILED_NEWS,
    "spam": COMPLAINED,
    "open": OPENED,
    "click": CLICKED,
    "unsubscribe": UNSUBSCRIBED,
}
# A word in the answer, and what it means; the first that is there counts.
REFUSALS = {
    "'from'": SENDER_REFUSED,
    "domain": SENDER_REFUSED,
    "'to'": INVALID_ADDRESS,
    "limit": UNAUTHORIZED,
    "unauthorized": UNAUTHORIZED,
}
_STREAMS = {
    "transactional": "https://send.api.mailtrap.io",
    "bulk": "https://bulk.api.mailtrap.io",
}
_HOME = "https://mailtrap.io"
_SOFT = frozenset({"unavailable", "mailbox_full", "timeout", "connection"})


class MailtrapAdapter(MailerAdapter):
    """One mail a request; callbacks come in batches, signed over their body."""

    label: ClassVar[str] = "Mailtrap"
    fields = (
        Field("api_token", _("API token"), is_secret=True),
        Field(
            "signing_secret",
            _("Signature token of the webhook"),
            help=_("Callbacks are signed with it."),
            is_secret=True,
        ),
        Field(
            "stream",
            _("Stream"),
            help=_("Mailtrap wants broadcasts in the bulk stream."),
            default="transactional",
            is_needed=False,
            choices=("transactional", "bulk"),
        ),
        ADDRESS_FIELD,
    )
    refusals = REFUSALS

    def compose(self, mail: Mail) -> Call:
        """The mail as JSON; a variable carries our key."""
        data: dict[str, object] = {
            "from": named(mail.sender),
            "to": [named(mail.recipient)],
            "subject": mail.subject,
            "headers": dict(mail.headers()),
            "custom_variables": {KEY: mail.key},
        }
        data |= {"html": mail.html} if mail.html else {}
        data |= {"text": mail.text} if mail.text else {}
        return json_call(f"{self.base}/api/send", data, self._credentials())

    def identity(self, answer: Answer) -> object:
        """The one id for our one recipient."""
        found = answer.json().get("message_ids")
        return found[0] if isinstance(found, list) and found else None

    def check(self) -> str:
        """Ask which accounts the token opens."""
        return asked(
            self.account, f"{self._home()}/api/accounts", headers=dict([self._credentials()])
        )

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check `Mailtrap-Signature`: HMAC-SHA256 over the body, in hex."""
        secret = self.account.secret("signing_secret") or self.account.callback_secret
        prove_hex(request, header="mailtrap-signature", secret=secret)

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read the events of a batch, in either format: a list in one object, or one a line."""
        return [_news(raw, request.received_at) for raw in _events(request)]

    def look_up(self, doubtful: Sequence[Outgoing]) -> list[CallbackNews]:
        """Search the log for each address; the variables of a mail have our key."""
        return find_each(self.account, doubtful, self._find)

    def _find(self, message: Outgoing, ask: Ask) -> list[CallbackNews]:
        log = f"{self._home()}/api/email_logs"
        asked_for = {
            "filters[sent_after]": f"{since_when(message):%Y-%m-%dT%H:%M:%SZ}",
            "filters[to][operator]": "ci_equal",
            "filters[to][value]": mime.parse_recipient(message.recipient).in_ascii().address,
        }
        for one in rows_in(ask(self._asking(f"{log}?{urlencode(asked_for)}")), "messages"):
            if word(part(one, "custom_variables").get(KEY)) == message.key:
                place = f"{log}/{quote(word(one.get('message_id')), safe='')}"
                return _logged(part(ask(self._asking(place))) or one, message)
        return []

    def usual_address(self) -> str:
        """By stream."""
        return _STREAMS[self.account.option("stream", "transactional")]

    def _home(self) -> str:
        return self.account.url.rstrip("/") or _HOME

    def _asking(self, place: str) -> Call:
        headers = (self._credentials(), ("Accept", "application/json"))
        return Call(place, headers, method="GET")

    def _credentials(self) -> tuple[str, str]:
        return "Api-Token", self.account.secret("api_token")


def _events(request: CallbackRequest) -> list[dict[str, object]]:
    try:
        found = [json.loads(line) for line in _documents(request.body)]
    except ValueError as error:
        raise CallbackRefused("The callback is not JSON.") from error
    if not found or not all(isinstance(one, dict) for one in found):
        raise CallbackRefused("The callback is not a JSON object.")
    return [event for one in found for event in (rows(one["events"]) if "events" in one else [one])]


def _documents(body: bytes) -> list[bytes]:
    """The whole body where it is one document, else its lines."""
    try:
        json.loads(body)
    except ValueError:
        return [line for line in body.splitlines() if line.strip()]
    return [body]


def _logged(mail: dict[str, object], message: Outgoing) -> list[CallbackNews]:
    """What the log has of a mail: its events; without any it is on its way, or was turned down."""
    about = {"message_id": mail.get("message_id"), "email": mail.get("to")}
    heard_at = proofs.moment(mail.get("sent_at"), proofs.now())
    found = []
    for event in rows(mail.get("events")):
        told = part(event, "details")
        raw = about | {
            "event": word(event.get("event_type")).replace("_", " "),
            "response": _answer_in(told),
            "reason": told.get("reject_reason"),
            "bounce_category": told.get("bounce_category"),
        }
        happened_at = proofs.moment(event.get("created_at"), heard_at)
        found.append(replace(_news(raw, happened_at), key=message.key))
    if found:
        return found
    if mail.get("status") == "opted_out":
        return [replace(_news(about | {"event": "reject"}, heard_at), key=message.key)]
    return [replace(_news(about, heard_at), key=message.key, kind=SENT_NEWS)]


def _answer_in(told: dict[str, object]) -> str:
    """What the other server said: its code and its words."""
    names = ("email_service_provider_status", "email_service_provider_response")
    return " ".join(filter(None, (word(told.get(name)) for name in names)))


def _news(raw: dict[str, object], heard_at: datetime) -> CallbackNews:
    said, detail = word(raw.get("event")), word(raw.get("response") or raw.get("reason"))
    kind = WORDS.get(said, UNKNOWN)
    return CallbackNews(
        provider_message_id=word(raw.get("message_id")),
        key=word(part(raw, "custom_variables").get(KEY)),
        kind=kind,
        occurred_at=since_epoch(raw.get("timestamp"), heard_at),
        recipient=word(raw.get("email")),
        reason=_reason(kind, raw, detail),
        raw=raw,
        detail=detail,
    )


def _reason(kind: str, raw: dict[str, object], detail: str) -> str:
    if kind == FAILED_NEWS:
        return "rejected"
    if kind != BOUNCED:
        return ""
    is_soft = word(raw.get("bounce_category")) in _SOFT
    return bounce_by_code(detail, otherwise=SOFT_BOUNCE if is_soft else HARD_BOUNCE)
