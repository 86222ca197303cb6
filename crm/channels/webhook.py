"""Messages to a web address of the customer's own: JSON, signed by Standard Webhooks."""

import base64
import hmac
import json
from typing import ClassVar

from django.utils.translation import gettext_noop as _

from crm.channels import proofs
from crm.channels.base import (
    DEFERRED,
    INVALID_ADDRESS,
    RATE_LIMITED,
    Account,
    CallbackNews,
    CallbackRefused,
    CallbackRequest,
    Field,
    Inbound,
    Outcome,
    Outgoing,
)
from crm.channels.http_many import ManyRequests, failed, sent
from crm.channels.http_wire import Answer, Call
from crm.channels.pace import per_second
from crm.channels.posting import PostingAdapter, refused, wait_told

_PREFIX = "whsec_"
_GONE = 410


class WebhookAdapter(PostingAdapter):
    """Posts to public addresses alone; the id of a message is the same at every try."""

    channel: ClassVar[str] = "webhook"
    label: ClassVar[str] = "Webhook"
    is_idempotent: ClassVar[bool] = True
    fields = (
        Field(
            "signing_secret",
            _("Signing secret"),
            help=_("whsec_ and at least 24 bytes in base64; receivers check by it."),
            is_secret=True,
        ),
    )
    # Hosts that need not be public; the tests' own receiver is one.
    allowed_hosts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._requests = ManyRequests(
            per_second=per_second(account.option("per_second")),
            guarded_but=self.allowed_hosts,
            is_one_place=False,
        )

    def write(self, message: Outgoing) -> Call:
        """The message as JSON with its signature."""
        now = proofs.now()
        data = {
            "type": "test" if message.is_test else "message",
            "timestamp": now.isoformat(),
            "data": {
                "id": message.key,
                "from": message.sender,
                "subject": message.subject,
                "text": message.text,
            },
        }
        body, at = json.dumps(data, ensure_ascii=False).encode(), str(int(now.timestamp()))
        secret = self.account.secret("signing_secret")
        headers = (
            ("Content-Type", "application/json"),
            ("webhook-id", message.key),
            ("webhook-timestamp", at),
            ("webhook-signature", signature(secret, key=message.key, at=at, body=body)),
        )
        return Call(message.recipient, headers, body)

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """2xx is taken; 410 says that nobody is there any more."""
        if answer.is_success:
            return sent(message, message.key)
        if answer.status == _GONE:
            return failed(message, INVALID_ADDRESS, answer.text())
        found = refused(message, answer)
        if found.reason == RATE_LIMITED:
            # The pause of one receiver is not a pause of all.
            return failed(message, DEFERRED, found.detail, retry_after=wait_told(answer))
        return found

    def verify_callback(self, request: CallbackRequest) -> None:
        """Receivers do not call."""
        raise CallbackRefused("Receivers of webhooks do not call us.")

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Receivers do not call."""
        raise CallbackRefused("Receivers of webhooks do not call us.")


def signature(secret: str, *, key: str, at: str, body: bytes) -> str:
    """HMAC-SHA256 over id, time and body, as Standard Webhooks writes it."""
    try:
        raw = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError as error:
        raise ValueError("The signing secret is no base64.") from error
    proof = hmac.digest(raw, f"{key}.{at}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(proof).decode()
