"""SMS through Vonage: the Messages API, version 1."""

import json
import uuid
from typing import ClassVar
from urllib.parse import urlencode

from django.utils.translation import gettext_noop as _

from crm.channels import proofs
from crm.channels.base import (
    DELIVERED,
    FAILED_NEWS,
    INVALID_ADDRESS,
    SENDER_REFUSED,
    SENT_NEWS,
    UNAUTHORIZED,
    UNKNOWN,
    Account,
    CallbackNews,
    CallbackRequest,
    Field,
    Inbound,
    Outcome,
    Outgoing,
)
from crm.channels.callbacks import read_json, text
from crm.channels.http_many import failed, sent
from crm.channels.http_wire import Answer, Call
from crm.channels.posting import VENDOR_FIELDS, PostingAdapter, asked, refused
from crm.channels.sms_text import with_plus

WORDS = {
    "submitted": SENT_NEWS,
    "delivered": DELIVERED,
    "read": DELIVERED,
    "rejected": FAILED_NEWS,
    "undeliverable": FAILED_NEWS,
}
# What follows the # in the type of an error.
REFUSALS = {
    "1120": SENDER_REFUSED,
    "1170": INVALID_ADDRESS,
    "1420": SENDER_REFUSED,
    "1430": INVALID_ADDRESS,
}
# No such number, and one that is no longer in use.
_DEAD = frozenset({"1170", "1190"})
_TOKEN_SECONDS = 600


class VonageAdapter(PostingAdapter):
    """One message a request; callbacks carry a token signed with the account's signature secret."""

    label: ClassVar[str] = "Vonage"
    usual: ClassVar[str] = "https://api.nexmo.com"
    unasked: ClassVar[str] = _("Its records are sold apart, and found by day or its own id.")
    fields = (
        Field("api_key", _("API key")),
        Field("api_secret", _("API secret"), is_secret=True, is_needed=False),
        Field(
            "application_id",
            _("Application id"),
            help=_("With its private key, requests are signed instead of carrying the secret."),
            is_needed=False,
        ),
        Field("private_key", _("Private key"), is_secret=True, is_needed=False, is_long=True),
        Field(
            "signature_secret",
            _("Signature secret"),
            help=_("Callbacks are signed with it."),
            is_secret=True,
        ),
        *VENDOR_FIELDS,
    )

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        if private_key := account.secret("private_key"):
            proofs.rsa_key(private_key)

    def write(self, message: Outgoing) -> Call:
        """The message as JSON; numbers go without their plus."""
        data = {
            "message_type": "text",
            "channel": "sms",
            "to": message.recipient.lstrip("+"),
            "from": message.sender.lstrip("+"),
            "text": message.text,
            "client_ref": message.key[:100],
        }
        if self.account.callback_url:
            data |= {"webhook_url": self.account.callback_url, "webhook_version": "v1"}
        headers = (
            ("Authorization", self._credentials()),
            ("Content-Type", "application/json"),
            ("Accept", "application/json"),
        )
        return Call(f"{self.base}/v1/messages", headers, json.dumps(data).encode())

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """Success has a `message_uuid`; an error names its type by an address."""
        data = answer.json()
        if answer.is_success:
            return sent(message, data.get("message_uuid"))
        if answer.status == 402:
            return failed(message, UNAUTHORIZED, answer.text())
        reason = REFUSALS.get(_number(data))
        if reason and answer.status < 500 and answer.status != 429:
            return failed(message, reason, answer.text())
        return refused(message, answer)

    def check(self) -> str:
        """Ask for the balance."""
        base = self.account.url.rstrip("/") or "https://rest.nexmo.com"
        known = {
            "api_key": self.account.option("api_key"),
            "api_secret": self.account.secret("api_secret"),
        }
        return asked(self.account, f"{base}/account/get-balance?{urlencode(known)}", headers={})

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check the signed token: its secret, its age, and that it is about this body."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        proofs.prove(kind.lower() == "bearer")
        secret = self.account.secret("signature_secret") or self.account.callback_secret
        claims = proofs.claims_of(token, secret=secret)
        proofs.prove_fresh(proofs.unix(claims.get("iat")), request)
        proofs.prove(claims.get("payload_hash") == proofs.sha256(request.body))

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read a status report (`status`) or a message that somebody sent."""
        raw = read_json(request)
        occurred_at = proofs.moment(raw.get("timestamp"), request.received_at)
        if "status" not in raw:
            return [
                Inbound(
                    channel=self.channel,
                    sender=with_plus(text(raw, "from")),
                    recipient=with_plus(text(raw, "to")),
                    body=text(raw, "text"),
                    provider_message_id=text(raw, "message_uuid"),
                    occurred_at=occurred_at,
                )
            ]
        error = raw.get("error")
        number = _number(error) if isinstance(error, dict) else ""
        kind = WORDS.get(text(raw, "status"), UNKNOWN)
        return [
            CallbackNews(
                provider_message_id=text(raw, "message_uuid"),
                key=text(raw, "client_ref"),
                kind=kind,
                occurred_at=occurred_at,
                recipient=with_plus(text(raw, "to")),
                reason=proofs.why(kind, number, dead=_DEAD),
                raw=raw,
            )
        ]

    def _credentials(self) -> str:
        application, key = self.account.option("application_id"), self.account.secret("private_key")
        if not (application and key):
            known = self.account.option("api_key"), self.account.secret("api_secret")
            return proofs.basic(*known)
        now = int(proofs.now().timestamp())
        claims = {
            "application_id": application,
            "iat": now,
            "exp": now + _TOKEN_SECONDS,
            "jti": str(uuid.uuid4()),
        }
        return "Bearer " + proofs.signed_token(claims, private_key=key)


def _number(error: dict[str, object]) -> str:
    """The number of an error, which is the last part of its type or its title."""
    last = text(error, "type").rpartition("#")[2].rpartition("/")[2]
    return last if last.isdigit() else text(error, "title")[:20]
