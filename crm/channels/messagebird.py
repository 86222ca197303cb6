"""SMS through MessageBird (Bird): the REST API of rest.messagebird.com."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.utils.translation import gettext_noop as _

from crm.channels import proofs
from crm.channels.asking import ask_each, news_of, rows_in, since_when
from crm.channels.base import (
    DELIVERED,
    FAILED_NEWS,
    INVALID_ADDRESS,
    REJECTED,
    SENDER_REFUSED,
    SENT_NEWS,
    UNAUTHORIZED,
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
from crm.channels.posting import VENDOR_FIELDS, PostingAdapter, asked, refused
from crm.channels.sms_text import with_plus

WORDS = {
    "scheduled": SENT_NEWS,
    "sent": SENT_NEWS,
    "buffered": SENT_NEWS,
    "delivered": DELIVERED,
    "expired": FAILED_NEWS,
    "delivery_failed": FAILED_NEWS,
}
# By the code of an error: 2 is the access key, 25 the balance.
REFUSALS = {2: UNAUTHORIZED, 25: UNAUTHORIZED}
_PARAMETERS = {
    "recipient": INVALID_ADDRESS,
    "recipients": INVALID_ADDRESS,
    "originator": SENDER_REFUSED,
}
_DEAD = frozenset({"unknown subscriber"})


class MessageBirdAdapter(PostingAdapter):
    """One message a request; reports come by GET, proven by a token about their address."""

    label: ClassVar[str] = "MessageBird"
    usual: ClassVar[str] = "https://rest.messagebird.com"
    fields = (
        Field("access_key", _("Access key"), is_secret=True),
        Field(
            "signing_key",
            _("Signing key"),
            help=_("Callbacks are signed with it."),
            is_secret=True,
        ),
        *VENDOR_FIELDS,
    )

    def write(self, message: Outgoing) -> Call:
        """The message as JSON; the reference comes back in reports."""
        data: dict[str, object] = {
            "originator": message.sender,
            "recipients": [message.recipient.lstrip("+")],
            "body": message.text,
            "datacoding": "auto",
            "reference": message.key,
        }
        if self.account.callback_url:
            data["reportUrl"] = self.account.callback_url
        headers = (("Authorization", self._credentials()), ("Content-Type", "application/json"))
        return Call(f"{self.base}/messages", headers, json.dumps(data).encode())

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """Success has an id; errors are a list with codes and the parameter they are about."""
        data = answer.json()
        if answer.is_success:
            return sent(message, data.get("id"))
        errors = data.get("errors")
        told = errors[0] if isinstance(errors, list) and errors else {}
        first: dict[str, Any] = told if isinstance(told, dict) else {}
        reason = REFUSALS.get(first.get("code", 0)) or _PARAMETERS.get(first.get("parameter") or "")
        if reason and answer.status < 429:
            return failed(message, reason, str(first.get("description", "")))
        if answer.status == 405:  # so it says “not allowed” where the key may not send
            return failed(message, REJECTED, answer.text())
        return refused(message, answer)

    def check(self) -> str:
        """Ask for the balance."""
        return asked(
            self.account, f"{self.base}/balance", headers={"Authorization": self._credentials()}
        )

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check the signed token: its key, its time, the address and the body it is about."""
        key = self.account.secret("signing_key") or self.account.callback_secret
        token = request.headers.get("messagebird-signature-jwt", "")
        claims = proofs.claims_of(token, secret=key)
        proofs.prove(claims.get("iss") == "MessageBird")
        proofs.prove_fresh(proofs.unix(claims.get("nbf")), request)
        if proofs.unix(claims.get("exp")) < request.received_at:
            raise CallbackRefused("The callback is too old or from the future.")
        proofs.prove(claims.get("url_hash") == proofs.sha256(request.url.encode()))
        wanted = proofs.sha256(request.body) if request.body else None
        proofs.prove(claims.get("payload_hash") == wanted)

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read a report, or a message that somebody sent: by GET, as a form or as JSON."""
        raw = _fields(request)
        identity = str(raw.get("id", ""))
        if not identity:
            raise CallbackRefused("The callback names no message.")
        if "status" not in raw:
            return [
                Inbound(
                    channel=self.channel,
                    sender=with_plus(str(raw.get("originator", ""))),
                    recipient=with_plus(str(raw.get("recipient", ""))),
                    body=str(raw.get("body", raw.get("payload", ""))),
                    provider_message_id=identity,
                    occurred_at=proofs.moment(raw.get("createdDatetime"), request.received_at),
                )
            ]
        why = str(raw.get("statusReason", ""))
        kind = WORDS.get(str(raw["status"]), UNKNOWN)
        return [
            CallbackNews(
                provider_message_id=identity,
                key=str(raw.get("reference", "")),
                kind=kind,
                occurred_at=proofs.moment(raw.get("statusDatetime"), request.received_at),
                recipient=with_plus(str(raw.get("recipient", ""))),
                reason=proofs.why(kind, why, dead=_DEAD),
                raw=raw,
            )
        ]

    def look_up(self, doubtful: Sequence[Outgoing]) -> list[CallbackNews]:
        """Ask for the messages to each number; the reference of one is our key."""
        return ask_each(self.account, doubtful, self._messages, _found)

    def _messages(self, message: Outgoing) -> Call:
        number = message.recipient.lstrip("+")
        asked_for = {"recipient": number, "direction": "mt", "limit": "100"}
        asked_for["from"] = since_when(message).isoformat(timespec="seconds")
        headers = (("Authorization", self._credentials()),)
        return Call(f"{self.base}/messages?{urlencode(asked_for)}", headers, method="GET")

    def _credentials(self) -> str:
        return f"AccessKey {self.account.secret('access_key')}"


def _found(message: Outgoing, answer: object) -> list[CallbackNews]:
    """What became of a message at its one recipient; reports tell the rest."""
    found = []
    for one in rows_in(answer, "items"):
        if str(one.get("reference")) != message.key:
            continue
        told = next(iter(rows_in(one, "recipients", "items")), {})
        kind = WORDS.get(str(told.get("status")), SENT_NEWS)
        found.append(
            news_of(
                message,
                one,
                kind=kind,
                identity=one.get("id"),
                at=proofs.moment(told.get("statusDatetime"), proofs.now()),
                reason=proofs.why(kind, str(told.get("statusReason") or ""), dead=_DEAD),
            )
        )
    return found


def _fields(request: CallbackRequest) -> dict[str, object]:
    if request.body.lstrip()[:1] == b"{":
        return proofs.objects(request)[0]
    return dict([*proofs.query(request), *proofs.form(request)])
