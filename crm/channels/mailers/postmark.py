"""E-mail through Postmark: its Email API, one mail a request."""

from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlencode

from django.utils.translation import gettext_noop as _

from crm.channels import proofs
from crm.channels.asking import ask_each, news_of, rows_in
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
    CallbackRequest,
    Field,
    Inbound,
    Outgoing,
)
from crm.channels.callbacks import read_json, text
from crm.channels.http_wire import Answer, Call
from crm.channels.mailing import KEY, PASSWORD_FIELD, Mail, MailerAdapter, json_call, part
from crm.channels.posting import ADDRESS_FIELD, asked

# `RecordType`, and for a bounce or a change of subscription its type or reason.
WORDS = {
    "Delivery": DELIVERED,
    "Bounce": BOUNCED,
    "SpamComplaint": COMPLAINED,
    "Open": OPENED,
    "Click": CLICKED,
    "SubscriptionChange": UNSUBSCRIBED,
    "HardBounce": BOUNCED,
    "SoftBounce": BOUNCED,
    "Blocked": BOUNCED,
    "DMARCPolicy": BOUNCED,
    "SpamNotification": BOUNCED,
    "VirusNotification": BOUNCED,
    "Transient": DEFERRED,
    "DnsError": DEFERRED,
    "Unsubscribe": UNSUBSCRIBED,
    "ManualSuppression": UNSUBSCRIBED,
    "BadEmailAddress": FAILED_NEWS,
    "ManuallyDeactivated": FAILED_NEWS,
    "SMTPApiError": FAILED_NEWS,
    "AutoResponder": UNKNOWN,
    "AddressChange": UNKNOWN,
    "ChallengeVerification": UNKNOWN,
    "Subscribe": UNKNOWN,
    "OpenRelayTest": UNKNOWN,
}
_CLASSES = {
    "HardBounce": HARD_BOUNCE,
    "BadEmailAddress": UNDELIVERABLE,
    "Blocked": BLOCKED,
    "DMARCPolicy": BLOCKED,
    "SpamNotification": BLOCKED,
    "VirusNotification": BLOCKED,
}
_MOMENTS = ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt")


class PostmarkAdapter(MailerAdapter):
    """JSON both ways; callbacks carry a password."""

    label: ClassVar[str] = "Postmark"
    usual: ClassVar[str] = "https://api.postmarkapp.com"
    fields = (
        Field("server_token", _("Server token"), is_secret=True),
        Field(
            "message_stream",
            _("Message stream"),
            help=_("Marketing goes by a broadcast stream, such as “broadcast”."),
            default="outbound",
            is_needed=False,
        ),
        PASSWORD_FIELD,
        ADDRESS_FIELD,
    )
    refusals: ClassVar = {
        '"errorcode":10,': UNAUTHORIZED,
        '"errorcode":300,': INVALID_ADDRESS,
        '"errorcode":400,': SENDER_REFUSED,
        '"errorcode":401,': SENDER_REFUSED,
        '"errorcode":405,': UNAUTHORIZED,
        '"errorcode":406,': REJECTED,
        '"errorcode":412,': SENDER_REFUSED,
        '"errorcode":413,': SENDER_REFUSED,
    }

    def compose(self, mail: Mail) -> Call:
        """The mail as JSON; our Message-ID stays."""
        keep = ("X-PM-KeepID", "true")
        data = {
            "From": mail.sender.header(),
            "To": mail.recipient.address,
            "Subject": mail.subject,
            "Headers": [{"Name": name, "Value": value} for name, value in (*mail.headers(), keep)],
            "Metadata": {KEY: mail.key},
            "MessageStream": self.account.option("message_stream", "outbound"),
            "TrackOpens": False,
            "TrackLinks": "None",
        }
        parts = {"TextBody": mail.text, "HtmlBody": mail.html}
        data |= {name: body for name, body in parts.items() if body}
        return json_call(f"{self.base}/email", data, self._credentials())

    def identity(self, answer: Answer) -> object:
        """The `MessageID`."""
        return answer.json().get("MessageID")

    def check(self) -> str:
        """Ask for the server that the token is for."""
        headers = dict([self._credentials(), ("Accept", "application/json")])
        return asked(self.account, f"{self.base}/server", headers=headers)

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read one record; a bounce says its type."""
        raw = read_json(request)
        record = text(raw, "RecordType")
        kind, finer = (
            WORDS.get(record, UNKNOWN),
            text(raw, "Type") or text(raw, "SuppressionReason"),
        )
        if record in {"Bounce", "SubscriptionChange"}:
            kind = WORDS.get(finer, kind)
        if record == "SubscriptionChange" and raw.get("SuppressSending") is False:
            kind = UNKNOWN
        told = next((text(raw, name) for name in _MOMENTS if text(raw, name)), "")
        return [
            CallbackNews(
                provider_message_id=text(raw, "MessageID"),
                key=text(part(raw, "Metadata"), KEY),
                kind=kind,
                occurred_at=proofs.moment(told, request.received_at),
                recipient=text(raw, "Email") or text(raw, "Recipient"),
                reason=_why(kind, finer),
                raw=raw,
                detail=" ".join(filter(None, (finer, text(raw, "Details")))),
            )
        ]

    def look_up(self, doubtful: Sequence[Outgoing]) -> list[CallbackNews]:
        """Search the mails of the server by our key among their metadata."""
        return ask_each(self.account, doubtful, self._search, _found)

    def _search(self, message: Outgoing) -> Call:
        asked_for = urlencode({"count": 1, "offset": 0, f"metadata_{KEY}": message.key})
        place = f"{self.base}/messages/outbound?{asked_for}"
        return Call(place, (self._credentials(), ("Accept", "application/json")), method="GET")

    def _credentials(self) -> tuple[str, str]:
        return "X-Postmark-Server-Token", self.account.secret("server_token")


def _found(message: Outgoing, answer: object) -> list[CallbackNews]:
    """That Postmark has a mail; what became of it, it tells by itself."""
    return [
        news_of(
            message,
            one,
            kind=SENT_NEWS,
            identity=one.get("MessageID"),
            at=proofs.moment(one.get("ReceivedAt"), proofs.now()),
        )
        for one in rows_in(answer, "Messages")
        if text(part(one, "Metadata"), KEY) == message.key
    ]


def _why(kind: str, finer: str) -> str:
    if kind == BOUNCED:
        return _CLASSES.get(finer, SOFT_BOUNCE)
    return _CLASSES.get(finer, finer) if kind == FAILED_NEWS else ""
