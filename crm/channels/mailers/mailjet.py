"""E-mail through Mailjet: version 3.1 of its Send API."""

from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlencode

from django.utils.translation import gettext_noop as _

from crm.channels import proofs
from crm.channels.asking import ask_each, news_of, rows_in, since_when
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
    Outcome,
    Outgoing,
)
from crm.channels.callbacks import text
from crm.channels.http_many import sent
from crm.channels.http_wire import Answer, Call
from crm.channels.mailing import (
    PASSWORD_FIELD,
    Mail,
    MailerAdapter,
    batch,
    json_call,
    named,
    rows,
    since_epoch,
)
from crm.channels.posting import ADDRESS_FIELD, asked

WORDS = {
    "sent": DELIVERED,
    "bounce": BOUNCED,
    "blocked": FAILED_NEWS,
    "spam": COMPLAINED,
    "unsub": UNSUBSCRIBED,
    "open": OPENED,
    "click": CLICKED,
}
# `error` of a mail that Mailjet has not even tried, as the address is known to be dead.
_DEAD = frozenset({"user unknown", "mailbox inactive", "invalid domain", "no mail host"})
# `Status` of a mail in a search.
_STATES = {
    "queued": SENT_NEWS,
    "deferred": DEFERRED,
    "sent": DELIVERED,
    "opened": OPENED,
    "clicked": CLICKED,
    "bounce": BOUNCED,
    "hardbounced": BOUNCED,
    "softbounced": BOUNCED,
    "spam": COMPLAINED,
    "unsub": UNSUBSCRIBED,
    "blocked": FAILED_NEWS,
}
_STATE_CLASSES = {
    "bounce": SOFT_BOUNCE,
    "hardbounced": HARD_BOUNCE,
    "softbounced": SOFT_BOUNCE,
    "blocked": REJECTED,
}
# Mailjet refuses a mail that brings these; it writes its own.
_THEIRS = frozenset({"list-id", "message-id", "x-feedback-id", "date", "user-agent", "x-mailer"})


class MailjetAdapter(MailerAdapter):
    """JSON both ways; callbacks are lists of events and carry a password."""

    label: ClassVar[str] = "Mailjet"
    usual: ClassVar[str] = "https://api.mailjet.com"
    fields = (
        Field("api_key", _("API key")),
        Field("api_secret", _("API secret"), is_secret=True),
        PASSWORD_FIELD,
        ADDRESS_FIELD,
    )
    refusals: ClassVar = {
        '"errorrelatedto":["from': SENDER_REFUSED,
        '"errorcode":"send-0008"': SENDER_REFUSED,
        '"errorcode":"mj-0013"': INVALID_ADDRESS,
    }

    def compose(self, mail: Mail) -> Call:
        """The mail as JSON; our key comes back as its custom id."""
        data = {
            "From": named(mail.sender, name="Name", email="Email"),
            "To": [named(mail.recipient, name="Name", email="Email")],
            "Subject": mail.subject,
            "Headers": dict(mail.headers(without=_THEIRS)),
            "CustomID": mail.key,
            "TrackOpens": "disabled",
            "TrackClicks": "disabled",
        }
        parts = {"TextPart": mail.text, "HTMLPart": mail.html}
        data |= {name: body for name, body in parts.items() if body}
        place = f"{self.base}/v3.1/send"
        return json_call(place, {"Messages": [data]}, self._credentials())

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """Success has a recipient with the number of the mail."""
        told = next(iter(rows(answer.json().get("Messages"))), {})
        person = next(iter(rows(told.get("To"))), {})
        if answer.is_success and text(told, "Status") != "error":
            return sent(message, text(person, "MessageID") or message.key)
        return self.refusal(message, answer)

    def check(self) -> str:
        """Ask for the account's own profile."""
        headers = dict([self._credentials()])
        return asked(self.account, f"{self.base}/v3/REST/myprofile", headers=headers)

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read one event or a list of them."""
        return [_news(raw, request) for raw in batch(request)]

    def look_up(self, doubtful: Sequence[Outgoing]) -> list[CallbackNews]:
        """Ask for the mails of our custom id."""
        return ask_each(self.account, doubtful, self._search, _found)

    def _search(self, message: Outgoing) -> Call:
        # A filter that a provider does not know is passed over: each mail has to show our id.
        asked_for = {
            "CustomID": message.key,
            "ShowCustomID": "true",
            "FromTS": int(since_when(message).timestamp()),
            "Limit": 10,
        }
        place = f"{self.base}/v3/REST/message?{urlencode(asked_for)}"
        return Call(place, (self._credentials(),), method="GET")

    def _credentials(self) -> tuple[str, str]:
        known = self.account.option("api_key"), self.account.secret("api_secret")
        return "Authorization", proofs.basic(*known)


def _found(message: Outgoing, answer: object) -> list[CallbackNews]:
    return [
        news_of(
            message,
            one,
            kind=_STATES.get(text(one, "Status"), UNKNOWN),
            identity=one.get("ID"),
            at=proofs.moment(one.get("ArrivedAt"), proofs.now()),
            reason=_STATE_CLASSES.get(text(one, "Status"), ""),
        )
        for one in rows_in(answer, "Data")
        if text(one, "CustomID") == message.key
    ]


def _news(raw: dict[str, object], request: CallbackRequest) -> CallbackNews:
    kind, error = WORDS.get(text(raw, "event"), UNKNOWN), text(raw, "error")
    is_hard = raw.get("hard_bounce") is True
    if error == "greylisted" and not is_hard and kind in {BOUNCED, FAILED_NEWS}:
        kind = DEFERRED
    said = (text(raw, "error_related_to"), error, text(raw, "comment") or text(raw, "smtp_reply"))
    return CallbackNews(
        provider_message_id=text(raw, "MessageID"),
        key=text(raw, "CustomID"),
        kind=kind,
        occurred_at=since_epoch(raw.get("time"), request.received_at),
        recipient=text(raw, "email"),
        reason=_why(kind, error, is_hard),
        raw=raw,
        detail=" ".join(filter(None, said)),
    )


def _why(kind: str, error: str, is_hard: bool) -> str:
    if kind == BOUNCED:
        return HARD_BOUNCE if is_hard else SOFT_BOUNCE
    if kind == FAILED_NEWS:
        return UNDELIVERABLE if error in _DEAD else REJECTED
    return ""
