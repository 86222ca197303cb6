"""E-mail through Mandrill, which is Mailchimp Transactional: version 1.0 of its API."""

import base64
import hmac
import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import ClassVar

from django.utils.translation import gettext_noop as _

from crm.channels import proofs
from crm.channels.asking import ask_each, news_of, rows_in
from crm.channels.base import (
    BOUNCED,
    CLICKED,
    COMPLAINED,
    DEFERRED,
    DELIVERED,
    FAILED_NEWS,
    HARD_BOUNCE,
    IN_DOUBT,
    INVALID_ADDRESS,
    OPENED,
    RATE_LIMITED,
    REJECTED,
    SENDER_REFUSED,
    SENT_NEWS,
    SOFT_BOUNCE,
    UNANSWERED,
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
from crm.channels.callbacks import text
from crm.channels.http_many import failed, sent
from crm.channels.http_wire import Answer, Call
from crm.channels.mailing import (
    KEY,
    Mail,
    MailerAdapter,
    form_fields,
    json_call,
    named,
    part,
    rows,
    since_epoch,
)
from crm.channels.posting import ADDRESS_FIELD, asked_by

# `event`, or the `type` of what happens to their lists.
WORDS = {
    "send": SENT_NEWS,
    "deferral": DEFERRED,
    "delivered": DELIVERED,
    "hard_bounce": BOUNCED,
    "soft_bounce": BOUNCED,
    "spam": COMPLAINED,
    "unsub": UNSUBSCRIBED,
    "reject": FAILED_NEWS,
    "open": OPENED,
    "click": CLICKED,
    "blacklist": UNKNOWN,
    "whitelist": UNKNOWN,
}
# The class of a bounce by its event, and what a rejection of theirs says of the address.
_CLASSES = {"hard_bounce": HARD_BOUNCE, "soft_bounce": SOFT_BOUNCE}
_DEAD = frozenset({"hard-bounce", "invalid"})
# `reject_reason` of an answer; other ones are a plain refusal.
_REJECTIONS = {
    "invalid": INVALID_ADDRESS,
    "hard-bounce": INVALID_ADDRESS,
    "invalid-sender": SENDER_REFUSED,
    "unsigned": SENDER_REFUSED,
    "test-mode-limit": UNAUTHORIZED,
}
# `name` of an error, which comes with status 500 whatever is wrong.
_ERRORS = {
    "Invalid_Key": UNAUTHORIZED,
    "PaymentRequired": UNAUTHORIZED,
    "Unknown_Subaccount": UNAUTHORIZED,
    "ValidationError": REJECTED,
    "TooManyRequests": RATE_LIMITED,
}
# `state` of a mail in a search; what is neither is on its way.
_STATES = {
    "bounced": BOUNCED,
    "soft-bounced": BOUNCED,
    "spam": COMPLAINED,
    "unsub": UNSUBSCRIBED,
    "rejected": FAILED_NEWS,
}
_STATE_CLASSES = {"bounced": HARD_BOUNCE, "soft-bounced": SOFT_BOUNCE, "rejected": REJECTED}
_REMEMBERED = timedelta(days=8)
_TAKEN = frozenset({"sent", "queued", "scheduled"})
# Mandrill tries an address with nothing in it before it hands out the key of a webhook.
_TRIAL_KEY = "test-webhook"
_OFF = (
    "track_opens",
    "track_clicks",
    "auto_text",
    "auto_html",
    "inline_css",
    "merge",
    "view_content_link",
    "preserve_recipients",
)


class MandrillAdapter(MailerAdapter):
    """JSON out; callbacks are signed forms with a list of events in JSON."""

    label: ClassVar[str] = "Mandrill (Mailchimp Transactional)"
    usual: ClassVar[str] = "https://mandrillapp.com"
    fields = (
        Field("api_key", _("API key"), is_secret=True),
        Field(
            "webhook_key",
            _("Webhook key"),
            help=_("Callbacks are signed with it. Mandrill shows it once the webhook is made."),
            is_secret=True,
            is_needed=False,
        ),
        Field("subaccount", _("Subaccount"), is_needed=False),
        ADDRESS_FIELD,
    )

    def compose(self, mail: Mail) -> Call:
        """The mail as JSON, with whatever Mandrill would put in switched off."""
        message: dict[str, object] = {
            **named(mail.sender, name="from_name", email="from_email"),
            "to": [{"email": mail.recipient.address, "type": "to"}],
            "subject": mail.subject,
            "headers": dict(mail.headers()),
            "metadata": {KEY: mail.key},
            **dict.fromkeys(_OFF, False),
        }
        message |= {name: body for name, body in (("text", mail.text), ("html", mail.html)) if body}
        if subaccount := self.account.option("subaccount"):
            message["subaccount"] = subaccount
        return self._call("messages/send", {"message": message, "async": False})

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """A list with one recipient; or an error, which always has the status 500."""
        found = rows(_decoded(answer))
        if answer.is_success and found:
            return _of_recipient(message, found[0], answer)
        if answer.is_success:
            detail = answer.text() or "The answer says nothing of the recipient."
            return Outcome(message.message_id, IN_DOUBT, reason=UNANSWERED, detail=detail)
        reason = _ERRORS.get(text(answer.json(), "name"))
        if reason and answer.status != 429:
            return failed(message, reason, text(answer.json(), "message"))
        return self.refusal(message, answer)

    def check(self) -> str:
        """Say “ping”."""
        return asked_by(self.account, self._call("users/ping2", {}), wrong=(401, 403, 500))

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check the signature over the address and the fields."""
        fields, given = form_fields(request), request.headers.get("x-mandrill-signature", "")
        key = self.account.secret("webhook_key")
        if dict(fields).get("mandrill_events") == "[]":
            wanted = signature(request.url, fields, key=_TRIAL_KEY)
            if proofs.same(given, wanted, secret=_TRIAL_KEY):
                return
        wanted = signature(request.url, fields, key=key)
        proofs.prove(proofs.same(given, wanted, secret=key))

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read the list of events in the form."""
        try:
            found = json.loads(dict(form_fields(request))["mandrill_events"])
        except (KeyError, ValueError) as error:
            raise CallbackRefused("The callback has no events.") from error
        return [_news(raw, request) for raw in rows(found)]

    def look_up(self, doubtful: Sequence[Outgoing]) -> list[CallbackNews]:
        """Search the mails of each recipient; ours carry our key."""
        return ask_each(self.account, doubtful, self._search, _found)

    def _search(self, message: Outgoing) -> Call:
        since = f"{proofs.now() - _REMEMBERED:%Y-%m-%d}"
        asked_for = {"query": f"full_email:{message.recipient}", "date_from": since}
        return self._call("messages/search", asked_for | {"limit": 1000})

    def _call(self, what: str, data: dict[str, object]) -> Call:
        place = f"{self.base}/api/1.0/{what}"
        return json_call(place, {"key": self.account.secret("api_key")} | data)


def signature(url: str, fields: Iterable[tuple[str, str]], *, key: str) -> str:
    """HMAC-SHA1 over the address and the fields, sorted by their names."""
    signed = url + "".join(name + value for name, value in sorted(dict(fields).items()))
    return base64.b64encode(hmac.digest(key.encode(), signed.encode(), "sha1")).decode()


def _of_recipient(message: Outgoing, told: dict[str, object], answer: Answer) -> Outcome:
    """What an answer says of the one whom the mail went to."""
    status, why = text(told, "status"), text(told, "reject_reason")
    if status in _TAKEN:
        return sent(message, text(told, "_id") or message.key)
    if status == "invalid":
        return failed(message, INVALID_ADDRESS, answer.text())
    return failed(message, _REJECTIONS.get(why, REJECTED), why or answer.text())


def _found(message: Outgoing, answer: object) -> list[CallbackNews]:
    return [
        news_of(
            message,
            one,
            kind=_STATES.get(text(one, "state"), SENT_NEWS),
            identity=one.get("_id"),
            at=since_epoch(one.get("ts"), proofs.now()),
            reason=_STATE_CLASSES.get(text(one, "state"), ""),
        )
        for one in rows_in(answer)
        if text(part(one, "metadata"), KEY) == message.key
    ]


def _news(raw: dict[str, object], request: CallbackRequest) -> CallbackNews:
    event, mail = text(raw, "event") or text(raw, "type"), part(raw, "msg")
    kind = WORDS.get(event, UNKNOWN)
    rejected = part(mail, "reject") or part(raw, "reject")
    why = text(rejected, "reason")
    reason = _CLASSES.get(event, "")
    if kind == FAILED_NEWS:
        reason = UNDELIVERABLE if why in _DEAD else REJECTED
    said = (text(mail, "bounce_description"), text(mail, "diag"), why)
    return CallbackNews(
        provider_message_id=text(raw, "_id"),
        key=text(part(mail, "metadata"), KEY),
        kind=kind,
        occurred_at=since_epoch(raw.get("ts"), request.received_at),
        recipient=text(mail, "email") or text(rejected, "email"),
        reason=reason,
        raw=raw,
        detail=" ".join(filter(None, said)),
    )


def _decoded(answer: Answer) -> object:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
