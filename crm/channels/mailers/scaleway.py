"""E-mail through Scaleway: Transactional Email (TEM), version 1 alpha 1."""

import json
import re
from typing import ClassVar
from urllib.parse import urlencode, urlsplit

import httpx
from django.utils.translation import gettext_noop as _

from crm.channels import proofs
from crm.channels.base import (
    BLOCKED,
    BOUNCED,
    DEFERRED,
    DELIVERED,
    FAILED_NEWS,
    HARD_BOUNCE,
    INVALID_ADDRESS,
    SENDER_REFUSED,
    SENT_NEWS,
    SOFT_BOUNCE,
    UNAUTHORIZED,
    UNKNOWN,
    CallbackNews,
    CallbackRefused,
    CallbackRequest,
    Field,
    Inbound,
)
from crm.channels.callbacks import read_json
from crm.channels.http_client import guarded_client
from crm.channels.http_wire import Answer, Call
from crm.channels.mailing import (
    PASSWORD_FIELD,
    Mail,
    MailerAdapter,
    bounce_by_code,
    json_call,
    named,
    rows,
    word,
)
from crm.channels.posting import ADDRESS_FIELD, NOTHING_OF_OURS, asked

WORDS = {
    "email_queued": SENT_NEWS,
    "email_deferred": DEFERRED,
    "email_delivered": DELIVERED,
    "email_dropped": BOUNCED,
    "email_mailbox_not_found": BOUNCED,
    "email_spam": BOUNCED,
    "email_blocklisted": FAILED_NEWS,
}
_REASONS = {
    "email_mailbox_not_found": HARD_BOUNCE,
    "email_spam": BLOCKED,
    "email_blocklisted": "rejected",
}
# A word in the answer, and what it means; the first that is there counts.
REFUSALS = {
    "denied_authentication": UNAUTHORIZED,
    "permissions_denied": UNAUTHORIZED,
    "quotas_exceeded": UNAUTHORIZED,
    '"argument_name":"from': SENDER_REFUSED,
    "domain": SENDER_REFUSED,
    '"argument_name":"to': INVALID_ADDRESS,
}
# The header that carries our key, which comes back in callbacks.
_KEY_HEADER = "X-Rapport-Key"
# Where topics ask whether they may call us.
_TOPICS = re.compile(r"sns\.mnq\.[a-z-]{3,10}\.(scaleway\.com|scw\.cloud)")
# Scaleway makes its own.
_THEIRS = frozenset({"message-id"})


class ScalewayAdapter(MailerAdapter):
    """One mail a request; events come through a topic, in its envelope and unsigned."""

    label: ClassVar[str] = "Scaleway TEM"
    usual: ClassVar[str] = "https://api.scaleway.com"
    unasked: ClassVar[str] = NOTHING_OF_OURS
    fields = (
        Field("secret_key", _("Secret key"), is_secret=True),
        Field("project_id", _("Project id")),
        Field(
            "region",
            _("Region"),
            default="fr-par",
            is_needed=False,
            choices=("fr-par", "nl-ams"),
        ),
        PASSWORD_FIELD,
        ADDRESS_FIELD,
    )
    refusals = REFUSALS

    def compose(self, mail: Mail) -> Call:
        """The mail as JSON, our key in a header; Scaleway counts neither opens nor clicks."""
        ours = [*mail.headers(without=_THEIRS), (_KEY_HEADER, mail.key)]
        data: dict[str, object] = {
            "project_id": self.account.option("project_id"),
            "from": named(mail.sender),
            "to": [named(mail.recipient)],
            "subject": mail.subject,
            "additional_headers": [{"key": name, "value": value} for name, value in ours],
        }
        data |= {"html": mail.html} if mail.html else {}
        data |= {"text": mail.text} if mail.text else {}
        return json_call(f"{self._base()}/emails", data, self._credentials())

    def identity(self, answer: Answer) -> object:
        """The id of the one mail that the answer lists."""
        return next((one.get("id") for one in rows(answer.json().get("emails"))), None)

    def check(self) -> str:
        """Ask for a domain of the project."""
        query = {"project_id": self.account.option("project_id"), "page_size": "1"}
        url = f"{self._base()}/domains?{urlencode(query)}"
        return asked(self.account, url, headers=dict([self._credentials()]))

    def confirm(self, request: CallbackRequest) -> None:
        """Tell the topic that it may call us, by the address that it asks with."""
        raw = read_json(request)
        if raw.get("Type") == "SubscriptionConfirmation":
            _follow(word(raw.get("SubscribeURL")))

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read one event, in the envelope of its topic or bare; what is of no mail is not ours."""
        raw = _unwrapped(read_json(request))
        said = word(raw.get("type"))
        if not said.startswith("email_"):
            return []
        detail = word(raw.get("email_response_message") or raw.get("blocklist_reason"))
        kind = WORDS.get(said, UNKNOWN)
        return [
            CallbackNews(
                provider_message_id=word(raw.get("email_id")),
                key=_key_in(raw.get("email_headers")),
                kind=kind,
                occurred_at=proofs.moment(raw.get("created_at"), request.received_at),
                recipient=word(raw.get("email_to")),
                reason=_REASONS.get(said) or _bounce(kind, raw, detail),
                raw=raw,
                detail=detail,
            )
        ]

    def _base(self) -> str:
        region = self.account.option("region", "fr-par")
        return f"{self.base}/transactional-email/v1alpha1/regions/{region}"

    def _credentials(self) -> tuple[str, str]:
        return "X-Auth-Token", self.account.secret("secret_key")


def _follow(url: str) -> None:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError as error:
        raise CallbackRefused("The address that confirms the topic is none.") from error
    if not _TOPICS.fullmatch(host):
        raise CallbackRefused("The address that confirms the topic is none of Scaleway's.")
    with guarded_client() as client:
        try:
            answer = client.get(url)
        except httpx.HTTPError as error:
            raise CallbackRefused(f"Scaleway cannot be reached: {type(error).__name__}") from error
    if not answer.is_success:
        raise CallbackRefused(f"Scaleway answers {answer.status_code}.")


def _unwrapped(raw: dict[str, object]) -> dict[str, object]:
    """The event inside the envelope of a topic."""
    if not isinstance(raw.get("Message"), str):
        return raw
    try:
        inner = json.loads(word(raw["Message"]))
    except ValueError:
        return raw
    return inner if isinstance(inner, dict) else raw


def _bounce(kind: str, raw: dict[str, object], detail: str) -> str:
    """By the code in the words of the server, else by its reply of three digits."""
    if kind != BOUNCED:
        return ""
    is_soft = word(raw.get("email_response_code")).startswith("4")
    return bounce_by_code(detail, otherwise=SOFT_BOUNCE if is_soft else HARD_BOUNCE)


def _key_in(headers: object) -> str:
    ours = (
        one.get("value")
        for one in rows(headers)
        if word(one.get("key")).lower() == _KEY_HEADER.lower()
    )
    return word(next(ours, ""))
