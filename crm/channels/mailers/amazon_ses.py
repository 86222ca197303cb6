"""E-mail through Amazon SES: version 2 of its API, which takes whole mails in MIME."""

import base64
import json
import re
from typing import ClassVar

from django.utils.translation import gettext_noop as _

from crm.channels import proofs, sns
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
    UNAUTHORIZED,
    UNKNOWN,
    UNSUBSCRIBED,
    CallbackNews,
    CallbackRefused,
    CallbackRequest,
    Field,
    Inbound,
)
from crm.channels.callbacks import read_json, text
from crm.channels.http_wire import Answer, Call
from crm.channels.mailing import JSON_KIND, KEY, Mail, MailerAdapter, part, rows, word
from crm.channels.posting import ADDRESS_FIELD, ONLY_BY_ITS_ID, asked_by
from crm.channels.sigv4 import Signing, signed

# `eventType` of event publishing, `notificationType` of notifications about an identity.
WORDS = {
    "Send": SENT_NEWS,
    "Delivery": DELIVERED,
    "DeliveryDelay": DEFERRED,
    "Bounce": BOUNCED,
    "Complaint": COMPLAINED,
    "Reject": FAILED_NEWS,
    "Rendering Failure": FAILED_NEWS,
    "Subscription": UNSUBSCRIBED,
    "Open": OPENED,
    "Click": CLICKED,
}
# `bounceSubType` of a bounce for a while that is about the mail, not about the mailbox.
_ABOUT_THE_MAIL = frozenset({"MessageTooLarge", "ContentRejected", "AttachmentRejected"})
# What a tag may be made of.
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_NO_COMPLAINT = "not-spam"


class AmazonSesAdapter(MailerAdapter):
    """Requests are signed; callbacks come through a topic of SNS, which signs them too."""

    label: ClassVar[str] = "Amazon SES"
    unasked: ClassVar[str] = ONLY_BY_ITS_ID
    fields = (
        Field("region", _("Region"), help=_("Such as “eu-central-1”.")),
        Field("access_key_id", _("Access key id")),
        Field("secret_access_key", _("Secret access key"), is_secret=True),
        Field(
            "topic_arn",
            _("ARN of the topic"),
            help=_("Callbacks of any other topic of SNS are refused."),
        ),
        Field(
            "configuration_set",
            _("Configuration set"),
            help=_("With an event destination to the topic, so that reports name our message."),
            is_needed=False,
        ),
        ADDRESS_FIELD,
    )
    refusals: ClassVar = {
        "email address is not verified": SENDER_REFUSED,
        "mailfromdomainnotverified": SENDER_REFUSED,
        "accountsuspended": UNAUTHORIZED,
        "sendingpaused": UNAUTHORIZED,
        "limitexceeded": RATE_LIMITED,
        "throttl": RATE_LIMITED,
        "illegal address": INVALID_ADDRESS,
        "missing final '@domain'": INVALID_ADDRESS,
        "local address contains control or whitespace": INVALID_ADDRESS,
        "domain contains illegal character": INVALID_ADDRESS,
        "domain starts with dot": INVALID_ADDRESS,
    }

    def compose(self, mail: Mail) -> Call:
        """The mail as it is to arrive, but for its Message-ID, which is theirs."""
        data: dict[str, object] = {
            "FromEmailAddress": mail.sender.address,
            "Destination": {"ToAddresses": [mail.recipient.address]},
            "Content": {"Raw": {"Data": base64.b64encode(mail.raw()).decode()}},
        }
        if _TAG.fullmatch(mail.key):
            data["EmailTags"] = [{"Name": KEY, "Value": mail.key}]
        if said := self.account.option("configuration_set"):
            data["ConfigurationSetName"] = said
        place = f"{self.base}/v2/email/outbound-emails"
        return self._signed(Call(place, (JSON_KIND,), json.dumps(data).encode()))

    def identity(self, answer: Answer) -> object:
        """The `MessageId`."""
        return answer.json().get("MessageId")

    def said(self, answer: Answer) -> str:
        """The kind of an error stands in a header."""
        return f"{answer.headers.get('x-amzn-errortype', '')} {answer.text()}"

    def check(self) -> str:
        """Ask for the account."""
        return asked_by(
            self.account, self._signed(Call(f"{self.base}/v2/email/account", method="GET"))
        )

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check the signature of SNS, its age, and that it is our topic that speaks."""
        sns.prove(
            request,
            topic=self.account.option("topic_arn"),
            trusted=self._trusted,
            guarded_but=self.account.guarded_but,
        )

    def confirm(self, request: CallbackRequest) -> None:
        """Tell SNS that its topic may call us."""
        sns.confirm(request, trusted=self._trusted, guarded_but=self.account.guarded_but)

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read a notification; what SNS says of itself is no news."""
        raw = read_json(request)
        if "Type" not in raw:
            raise CallbackRefused("The callback is none of SNS.")
        try:
            event = json.loads(text(raw, "Message")) if raw["Type"] == "Notification" else None
        except ValueError:
            return []
        if not isinstance(event, dict):
            return []
        return list(_all_news(event, request, text(raw, "Timestamp")))

    @property
    def _trusted(self) -> str:
        """Whose certificates are taken besides Amazon's: those of the address that staff gave."""
        return self.account.url.rstrip("/")

    def usual_address(self) -> str:
        """By region."""
        return f"https://email.{self.account.option('region')}.amazonaws.com"

    def _signed(self, call: Call) -> Call:
        key = self.account.secret("secret_access_key")
        known = self.account.option("access_key_id")
        return signed(call, Signing(known, key, self.account.option("region"), "ses"))


