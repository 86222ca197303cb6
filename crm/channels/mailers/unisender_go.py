"""E-mail through Unisender Go: its web API, version 1."""

import hashlib
import re
from datetime import datetime
from typing import ClassVar

from django.utils.translation import gettext_noop as _

from crm.channels import proofs
from crm.channels.base import (
    BLOCKED,
    BOUNCED,
    CLICKED,
    COMPLAINED,
    DEFERRED,
    DELIVERED,
    HARD_BOUNCE,
    INVALID_ADDRESS,
    OPENED,
    REJECTED,
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
from crm.channels.callbacks import read_json
from crm.channels.http_wire import Answer, Call
from crm.channels.mailing import KEY, Mail, MailerAdapter, json_call, named, part, rows, word
from crm.channels.posting import ADDRESS_FIELD, asked_by

WORDS = {
    "sent": SENT_NEWS,
    "delivered": DELIVERED,
    "soft_bounced": DEFERRED,
    "hard_bounced": BOUNCED,
    "spam": COMPLAINED,
    "opened": OPENED,
    "clicked": CLICKED,
    "unsubscribed": UNSUBSCRIBED,
}
# Why a mail bounced, where that does not mean that there is nobody.
_BOUNCES = {
    "err_mailbox_full": SOFT_BOUNCE,
    "err_will_retry": SOFT_BOUNCE,
    "err_unreachable": SOFT_BOUNCE,
    "err_destination_misconfigured": SOFT_BOUNCE,
    "err_delivery_failed": SOFT_BOUNCE,
    "err_lost": SOFT_BOUNCE,
    "err_spam_rejected": BLOCKED,
    "err_spam_skipped": BLOCKED,
    "err_blacklisted": BLOCKED,
    "err_too_large": BLOCKED,
    "err_unsubscribed": BLOCKED,
    "err_skip_letter": BLOCKED,
}
# A word in the answer, and what it means; the first that is there counts.
REFUSALS = {
    "permanent_unavailable": INVALID_ADDRESS,
    "temporary_unavailable": DEFERRED,
    '"unsubscribed"': REJECTED,
    '"invalid"': INVALID_ADDRESS,
    "from_email": SENDER_REFUSED,
    "domain": SENDER_REFUSED,
    "api key": UNAUTHORIZED,
    "balance": UNAUTHORIZED,
}
_AUTH = re.compile(r"[0-9a-f]{32}")
_STATUS = "transactional_email_status"
# Unisender Go makes its own.
_THEIRS = frozenset({"message-id"})


class UnisenderGoAdapter(MailerAdapter):
    """One mail a request; callbacks come in batches, with a fingerprint that knows the API key."""

    label: ClassVar[str] = "Unisender Go"
    usual: ClassVar[str] = "https://goapi.unisender.ru/ru/transactional/api/v1"
    unasked: ClassVar[str] = _("It hands out what became of mails as files only, ten at a time.")
    fields = (
        Field(
            "api_key",
            _("API key"),
            help=_("Of the account, or of the project that callbacks are set up for."),
            is_secret=True,
        ),
        Field(
            "skip_unsubscribe",
            _("Without Unisender's own way out"),
            help=_("“yes” once Unisender has allowed it: mails of ours have a way out already."),
            default="no",
            is_needed=False,
            choices=("no", "yes"),
        ),
        ADDRESS_FIELD,
    )
    refusals = REFUSALS

    def compose(self, mail: Mail) -> Call:
        """The mail as JSON; without a template language, and once a minute for each key."""
        body = {"html": mail.html, "plaintext": mail.text}
        data: dict[str, object] = {
            "recipients": [{"email": mail.recipient.address, "metadata": {KEY: mail.key}}],
            "subject": mail.subject,
            "body": {name: part for name, part in body.items() if part},
            "headers": dict(mail.headers(without=_THEIRS)),
            "template_engine": "none",
            "track_links": 0,
            "track_read": 0,
            "idempotence_key": _once(mail.key),
        }
        data |= named(mail.sender, name="from_name", email="from_email")
        if self.account.option("skip_unsubscribe") == "yes":
            data["skip_unsubscribe"] = 1
        return json_call(f"{self.base}/email/send.json", {"message": data}, self._credentials())

    def identity(self, answer: Answer) -> object:
        """The id of the job, which is this one mail."""
        return answer.json().get("job_id")

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """An answer may be a success and name our one recipient among those that failed."""
        if answer.is_success and answer.json().get("failed_emails"):
            return self.refusal(message, answer)
        return super().read(message, answer)

    def check(self) -> str:
        """Ask for the account."""
        return asked_by(
            self.account, json_call(f"{self.base}/system/info.json", {}, self._credentials())
        )

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check `auth`: the MD5 of the body as it is with the API key in place of it."""
        given, key = word(read_json(request).get("auth")), self.account.secret("api_key")
        proofs.prove(bool(_AUTH.fullmatch(given)))
        signed = request.body.replace(given.encode(), key.encode())
        wanted = hashlib.md5(signed, usedforsecurity=False).hexdigest()
        proofs.prove(proofs.same(given, wanted, secret=key))

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read the events of a batch, or the one of a callback of the short kind."""
        raw = read_json(request)
        if "events_by_user" not in raw:
            events = [raw] if raw.get("event_name") == _STATUS else []
            return [_news(one, request.received_at) for one in events]
        every = [one for user in rows(raw["events_by_user"]) for one in rows(user.get("events"))]
        return [
            _news(part(one, "event_data"), request.received_at)
            for one in every
            if one.get("event_name") == _STATUS
        ]

    def _credentials(self) -> tuple[str, str]:
        return "X-API-KEY", self.account.secret("api_key")


def _once(key: str) -> str:
    """A key of at most 64 characters that belongs to no other mail."""
    return key if len(key) <= 64 else hashlib.sha256(key.encode()).hexdigest()


def _news(raw: dict[str, object], received_at: datetime) -> CallbackNews:
    told = part(raw, "delivery_info")
    code, said = word(told.get("delivery_status")), word(told.get("destination_response"))
    kind = WORDS.get(word(raw.get("status")), UNKNOWN)
    return CallbackNews(
        provider_message_id=word(raw.get("job_id")),
        key=word(part(raw, "metadata").get(KEY)),
        kind=kind,
        occurred_at=proofs.moment(raw.get("event_time"), received_at),
        recipient=word(raw.get("email")),
        reason=_BOUNCES.get(code, HARD_BOUNCE) if kind == BOUNCED else "",
        raw=raw,
        detail=f"{code} {said}".strip(),
    )
