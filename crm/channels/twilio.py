"""SMS through Twilio: the Programmable Messaging API of 2010-04-01."""

import base64
import hmac
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from django.utils.translation import gettext_noop as _

from crm.channels import proofs
from crm.channels.base import (
    DEFERRED,
    DELIVERED,
    FAILED_NEWS,
    INVALID_ADDRESS,
    RATE_LIMITED,
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
from crm.channels.posting import (
    NOTHING_OF_OURS,
    VENDOR_FIELDS,
    PostingAdapter,
    asked,
    refused,
    wait_told,
)

WORDS = {
    "accepted": SENT_NEWS,
    "scheduled": SENT_NEWS,
    "queued": SENT_NEWS,
    "sending": SENT_NEWS,
    "sent": SENT_NEWS,
    "delivered": DELIVERED,
    "read": DELIVERED,
    "undelivered": FAILED_NEWS,
    "failed": FAILED_NEWS,
    "canceled": FAILED_NEWS,
}
REFUSALS = {
    20003: UNAUTHORIZED,
    20429: RATE_LIMITED,
    14107: RATE_LIMITED,
    21211: INVALID_ADDRESS,
    21214: INVALID_ADDRESS,
    21217: INVALID_ADDRESS,
    21614: INVALID_ADDRESS,
    21606: SENDER_REFUSED,
    21212: SENDER_REFUSED,
    21603: SENDER_REFUSED,
    21659: SENDER_REFUSED,
    21610: REJECTED,
    21611: DEFERRED,
    30001: DEFERRED,
}
# Error codes of a report that say the number itself cannot be reached, now and later.
_DEAD = frozenset({"30005", "30006", "21211", "21614"})


class TwilioAdapter(PostingAdapter):
    """One message a request; reports and answers come as signed forms."""

    label: ClassVar[str] = "Twilio"
    usual: ClassVar[str] = "https://api.twilio.com"
    unasked: ClassVar[str] = NOTHING_OF_OURS
    fields = (
        Field("account_sid", _("Account SID")),
        Field(
            "api_key_sid",
            _("API key SID"),
            help=_("Empty where the auth token is used for sending too."),
            is_needed=False,
        ),
        Field("api_key_secret", _("API key secret"), is_secret=True, is_needed=False),
        Field(
            "auth_token",
            _("Auth token"),
            help=_("Callbacks are signed with it."),
            is_secret=True,
        ),
        Field(
            "messaging_service_sid",
            _("Messaging service SID"),
            help=_("Chooses the sender; empty is the sender of the account."),
            is_needed=False,
        ),
        *VENDOR_FIELDS,
    )

    def write(self, message: Outgoing) -> Call:
        """The message as a form."""
        service = self.account.option("messaging_service_sid")
        data = {"To": message.recipient, "Body": message.text}
        data |= {"MessagingServiceSid": service} if service else {"From": message.sender}
        if self.account.callback_url:
            data["StatusCallback"] = proofs.with_key(self.account.callback_url, message.key)
        headers = (
            ("Authorization", self._credentials()),
            ("Content-Type", "application/x-www-form-urlencoded"),
        )
        return Call(f"{self._address()}/Messages.json", headers, urlencode(data).encode())

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """Success has a `sid`; an error has a code of its own."""
        data = answer.json()
        if answer.is_success:
            return sent(message, data.get("sid"))
        code = data.get("code")
        reason = REFUSALS.get(code) if isinstance(code, int) else None
        if reason is None:
            return refused(message, answer)
        pause = wait_told(answer, 1.0) if reason == RATE_LIMITED else None
        return failed(message, reason, f"{code}: {data.get('message', '')}", retry_after=pause)

    def check(self) -> str:
        """Ask for the account itself."""
        return asked(
            self.account, f"{self._address()}.json", headers={"Authorization": self._credentials()}
        )

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check `X-Twilio-Signature`; Twilio signs no time, so that repeats are told by content."""
        token = self.account.secret("auth_token") or self.account.callback_secret
        given = request.headers.get("x-twilio-signature", "")
        body_hash = parse_qs(urlsplit(request.url).query).get("bodySHA256", [""])[0]
        if body_hash:
            proofs.prove(body_hash == proofs.sha256(request.body))
            fields: Sequence[tuple[str, str]] = ()
        else:
            fields = proofs.form(request)
        wanted = [signature(url, fields, token=token) for url in _ways_to_write(request.url)]
        proofs.prove(any([proofs.same(given, one, secret=token) for one in wanted]))

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read a status report, or a message that somebody sent."""
        data = dict(proofs.form(request))
        identity = data.get("MessageSid") or data.get("SmsSid", "")
        if not identity:
            raise CallbackRefused("The callback names no message.")
        status = data.get("MessageStatus") or data.get("SmsStatus", "")
        if status == "received" or ("Body" in data and "MessageStatus" not in data):
            return [
                Inbound(
                    channel=self.channel,
                    sender=data.get("From", ""),
                    recipient=data.get("To", ""),
                    body=data.get("Body", ""),
                    provider_message_id=identity,
                    occurred_at=request.received_at,
                )
            ]
        code = data.get("ErrorCode", "")
        kind = WORDS.get(status, UNKNOWN)
        return [
            CallbackNews(
                provider_message_id=identity,
                key=proofs.key_in(request),
                kind=kind,
                occurred_at=request.received_at,
                recipient=data.get("To", ""),
                reason=proofs.why(kind, code, dead=_DEAD),
                raw=data,
            )
        ]

    def _address(self) -> str:
        return f"{self.base}/2010-04-01/Accounts/{self.account.option('account_sid')}"

    def _credentials(self) -> str:
        user, secret = self.account.option("api_key_sid"), self.account.secret("api_key_secret")
        if user and secret:
            return proofs.basic(user, secret)
        return proofs.basic(self.account.option("account_sid"), self.account.secret("auth_token"))


def signature(url: str, fields: Iterable[tuple[str, str]], *, token: str) -> str:
    """HMAC-SHA1 over the address and the fields, sorted, each once."""
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()


def _ways_to_write(url: str) -> Iterator[str]:
    """The address as it is, without its port, and with the port that goes without saying."""
    yield url
    parts = urlsplit(url)
    host = parts.netloc.rpartition(":")[0] if parts.port else parts.netloc
    usual = 443 if parts.scheme == "https" else 80
    yield parts._replace(netloc=host if parts.port else f"{host}:{usual}").geturl()
