"""E-mail through SparkPost: its Transmissions API, which takes whole mails in MIME."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar
from urllib.parse import urlencode

from django.utils.translation import gettext_noop as _

from crm.channels import proofs
from crm.channels.asking import ask_each, rows_in
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
    RATE_LIMITED,
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
from crm.channels.http_many import failed
from crm.channels.http_wire import Answer, Call
from crm.channels.mailing import (
    KEY,
    PASSWORD_FIELD,
    Mail,
    MailerAdapter,
    batch,
    json_call,
    part,
    since_epoch,
)
from crm.channels.posting import ADDRESS_FIELD, asked_by, wait_told

WORDS = {
    "injection": SENT_NEWS,
    "delivery": DELIVERED,
    "delay": DEFERRED,
    "bounce": BOUNCED,
    "out_of_band": BOUNCED,
    "spam_complaint": COMPLAINED,
    "policy_rejection": FAILED_NEWS,
    "generation_failure": FAILED_NEWS,
    "generation_rejection": FAILED_NEWS,
    "list_unsubscribe": UNSUBSCRIBED,
    "link_unsubscribe": UNSUBSCRIBED,
    "open": OPENED,
    "initial_open": OPENED,
    "amp_open": OPENED,
    "amp_initial_open": OPENED,
    "click": CLICKED,
    "amp_click": CLICKED,
}
# `bounce_class`; every other class may pass by itself.
_CLASSES = dict.fromkeys(("10", "30"), HARD_BOUNCE)
_CLASSES |= dict.fromkeys(("25", "50", "51", "52", "53", "54"), BLOCKED)
# Classes that are no bounce at all: automatic answers, and people who leave.
_NO_BOUNCES = {"60": UNKNOWN, "80": UNKNOWN, "100": UNKNOWN, "90": UNSUBSCRIBED}
_REGIONS = {"us": "https://api.sparkpost.com", "eu": "https://api.eu.sparkpost.com"}
_LIMIT_REACHED = 420
_PAUSE = 60.0
# So long SparkPost keeps events.
_REMEMBERED = timedelta(days=9)


class SparkPostAdapter(MailerAdapter):
    """JSON with the mail inside; callbacks are lists of events and carry a password."""

    label: ClassVar[str] = "SparkPost"
    fields = (
        Field("api_key", _("API key"), is_secret=True),
        Field("region", _("Region"), default="us", is_needed=False, choices=("us", "eu")),
        PASSWORD_FIELD,
        ADDRESS_FIELD,
    )
    refusals: ClassVar = {
        "sending domain": SENDER_REFUSED,
        "suppress": REJECTED,
        "at least one valid recipient": INVALID_ADDRESS,
        "invalid recipient": INVALID_ADDRESS,
    }

    def compose(self, mail: Mail) -> Call:
        """The mail as it is to arrive, with nothing put in and nothing added.

        What SparkPost calls transactional is a mail that gets no way out of theirs: ours has one.
        """
        data = {
            "recipients": [{"address": {"email": mail.recipient.address}}],
            "content": {"email_rfc822": mail.raw().decode("ascii", "replace")},
            "metadata": {KEY: mail.key},
            "options": {
                "open_tracking": False,
                "click_tracking": False,
                "transactional": True,
                "perform_substitutions": False,
            },
        }
        place = f"{self.base}/api/v1/transmissions?num_rcpt_errors=1"
        return json_call(place, data, self._credentials())

    def identity(self, answer: Answer) -> object:
        """The id of the transmission, which is of one mail."""
        return part(answer.json(), "results").get("id")

    def refusal(self, message: Outgoing, answer: Answer) -> Outcome:
        """A status of its own says that the account has sent enough for now."""
        if answer.status == _LIMIT_REACHED:
            pause = wait_told(answer, _PAUSE)
            return failed(message, RATE_LIMITED, answer.text(), retry_after=pause)
        return super().refusal(message, answer)

    def check(self) -> str:
        """Ask for the account; a key that may only send gets 403, and that will do."""
        call = Call(f"{self.base}/api/v1/account", (self._credentials(),), method="GET")
        return asked_by(self.account, call, wrong=(401,), fine=(403,))

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read a list of events; a ping has none."""
        return [
            _news(raw, event, request.received_at)
            for raw in batch(request)
            for event in part(raw, "msys").values()
            if isinstance(event, dict) and "type" in event
        ]

    def look_up(self, doubtful: Sequence[Outgoing]) -> list[CallbackNews]:
        """Ask for the events of each recipient; those of a mail carry our key."""
        return ask_each(self.account, doubtful, self._events, _found)

    def _events(self, message: Outgoing) -> Call:
        since = f"{proofs.now() - _REMEMBERED:%Y-%m-%dT%H:%M:%SZ}"
        asked_for = {"recipients": message.recipient, "from": since, "per_page": 1000}
        place = f"{self.base}/api/v1/events/message?{urlencode(asked_for)}"
        return Call(place, (self._credentials(),), method="GET")

    def usual_address(self) -> str:
        """By region."""
        return _REGIONS[self.account.option("region", "us")]

    def _credentials(self) -> tuple[str, str]:
        return "Authorization", self.account.secret("api_key")


def _found(message: Outgoing, answer: object) -> list[CallbackNews]:
    heard = [_news(event, event, proofs.now()) for event in rows_in(answer, "results")]
    return [one for one in heard if one.key == message.key]


def _news(raw: dict[str, object], event: dict[str, object], heard_at: datetime) -> CallbackNews:
    kind, number = WORDS.get(text(event, "type"), UNKNOWN), text(event, "bounce_class")
    if kind == BOUNCED:
        kind = _NO_BOUNCES.get(number, kind)
    return CallbackNews(
        provider_message_id=text(event, "transmission_id"),
        key=text(part(event, "rcpt_meta"), KEY),
        kind=kind,
        occurred_at=_moment(event.get("timestamp"), heard_at),
        recipient=text(event, "raw_rcpt_to") or text(event, "rcpt_to"),
        reason=_why(kind, number),
        raw=raw,
        detail=" ".join(filter(None, (number, text(event, "raw_reason") or text(event, "reason")))),
    )


def _moment(told: object, otherwise: datetime) -> datetime:
    """Callbacks tell Unix seconds, lists of events a date."""
    return since_epoch(told, proofs.moment(told, otherwise))


def _why(kind: str, number: str) -> str:
    if kind == BOUNCED:
        return _CLASSES.get(number, SOFT_BOUNCE)
    if kind == FAILED_NEWS:
        return UNDELIVERABLE if _CLASSES.get(number) == HARD_BOUNCE else REJECTED
    return ""
