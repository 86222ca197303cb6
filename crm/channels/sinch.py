"""SMS through Sinch: the XMS REST API, version 1."""

import base64
import hmac
import json
from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlencode

from django.utils.translation import gettext_noop as _

from crm.channels import proofs
from crm.channels.asking import ask_each, news_of, rows_in, since_when
from crm.channels.base import (
    DELIVERED,
    FAILED_NEWS,
    INVALID_ADDRESS,
    SENDER_REFUSED,
    SENT_NEWS,
    UNKNOWN,
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
    "queued": SENT_NEWS,
    "dispatched": SENT_NEWS,
    "delivered": DELIVERED,
    "aborted": FAILED_NEWS,
    "cancelled": FAILED_NEWS,
    "deleted": FAILED_NEWS,
    "expired": FAILED_NEWS,
    "failed": FAILED_NEWS,
    "rejected": FAILED_NEWS,
}
_HASHES = {"HmacSHA256": "sha256", "HmacSHA384": "sha384", "HmacSHA512": "sha512"}


class SinchAdapter(PostingAdapter):
    """A batch of one a request; callbacks carry an HMAC over body, nonce and time."""

    label: ClassVar[str] = "Sinch"
    fields = (
        Field("service_plan_id", _("Service plan id")),
        Field("api_token", _("API token"), is_secret=True),
        Field("region", _("Region"), default="us", choices=("us", "eu", "au", "br", "ca")),
        Field(
            "webhook_secret",
            _("Webhook secret"),
            help=_("Callbacks are signed with it; Sinch sets it on request."),
            is_secret=True,
        ),
        *VENDOR_FIELDS,
    )

    def write(self, message: Outgoing) -> Call:
        """The message as a batch for one recipient."""
        data: dict[str, object] = {
            "type": "mt_text",
            "from": message.sender.lstrip("+"),
            "to": [message.recipient.lstrip("+")],
            "body": message.text,
            "delivery_report": "per_recipient",
            "client_reference": message.key,
        }
        if self.account.callback_url:
            data["callback_url"] = self.account.callback_url
        headers = (("Authorization", self._credentials()), ("Content-Type", "application/json"))
        return Call(f"{self._address()}/batches", headers, json.dumps(data).encode())

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """Success has the id of the batch; an error has a code in words."""
        data = answer.json()
        if answer.is_success:
            return sent(message, data.get("id"))
        why = f"{data.get('code', '')} {data.get('text', '')}".lower()
        if answer.status in {400, 403} and "from" in why.split():
            return failed(message, SENDER_REFUSED, answer.text())
        if answer.status == 400 and ("msisdn" in why or "recipient" in why or "`to`" in why):
            return failed(message, INVALID_ADDRESS, answer.text())
        return refused(message, answer)

    def check(self) -> str:
        """Ask for the last batch."""
        url = f"{self._address()}/batches?page_size=1"
        return asked(self.account, url, headers={"Authorization": self._credentials()})

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check the HMAC over body, nonce and time, and the time."""
        secret = self.account.secret("webhook_secret") or self.account.callback_secret
        said = request.headers.get
        timestamp = said("x-sinch-webhook-signature-timestamp", "")
        wanted = signature(
            request.body,
            nonce=said("x-sinch-webhook-signature-nonce", ""),
            timestamp=timestamp,
            secret=secret,
            algorithm=said("x-sinch-webhook-signature-algorithm", "HmacSHA256"),
        )
        given = said("x-sinch-webhook-signature", "")
        proofs.prove(bool(wanted) and proofs.same(given, wanted, secret=secret))
        proofs.prove_fresh(proofs.unix(timestamp), request)

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read the report on a recipient, or a message that somebody sent (`mo_text`)."""
        raw = read_json(request)
        if text(raw, "type").startswith("mo_"):
            return [
                Inbound(
                    channel=self.channel,
                    sender=with_plus(text(raw, "from")),
                    recipient=with_plus(text(raw, "to")),
                    body=text(raw, "body"),
                    provider_message_id=text(raw, "id"),
                    occurred_at=proofs.moment(raw.get("received_at"), request.received_at),
                )
            ]
        kind = WORDS.get(text(raw, "status").lower(), UNKNOWN)
        return [
            CallbackNews(
                provider_message_id=text(raw, "batch_id"),
                key=text(raw, "client_reference"),
                kind=kind,
                occurred_at=proofs.moment(raw.get("at"), request.received_at),
                recipient=with_plus(text(raw, "recipient")),
                reason=proofs.why(kind, text(raw, "code")),
                raw=raw,
            )
        ]

    def look_up(self, doubtful: Sequence[Outgoing]) -> list[CallbackNews]:
        """Ask for the batches of our reference."""
        return ask_each(self.account, doubtful, self._batches, _found)

    def _batches(self, message: Outgoing) -> Call:
        # Of earlier than a day ago Sinch tells only if it is asked so.
        since = f"{since_when(message):%Y-%m-%dT%H:%M:%S.000Z}"
        asked_for = {"client_reference": message.key, "start_date": since, "page_size": 1}
        headers = (("Authorization", self._credentials()),)
        return Call(f"{self._address()}/batches?{urlencode(asked_for)}", headers, method="GET")

    def usual_address(self) -> str:
        """By region."""
        return f"https://{self.account.option('region', 'us')}.sms.api.sinch.com"

    def _address(self) -> str:
        return f"{self.base}/xms/v1/{self.account.option('service_plan_id')}"

    def _credentials(self) -> str:
        return f"Bearer {self.account.secret('api_token')}"


def _found(message: Outgoing, answer: object) -> list[CallbackNews]:
    """That Sinch has a message; what became of it, it reports by itself."""
    return [
        news_of(
            message,
            one,
            kind=SENT_NEWS,
            identity=one.get("id"),
            at=proofs.moment(one.get("created_at"), proofs.now()),
        )
        for one in rows_in(answer, "batches")
        if text(one, "client_reference") == message.key
    ]


def signature(body: bytes, *, nonce: str, timestamp: str, secret: str, algorithm: str) -> str:
    """The HMAC over body, nonce and time, in base64; nothing for an algorithm nobody knows."""
    if algorithm not in _HASHES:
        return ""
    signed = body + f".{nonce}.{timestamp}".encode()
    return base64.b64encode(hmac.digest(secret.encode(), signed, _HASHES[algorithm])).decode()
