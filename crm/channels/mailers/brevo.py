"""E-mail through Brevo: its transactional API, version 3."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import urlencode

from django.utils.translation import gettext_noop as _

from crm.channels import braces, mime, proofs
from crm.channels.asking import ask_each, news_of, rows_in
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
    CallbackRequest,
    Field,
    Inbound,
    Outcome,
    Outgoing,
)
from crm.channels.http_many import sent
from crm.channels.http_wire import Answer, Call
from crm.channels.mailing import (
    KEY,
    PASSWORD_FIELD,
    Mail,
    MailerAdapter,
    json_call,
    named,
    word,
)
from crm.channels.posting import ADDRESS_FIELD, asked

WORDS = {
    "request": SENT_NEWS,
    "sent": SENT_NEWS,
    "delivered": DELIVERED,
    "deferred": DEFERRED,
    "hard_bounce": BOUNCED,
    "soft_bounce": BOUNCED,
    "invalid_email": BOUNCED,
    "blocked": FAILED_NEWS,
    "error": FAILED_NEWS,
    "spam": COMPLAINED,
    "complaint": COMPLAINED,
    "opened": OPENED,
    "unique_opened": OPENED,
    "proxy_open": OPENED,
    "unique_proxy_open": OPENED,
    "click": CLICKED,
    "unsubscribe": UNSUBSCRIBED,
    "unsubscribed": UNSUBSCRIBED,
}
_BOUNCES = {"hard_bounce": HARD_BOUNCE, "invalid_email": HARD_BOUNCE, "soft_bounce": SOFT_BOUNCE}
_REASONS = _BOUNCES | {"blocked": "rejected", "error": "rejected"}
# Events of a report, in lower case and without the s at their end, where callbacks call them else.
_REPORTED = {
    "hardbounce": "hard_bounce",
    "softbounce": "soft_bounce",
    "invalid": "invalid_email",
    "loadedbyproxy": "proxy_open",
    "clicked": "click",
    # Of which kind, it does not say.
    "bounce": "sent",
}
# A word in the answer, and what it means; the first that is there counts.
REFUSALS = {
    "sender": SENDER_REFUSED,
    "not_enough_credits": UNAUTHORIZED,
    "account_under_validation": UNAUTHORIZED,
    "not_acceptable": UNAUTHORIZED,
    "email is not valid": INVALID_ADDRESS,
    "valid email": INVALID_ADDRESS,
}
# Of the past are asked for; today counts as one.
_DAYS = 9
_TAKEN_BEFORE = "duplicate_parameter"
_CUSTOM = "X-Mailin-custom"
# Brevo makes its own.
_THEIRS = frozenset({"message-id"})


class BrevoAdapter(MailerAdapter):
    """One mail a request; Brevo signs no callback, so that its caller shows a password."""

    label: ClassVar[str] = "Brevo"
    usual: ClassVar[str] = "https://api.brevo.com/v3"
    fields = (
        Field("api_key", _("API key"), is_secret=True),
        PASSWORD_FIELD,
        ADDRESS_FIELD,
    )
    refusals = REFUSALS

    def compose(self, mail: Mail) -> Call:
        """The mail as JSON; a second one with the same UUID is not taken for half an hour."""
        headers = dict(mail.headers(without=_THEIRS))
        headers |= {_CUSTOM: json.dumps({KEY: mail.key}), "idempotencyKey": _uuid(mail.key)}
        data: dict[str, object] = {
            "sender": named(mail.sender),
            "to": [named(mail.recipient)],
            "subject": braces.plain(mail.subject),
            "headers": headers,
            "tags": [mail.key],
        }
        if mail.html:
            data["htmlContent"] = braces.html(mail.html)
        if mail.text:
            data["textContent"] = braces.plain(mail.text)
        return json_call(f"{self.base}/smtp/email", data, self._credentials())

    def identity(self, answer: Answer) -> object:
        """The `messageId`, which is the Message-ID."""
        return answer.json().get("messageId")

    def refusal(self, message: Outgoing, answer: Answer) -> Outcome:
        """What has the UUID of an earlier request was taken with that one."""
        if answer.json().get("code") == _TAKEN_BEFORE:
            return sent(message, _uuid(message.key))
        return super().refusal(message, answer)

    def check(self) -> str:
        """Ask for the account."""
        return asked(self.account, f"{self.base}/account", headers=dict([self._credentials()]))

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read one event, or the list of a batch."""
        return [_news(raw, request.received_at) for raw in proofs.objects(request)]

    def look_up(self, doubtful: Sequence[Outgoing]) -> list[CallbackNews]:
        """Ask for the events of each address; those of a mail have our key as their tag."""
        return ask_each(self.account, doubtful, self._events, _found)

    def _events(self, message: Outgoing) -> Call:
        address = mime.parse_recipient(message.recipient).in_ascii().address
        asked_for = urlencode({"email": address, "days": _DAYS, "limit": 2500, "sort": "desc"})
        place = f"{self.base}/smtp/statistics/events?{asked_for}"
        return Call(place, (self._credentials(), ("Accept", "application/json")), method="GET")

    def _credentials(self) -> tuple[str, str]:
        return "api-key", self.account.secret("api_key")


def _news(raw: dict[str, object], received_at: datetime) -> CallbackNews:
    said = word(raw.get("event"))
    return CallbackNews(
        provider_message_id=word(raw.get("message-id")),
        key=_key_in(raw),
        kind=WORDS.get(said, UNKNOWN),
        occurred_at=_moment(raw, received_at),
        recipient=word(raw.get("email")),
        reason=_REASONS.get(said, ""),
        raw=raw,
        detail=word(raw.get("reason")),
    )


def _found(message: Outgoing, answer: object) -> list[CallbackNews]:
    found = []
    for raw in rows_in(answer, "events"):
        if not _is_tagged(word(raw.get("tag")), message.key):
            continue
        told = word(raw.get("event")).lower().rstrip("s")
        said = _REPORTED.get(told, told)
        news = news_of(
            message,
            raw,
            kind=WORDS.get(said, UNKNOWN),
            identity=raw.get("messageId"),
            at=proofs.moment(raw.get("date"), proofs.now()),
            reason=_REASONS.get(said, ""),
        )
        found.append(replace(news, detail=word(raw.get("reason"))))
    return found


def _is_tagged(told: str, key: str) -> bool:
    """Whether a key is the tag, or one of the tags that are told as a list in JSON."""
    return told == key or (told.startswith("[") and json.dumps(key) in told)


def _moment(raw: dict[str, object], otherwise: datetime) -> datetime:
    """By `ts_epoch`, in thousandths: the other moments are in the time zone of the account."""
    try:
        return datetime.fromtimestamp(float(word(raw.get("ts_epoch"))) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return otherwise


def _key_in(raw: dict[str, object]) -> str:
    try:
        kept = json.loads(word(raw.get(_CUSTOM)))
    except ValueError:
        return ""
    return word(kept.get(KEY)) if isinstance(kept, dict) else ""


def _uuid(key: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, key))
