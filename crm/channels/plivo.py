"""SMS through Plivo: the Message API, version 1."""

import base64
import hmac
import json
from collections.abc import Iterable
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from django.utils.translation import gettext_noop as _

from crm.channels import proofs
from crm.channels.base import (
    DELIVERED,
    FAILED_NEWS,
    SENDER_REFUSED,
    SENT_NEWS,
    UNKNOWN,
    CallbackNews,
    CallbackRefused,
    CallbackRequest,
    Field,
    Inbound,
    Outcome,
    Outgoing,
)
from crm.channels.http_many import failed, sent
from crm.channels.http_wire import Answer, Call
from crm.channels.posting import (
    NOTHING_OF_OURS,
    VENDOR_FIELDS,
    PostingAdapter,
    asked,
    refused,
)
from crm.channels.sms_text import with_plus

WORDS = {
    "queued": SENT_NEWS,
    "sent": SENT_NEWS,
    "delivered": DELIVERED,
    "read": DELIVERED,
    "undelivered": FAILED_NEWS,
    "failed": FAILED_NEWS,
    "rejected": FAILED_NEWS,
}
# Error codes of a report: the destination is unknown, or no phone.
_DEAD = frozenset({"50", "70"})
_SIGNATURES = ("x-plivo-signature-ma-v3", "x-plivo-signature-v3")


class PlivoAdapter(PostingAdapter):
    """One message a request; reports and answers come as signed forms."""

    label: ClassVar[str] = "Plivo"
    usual: ClassVar[str] = "https://api.plivo.com"
    unasked: ClassVar[str] = NOTHING_OF_OURS
    fields = (
        Field("auth_id", _("Auth id")),
        Field(
            "auth_token",
            _("Auth token"),
            help=_("Callbacks are signed with it."),
            is_secret=True,
        ),
        *VENDOR_FIELDS,
    )

    def write(self, message: Outgoing) -> Call:
        """The message as JSON; our key comes back in the address of the reports."""
        data = {
            "src": message.sender,
            "dst": message.recipient.lstrip("+"),
            "text": message.text,
            "type": "sms",
        }
        if self.account.callback_url:
            url = proofs.with_key(self.account.callback_url, message.key)
            data |= {"url": url, "method": "POST"}
        headers = (("Authorization", self._credentials()), ("Content-Type", "application/json"))
        return Call(f"{self._address()}/Message/", headers, json.dumps(data).encode())

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """Success has a list of ids, one for each recipient; an error is a sentence."""
        data = answer.json()
        if answer.is_success:
            ids = data.get("message_uuid")
            return sent(message, ids[0] if isinstance(ids, list) and ids else ids)
        why = str(data.get("error", "")).lower()
        if answer.status == 400 and "src" in why:
            return failed(message, SENDER_REFUSED, answer.text())
        return refused(message, answer, bad_address="dst" in why or "destination" in why)

    def check(self) -> str:
        """Ask for the account itself."""
        return asked(
            self.account, f"{self._address()}/", headers={"Authorization": self._credentials()}
        )

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check the signature of version 3; it has no time, so that repeats are told by content."""
        token = self.account.secret("auth_token") or self.account.callback_secret
        nonce = request.headers.get("x-plivo-signature-v3-nonce", "")
        wanted = signature(request.url, proofs.form(request), nonce=nonce, token=token)
        # While the token is being replaced there are two signatures.
        given = [
            one.strip() for name in _SIGNATURES for one in request.headers.get(name, "").split(",")
        ]
        proofs.prove(any([proofs.same(one, wanted, secret=token) for one in given]))

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read a status report (`Status`) or a message that somebody sent (`Text`)."""
        data = dict(proofs.form(request))
        identity = data.get("MessageUUID", "")
        if not identity:
            raise CallbackRefused("The callback names no message.")
        if "Status" not in data:
            return [
                Inbound(
                    channel=self.channel,
                    sender=with_plus(data.get("From", "")),
                    recipient=with_plus(data.get("To", "")),
                    body=data.get("Text", ""),
                    provider_message_id=identity,
                    occurred_at=request.received_at,
                )
            ]
        code = data.get("ErrorCode", "")
        # A long text has a report for each of its parts, under the id that sending gave.
        kind = WORDS.get(data["Status"].lower(), UNKNOWN)
        return [
            CallbackNews(
                provider_message_id=data.get("ParentMessageUUID") or identity,
                key=proofs.key_in(request),
                kind=kind,
                occurred_at=proofs.moment(data.get("DeliveryReportTime"), request.received_at),
                recipient=with_plus(data.get("To", "")),
                reason=proofs.why(kind, code, dead=_DEAD),
                raw=data,
            )
        ]

    def _address(self) -> str:
        return f"{self.base}/v1/Account/{self.account.option('auth_id')}"

    def _credentials(self) -> str:
        return proofs.basic(self.account.option("auth_id"), self.account.secret("auth_token"))


def signature(url: str, fields: Iterable[tuple[str, str]], *, nonce: str, token: str) -> str:
    """HMAC-SHA256 over address, query, fields and nonce; both lists sorted by name, then value."""
    parts = urlsplit(url)
    asked_for = sorted(parse_qsl(parts.query, keep_blank_values=True))
    posted = sorted(fields)
    signed = parts._replace(query="", fragment="").geturl()
    if asked_for or posted:
        signed += "?" + "&".join(f"{name}={value}" for name, value in asked_for)
    if asked_for and posted:
        signed += "."
    signed += "".join(name + value for name, value in posted)
    proof = hmac.digest(token.encode(), f"{signed}.{nonce}".encode(), "sha256")
    return base64.b64encode(proof).decode()