def _all_news(
    event: dict[str, object], request: CallbackRequest, told_at: str
) -> list[CallbackNews]:
    """One piece of news for each recipient that an event is about."""
    mail, word_ = part(event, "mail"), text(event, "eventType") or text(event, "notificationType")
    about = part(event, "failure" if word_ == "Rendering Failure" else _name(word_))
    kind, why = _kind(word_, about)
    moment = proofs.moment(told_at or text(about, "timestamp"), request.received_at)
    return [
        CallbackNews(
            provider_message_id=text(mail, "messageId"),
            key=_key(mail),
            kind=kind,
            occurred_at=moment,
            recipient=address,
            reason=why,
            raw=event,
            detail=" ".join(filter(None, (*_said(about), said))),
        )
        for address, said in _people(about, mail)
    ]


def _name(word_: str) -> str:
    """Where an event keeps what is its own: `deliveryDelay` for `DeliveryDelay`."""
    return word_[:1].lower() + word_[1:]


def _kind(word_: str, about: dict[str, object]) -> tuple[str, str]:
    kind = WORDS.get(word_, UNKNOWN)
    finer = text(about, "bounceSubType")
    if kind == FAILED_NEWS:
        return kind, REJECTED
    if kind == COMPLAINED and text(about, "complaintFeedbackType") == _NO_COMPLAINT:
        return UNKNOWN, ""
    if kind != BOUNCED:
        return kind, ""
    if finer == "UnsubscribedRecipient":
        return UNSUBSCRIBED, ""
    if text(about, "bounceType") == "Permanent":
        return kind, HARD_BOUNCE
    return kind, BLOCKED if finer in _ABOUT_THE_MAIL else SOFT_BOUNCE


def _key(mail: dict[str, object]) -> str:
    """Our key: the tag, else the Message-ID that we gave the mail."""
    tagged = part(mail, "tags").get(KEY)
    if isinstance(tagged, list) and tagged:
        return word(tagged[0])
    headers = {text(one, "name").lower(): text(one, "value") for one in rows(mail.get("headers"))}
    return headers.get("message-id", "").strip("<>")


def _people(about: dict[str, object], mail: dict[str, object]) -> list[tuple[str, str]]:
    """Whom an event is about, with what the server said of each."""
    for name in ("bouncedRecipients", "complainedRecipients", "delayedRecipients"):
        if found := rows(about.get(name)):
            return [(text(one, "emailAddress"), text(one, "diagnosticCode")) for one in found]
    every = about.get("recipients") or mail.get("destination")
    return [(word(one), "") for one in every] if isinstance(every, list) else []


def _said(about: dict[str, object]) -> list[str]:
    names = ("bounceType", "bounceSubType", "complaintFeedbackType", "smtpResponse", "reason")
    return [text(about, name) for name in (*names, "errorMessage", "delayType")]
