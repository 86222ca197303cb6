"""Amazon SES: raw mails by version 2 of its API, and events through a topic of SNS."""

import base64
import hashlib
import hmac
import re
import uuid
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from crm.simulator.http import Posted, Request, Response
from crm.simulator.mailers.boxes import every, inside, said
from crm.simulator.mailers.shapes import Fate, TakenMail, read_raw
from crm.simulator.vendors.shapes import Keys, as_json, data_of, identity_of

TOPIC = "arn:aws:sns:eu-central-1:123456789012:rapport"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/]+/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)
_BOUNCES = {
    Fate.BOUNCED: ("Permanent", "General", "smtp; 550 5.1.1 user unknown", "5.1.1"),
    Fate.SOFT: ("Transient", "MailboxFull", "smtp; 552 5.2.2 over quota", "5.2.2"),
}


@cache
def signing_key() -> tuple[rsa.RSAPrivateKey, bytes]:
    """A key and its certificate, made once."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return key, made.public_bytes(serialization.Encoding.PEM)


class AmazonSes:
    """Signed JSON in, signed notifications back."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        # Where the certificate lies: as whoever sends to us has written our address.
        self._base = ""

    def take(self, request: Request) -> TakenMail | Response:
        """`POST /v2/email/outbound-emails`, signed; and the certificate that callbacks name."""
        if request.path.endswith(".pem"):
            return Response(200, signing_key()[1])
        if request.path.startswith("/?Action=ConfirmSubscription"):
            return Response(200, b"<ConfirmSubscriptionResponse/>")
        self._base = f"http://{request.headers.get('host', '')}/amazon_ses"
        if not self._is_signed(request):
            message = "The security token included in the request is invalid."
            return _error(403, "UnrecognizedClientException", message)
        if request.path == "/v2/email/account":
            return Response(200, {"SendingEnabled": True, "ProductionAccessEnabled": True})
        data = data_of(request)
        tags = {said(one, "Name"): said(one, "Value") for one in every(data.get("EmailTags"))}
        to = inside(data, "Destination").get("ToAddresses")
        raw = said(inside(data, "Content", "Raw"), "Data")
        if request.path != "/v2/email/outbound-emails" or not raw or not isinstance(to, list):
            return _error(400, "BadRequestException", "Content is missing.")
        return read_raw(
            base64.b64decode(raw),
            identity=f"0100{identity_of(request)[:28]}-000000",
            recipient=str(to[0]),
            key=tags.get("rapport_key", ""),
        )

    def accepted(self, taken: TakenMail) -> Response:
        """200 with the id."""
        return Response(200, {"MessageId": taken.identity})

    def refused(self, taken: TakenMail) -> Response:
        """400 with a sentence."""
        return _error(400, "BadRequestException", "Illegal address")

    def slow_down(self) -> Response:
        """429."""
        answer = _error(429, "TooManyRequestsException", "Maximum sending rate exceeded.")
        return Response(429, answer.data, (*answer.headers, ("Retry-After", "2")))

    def report(self, taken: TakenMail, fate: Fate, url: str) -> Posted:
        """A notification of the topic, with the event inside of it."""
        event = {"eventType": _word(fate), "mail": self._mail(taken)}
        event[_word(fate).lower()] = _about(taken, fate)
        return self.notified(url, as_json(event).decode())

    def notified(self, url: str, message: str, kind: str = "Notification") -> Posted:
        """What SNS posts for its topic, signed."""
        data: dict[str, object] = {
            "Type": kind,
            "MessageId": str(uuid.uuid4()),
            "TopicArn": TOPIC,
            "Message": message,
            "Timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}",
            "SignatureVersion": "1",
            "SigningCertURL": f"{self._base}/SimpleNotificationService-1.pem",
        }
        names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
        if kind == "Notification":
            data["Subject"] = "Amazon SES Email Event Notification"
        else:
            data["Token"] = "2336412f37f"  # noqa: S105 - it is no secret of anybody's
            data["SubscribeURL"] = f"{self._base}/?Action=ConfirmSubscription&Token=2336412f37f"
            names = [
                "Message",
                "MessageId",
                "SubscribeURL",
                "Timestamp",
                "Token",
                "TopicArn",
                "Type",
            ]
        signed = "".join(f"{name}\n{data[name]}\n" for name in names).encode()
        proof = signing_key()[0].sign(signed, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
        data["Signature"] = base64.b64encode(proof).decode()
        headers = (
            ("Content-Type", "text/plain; charset=UTF-8"),
            ("x-amz-sns-message-type", kind),
            ("x-amz-sns-message-id", str(data["MessageId"])),
        )
        return Posted(url, as_json(data), headers)

    def _mail(self, taken: TakenMail) -> dict[str, object]:
        headers = [{"name": name, "value": value} for name, value in taken.headers.items()]
        return {
            "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}",
            "messageId": taken.identity,
            "source": taken.sender,
            "destination": [taken.recipient],
            "headersTruncated": False,
            "headers": headers,
            "tags": {"ses:operation": ["SendEmail"], "rapport_key": [taken.key]},
        }

    def _is_signed(self, request: Request) -> bool:
        """Recompute the signature as Amazon would."""
        found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
        if found is None:
            return False
        day, region, service, names, given = found.groups()
        lines = "".join(f"{name}:{request.headers[name]}\n" for name in names.split(";"))
        path = f"/amazon_ses{request.path}"
        body = hashlib.sha256(request.body).hexdigest()
        canonical = f"{request.method}\n{path}\n\n{lines}\n{names}\n{body}"
        moment = request.headers.get("x-amz-date", "")
        asked = f"AWS4-HMAC-SHA256\n{moment}\n{day}/{region}/{service}/aws4_request\n"
        asked += hashlib.sha256(canonical.encode()).hexdigest()
        key = f"AWS4{self._keys.key}".encode()
        for step in (day, region, service, "aws4_request"):
            key = hmac.digest(key, step.encode(), "sha256")
        return hmac.compare_digest(hmac.digest(key, asked.encode(), "sha256").hex(), given)


def _word(fate: Fate) -> str:
    words = {Fate.DELIVERED: "Delivery", Fate.COMPLAINED: "Complaint"}
    return words.get(fate, "Subscription" if fate == Fate.UNSUBSCRIBED else "Bounce")


def _about(taken: TakenMail, fate: Fate) -> dict[str, object]:
    moment: dict[str, object] = {"timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}"}
    if fate == Fate.DELIVERED:
        return moment | {"recipients": [taken.recipient], "smtpResponse": "250 2.0.0 OK"}
    if fate == Fate.COMPLAINED:
        people = [{"emailAddress": taken.recipient}]
        return moment | {"complainedRecipients": people, "complaintFeedbackType": "abuse"}
    if fate == Fate.UNSUBSCRIBED:
        return moment | {"contactList": "list", "source": "UnsubscribeHeader"}
    kind, finer, said_so, status = _BOUNCES[fate]
    person = {"emailAddress": taken.recipient, "action": "failed", "status": status}
    person["diagnosticCode"] = said_so
    return moment | {"bounceType": kind, "bounceSubType": finer, "bouncedRecipients": [person]}


def _error(status: int, kind: str, message: str) -> Response:
    return Response(status, {"message": message}, (("x-amzn-ErrorType", kind),))
