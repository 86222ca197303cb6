"""SMS through a plain HTTP provider: JSON out with an idempotency key, signed JSON back."""

import json
from typing import ClassVar

from django.utils.translation import gettext_noop as _

from crm.channels import callbacks
from crm.channels.base import (
    DELIVERED,
    FAILED_NEWS,
    SENT_NEWS,
    CallbackNews,
    CallbackRequest,
    Field,
    Inbound,
    Outcome,
    Outgoing,
)
from crm.channels.http_many import sent
from crm.channels.http_wire import Answer, Call
from crm.channels.posting import SMS_FIELDS, PostingAdapter, refused

WORDS = {
    "queued": SENT_NEWS,
    "sent": SENT_NEWS,
    "delivered": DELIVERED,
    "undelivered": FAILED_NEWS,
    "failed": FAILED_NEWS,
    "expired": FAILED_NEWS,
}


class SmsHttpAdapter(PostingAdapter):
    """Posts each SMS over kept connections, many at a time."""

    label: ClassVar[str] = "SMS (JSON)"
    fields = (
        Field("url", _("Address")),
        Field("api_key", _("API key"), is_secret=True, is_needed=False),
        Field(
            "callback_secret",
            _("Secret of callbacks"),
            help=_("Empty: as the settings say."),
            is_secret=True,
            is_needed=False,
        ),
        *SMS_FIELDS,
    )
    is_idempotent: ClassVar[bool] = True

    def write(self, message: Outgoing) -> Call:
        """The SMS as JSON; its key makes asking again safe."""
        body = {
            "from": message.sender,
            "to": message.recipient,
            "body": message.text,
            "callback_url": self.account.callback_url,
        }
        headers = (
            ("Authorization", f"Bearer {self.account.api_key}"),
            ("Idempotency-Key", message.key),
            ("Content-Type", "application/json"),
        )
        return Call(self.account.url, headers, json.dumps(body).encode())

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """An answer of success has the provider's id."""
        if answer.is_success:
            return sent(message, answer.json().get("id"))
        return refused(message, answer, bad_address="number" in answer.text().lower())

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check the signature and age of a callback."""
        callbacks.verify(request, secret=self.account.callback_secret)

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read a delivery receipt (`status`) or an inbound SMS (`body`)."""
        raw = callbacks.read_json(request)
        if raw.get("type") != "inbound":
            return [callbacks.news(raw, words=WORDS, received_at=request.received_at)]
        return [
            Inbound(
                channel=self.channel,
                sender=callbacks.text(raw, "from"),
                recipient=callbacks.text(raw, "to"),
                body=callbacks.text(raw, "body"),
                provider_message_id=callbacks.text(raw, "id"),
                occurred_at=callbacks.occurred_at(raw, request.received_at),
            )
        ]
