"""E-mail through MailerSend: its API, version 1."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from django.utils.translation import gettext_noop as _

from crm.channels import braces, mime, proofs
from crm.channels.asking import Ask, find_each, rows_in, since_when
from crm.channels.base import (
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
from crm.channels.http_many import failed
from crm.channels.http_wire import Answer, Call
from crm.channels.mailing import (
    Mail,
    MailerAdapter,
    json_call,
    named,
    part,
    prove_hex,
    word,
)
from crm.channels.posting import ADDRESS_FIELD, asked

WORDS = {
    "queued": SENT_NEWS,
    "sent": SENT_NEWS,
    "delivered": DELIVERED,
    "deferred": DEFERRED,
    "soft_bounced": BOUNCED,
    "hard_bounced": BOUNCED,
    "opened": OPENED,
    "opened_unique": OPENED,
    "clicked": CLICKED,
    "clicked_unique": CLICKED,
    "unsubscribed": UNSUBSCRIBED,
    "spam_complaint": COMPLAINED,
}
_BOUNCES = {"soft_bounced": SOFT_BOUNCE, "hard_bounced": HARD_BOUNCE}
# A word in the answer, and what it means; the first that is there counts.
REFUSALS = {
    '"from.': SENDER_REFUSED,
    "#ms42207": SENDER_REFUSED,
    '"to.': INVALID_ADDRESS,
    "trial account": UNAUTHORIZED,
    "not allowed to send": UNAUTHORIZED,
}
_CLOSED = "ALL_SUPPRESSED"
# Of the past at most is asked for, in so many pages: a list has every mail of its domain.
_ASKED_FOR = timedelta(days=1)
_LATE = timedelta(minutes=5)
_PAGES, _ON_A_PAGE = 20, 100
# Our key is one of the tags of a mail, behind this.
_TAG = "key:"
# Headers that have a field of their own; others are for the largest plans only.
_OWN_FIELDS = frozenset({"in-reply-to", "precedence", "list-unsubscribe", "list-unsubscribe-post"})


class MailerSendAdapter(MailerAdapter):
    """One mail a request; callbacks are signed over their body."""

    label: ClassVar[str] = "MailerSend"
    usual: ClassVar[str] = "https://api.mailersend.com"
    fields = (
        Field("api_token", _("API token"), is_secret=True),
        Field(
            "signing_secret",
            _("Signing secret of the webhook"),
            help=_("Callbacks are signed with it."),
            is_secret=True,
        ),
        Field(
            "plan_headers",
            _("Headers of our own"),
            help=_("List-Id and the like: MailerSend takes them in its Enterprise plan only."),
            default="no",
            is_needed=False,
            choices=("no", "yes"),
        ),
        ADDRESS_FIELD,
    )
    refusals = REFUSALS

    def compose(self, mail: Mail) -> Call:
        """The mail as JSON, with the way out in a field of its own."""
        headers = {name.lower(): value for name, value in mail.headers()}
        data: dict[str, object] = {
            "from": named(mail.sender),
            "to": [named(mail.recipient)],
            "subject": braces.plain(mail.subject),
            "tags": [f"{_TAG}{mail.key}"],
            "settings": {"track_clicks": False, "track_opens": False, "track_content": False},
            "precedence_bulk": headers.get("precedence") == "bulk",
        }
        if mail.html:
            data["html"] = braces.html(mail.html)
        if mail.text:
            data["text"] = braces.plain(mail.text)
        if "list-unsubscribe" in headers:
            data["list_unsubscribe"] = headers["list-unsubscribe"].strip("<>")
        if "in-reply-to" in headers:
            data["in_reply_to"] = headers["in-reply-to"]
        if self.account.option("plan_headers") == "yes":
            others = mail.headers(without=_OWN_FIELDS)
            data["headers"] = [{"name": name, "value": value} for name, value in others]
        return json_call(f"{self.base}/v1/email", data, self._credentials())

    def identity(self, answer: Answer) -> object:
        """The id, which is in a header."""
        return answer.headers.get("x-message-id")

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """A mail to nobody but people whom MailerSend has closed is taken too, without an id."""
        if answer.is_success and not self.identity(answer) and _CLOSED in answer.text():
            return failed(message, REJECTED, answer.text())
        return super().read(message, answer)

    def check(self) -> str:
        """Ask what is left of the quota."""
        return asked(self.account, f"{self.base}/v1/api-quota", headers=dict([self._credentials()]))

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check `Signature`: HMAC-SHA256 over the body, in hex."""
        secret = self.account.secret("signing_secret") or self.account.callback_secret
        prove_hex(request, header="signature", secret=secret)

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read one activity; what is none, such as news of a domain, is not for us."""
        raw = read_json(request)
        return [_news(part(raw, "data"), raw, request.received_at)]

    def look_up(self, doubtful: Sequence[Outgoing]) -> list[CallbackNews]:
        """Read what left a domain while each mail was handed over; our key is one of its tags."""
        # Mails of one batch were handed over together: their lists are read once.
        lists: dict[str, list[dict[str, Any]]] = {}

        def find(message: Outgoing, ask: Ask) -> list[CallbackNews]:
            def listed(place: str) -> list[dict[str, Any]]:
                if place not in lists:
                    lists[place] = rows_in(ask(self._asking(place)), "data")
                return lists[place]

            return self._find(message, listed)

        return find_each(self.account, doubtful, find)

    def _find(
        self, message: Outgoing, listed: Callable[[str], list[dict[str, Any]]]
    ) -> list[CallbackNews]:
        known = listed(f"domains?limit={_ON_A_PAGE}")
        domains = {word(one.get("name")).lower(): word(one.get("id")) for one in known}
        sender = mime.parse_address(message.sender).in_ascii().address
        domain = domains.get(sender.rpartition("@")[2].lower(), "")
        for number in range(1, _PAGES + 1) if domain else ():
            place = f"activity/{quote(domain, safe='')}?{_asked_for(message, number)}"
            activities = listed(place)
            for one in activities:
                if _key_in(part(one, "email").get("tags")) == message.key:
                    return [_news(one, one, proofs.now())]
            if len(activities) < _ON_A_PAGE:
                break
        return []

    def _asking(self, place: str) -> Call:
        headers = (self._credentials(), ("Accept", "application/json"))
        return Call(f"{self.base}/v1/{place}", headers, method="GET")

    def _credentials(self) -> tuple[str, str]:
        return "Authorization", f"Bearer {self.account.secret('api_token')}"


def _asked_for(message: Outgoing, number: int) -> str:
    """One page of what a domain sent in the time in which a mail was handed over."""
    until = (message.between[1] if message.between else proofs.now()) + _LATE
    since = max(since_when(message, before=_LATE), until - _ASKED_FOR)
    fields = {
        "page": number,
        "limit": _ON_A_PAGE,
        "date_from": int(since.timestamp()),
        "date_to": int(until.timestamp()),
        "event[]": ["queued", "sent"],
    }
    return urlencode(fields, doseq=True)


def _news(data: dict[str, object], raw: dict[str, object], heard_at: datetime) -> CallbackNews:
    """One activity, of a callback or of a list."""
    said = word(data.get("type")) or word(raw.get("type")).rpartition(".")[2]
    mail, morph = part(data, "email"), part(data, "morph")
    when = data.get("created_at") or raw.get("created_at")
    return CallbackNews(
        provider_message_id=word(part(mail, "message").get("id")),
        key=_key_in(mail.get("tags")),
        kind=WORDS.get(said, UNKNOWN),
        occurred_at=proofs.moment(when, heard_at),
        recipient=word(part(mail, "recipient").get("email")),
        reason=_BOUNCES.get(said, ""),
        raw=raw,
        detail=word(morph.get("readable_reason") or morph.get("reason")),
    )


def _key_in(tags: object) -> str:
    found = tags if isinstance(tags, list) else []
    ours = (str(tag).removeprefix(_TAG) for tag in found if str(tag).startswith(_TAG))
    return word(next(ours, ""))
