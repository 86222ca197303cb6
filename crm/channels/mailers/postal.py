"""E-mail through a Postal server, which somebody runs themselves: its legacy API, version 1."""

import base64
import re
from typing import ClassVar

import httpx
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.utils.translation import gettext_noop as _

from crm.channels.base import (
    BOUNCED,
    CLICKED,
    DEFERRED,
    DELIVERED,
    INVALID_ADDRESS,
    OPENED,
    REJECTED,
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
    Outcome,
    Outgoing,
)
from crm.channels.callbacks import read_json
from crm.channels.http_client import provider_client
from crm.channels.http_many import failed, sent
from crm.channels.http_wire import Answer, Call
from crm.channels.mailing import (
    Mail,
    MailerAdapter,
    bounce_by_code,
    json_call,
    part,
    since_epoch,
    word,
)
from crm.channels.posting import ONLY_BY_ITS_ID

WORDS = {
    "MessageSent": DELIVERED,
    "MessageDelayed": DEFERRED,
    "MessageHeld": SENT_NEWS,
    "MessageDeliveryFailed": BOUNCED,
    "MessageBounced": BOUNCED,
    "MessageLoaded": OPENED,
    "MessageLinkClicked": CLICKED,
}
# Around a key in PEM, whose lines may have been joined.
_MARKS = re.compile(r"-----[A-Z ]+-----")
# Postal makes its own.
_THEIRS = frozenset({"message-id"})
# Codes of answers, which all come with the status 200.
REFUSALS = {
    "AccessDenied": UNAUTHORIZED,
    "InvalidServerAPIKey": UNAUTHORIZED,
    "ServerSuspended": UNAUTHORIZED,
    "UnauthenticatedFromAddress": SENDER_REFUSED,
    "FromAddressMissing": SENDER_REFUSED,
    "NoRecipients": INVALID_ADDRESS,
}


class PostalAdapter(MailerAdapter):
    """One mail a request; callbacks are signed with the server's RSA key."""

    label: ClassVar[str] = "Postal"
    unasked: ClassVar[str] = ONLY_BY_ITS_ID
    fields = (
        Field("url", _("Address"), help=_("Where your Postal is reached, such as its web page.")),
        Field("api_key", _("API key"), help=_("A credential of kind API."), is_secret=True),
        Field(
            "public_key",
            _("Public key of the server"),
            help=_("Callbacks are checked with it: what “postal default-dkim-record” shows."),
            is_secret=True,
            is_long=True,
        ),
    )
    refusals = REFUSALS

    def compose(self, mail: Mail) -> Call:
        """The mail as JSON; its one tag is our key, and a header keeps Postal from tracking it."""
        data: dict[str, object] = {
            "to": [mail.recipient.address],
            "from": mail.sender.header(),
            "subject": mail.subject,
            "tag": mail.key,
            "headers": dict(mail.headers(without=_THEIRS)) | {"X-AMP": "skip"},
        }
        data |= {"html_body": mail.html} if mail.html else {}
        data |= {"plain_body": mail.text} if mail.text else {}
        return json_call(f"{self.base}/api/v1/send/message", data, self._credentials())

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """Every answer has the status 200; `status` in it says how it went."""
        data = answer.json()
        if not answer.is_success:
            return self.refusal(message, answer)
        if data.get("status") == "success":
            return sent(message, _identity_in(data) or message.key)
        code = word(part(data, "data").get("code"))
        return failed(message, REFUSALS.get(code, REJECTED), answer.text())

    def check(self) -> str:
        """Ask for a message without naming one: whoever has no key is told so first."""
        url = f"{self.base}/api/v1/messages/message"
        with provider_client(self.account.guarded_but) as client:
            try:
                said = client.post(url, headers=dict([self._credentials()]), json={}).json()
            except (httpx.HTTPError, ValueError) as error:
                return f"{type(error).__name__}: {error}"
        code = word(part(said, "data").get("code"))
        return f"The provider says {code}." if REFUSALS.get(code) == UNAUTHORIZED else ""

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check `X-Postal-Signature-256`, or the SHA-1 one of older servers, over the body."""
        key = _public_key(self.account.secret("public_key"))
        newer = request.headers.get("x-postal-signature-256", "")
        given = newer or request.headers.get("x-postal-signature", "")
        algorithm = hashes.SHA256() if newer else hashes.SHA1()  # noqa: S303 - Postal chose it
        try:
            signature = base64.b64decode(given, validate=True)
            key.verify(signature, request.body, padding.PKCS1v15(), algorithm)
        except (InvalidSignature, ValueError) as error:
            raise CallbackRefused("The signature of the callback is wrong or missing.") from error

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read one event; what became of a mail that came in is not for us."""
        raw = read_json(request)
        said, payload = word(raw.get("event")), part(raw, "payload")
        mail = part(payload, "message") or part(payload, "original_message")
        if mail.get("direction") == "incoming":
            return []
        kind, detail = WORDS.get(said, UNKNOWN), _detail(payload)
        return [
            CallbackNews(
                provider_message_id=word(mail.get("id")),
                key=word(mail.get("tag")),
                kind=kind,
                occurred_at=since_epoch(raw.get("timestamp"), request.received_at),
                recipient=word(mail.get("to")),
                reason=bounce_by_code(detail, otherwise=SOFT_BOUNCE) if kind == BOUNCED else "",
                raw=raw,
                detail=detail,
            )
        ]

    def _credentials(self) -> tuple[str, str]:
        return "X-Server-API-Key", self.account.secret("api_key")


def _public_key(text: str) -> rsa.RSAPublicKey:
    """The key of a DKIM record, of PEM, or of the bare base64 that both have."""
    bare = _MARKS.sub("", text)
    bare = "".join(bare.partition("p=")[2].partition(";")[0].split() or bare.split())
    try:
        found = serialization.load_der_public_key(base64.b64decode(bare, validate=True))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CallbackRefused("No public key is set for this account.") from error
    if not isinstance(found, rsa.RSAPublicKey):
        raise CallbackRefused("The public key of this account is not RSA.")
    return found


def _identity_in(data: dict[str, object]) -> str:
    """The id of the one mail that the answer names."""
    mails = part(data, "data", "messages").values()
    return word(next((mail["id"] for mail in mails if isinstance(mail, dict) and "id" in mail), ""))


def _detail(payload: dict[str, object]) -> str:
    """What the other server said, else what Postal says of it."""
    return word(payload.get("output")) or word(payload.get("details"))
