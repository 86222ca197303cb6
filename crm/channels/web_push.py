"""Web push: encrypted by RFC 8291 for one browser, sent in our name by RFC 8292 (VAPID).

A recipient is a subscription in one line: its endpoint, its key (p256dh) and its secret (auth).
"""

import base64
import binascii
import hashlib
import json
import os
import re
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.utils.translation import gettext_noop as _

from crm.channels import proofs
from crm.channels.base import (
    DEFERRED,
    INVALID_ADDRESS,
    RATE_LIMITED,
    REJECTED,
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

# What the largest services take: 4,096 bytes with the header and the tag.
LONGEST = 3_900
# As much of a subscription as a record has room for.
LONGEST_LINE = 1_000
_RECORD = 4_096
_TOKEN_SECONDS = 12 * 3600
_LINK = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where one browser listens, and what only it can read by."""

    endpoint: str
    key: bytes
    secret: bytes

    @classmethod
    def of(cls, line: str) -> "Subscription":
        """Read a recipient; ValueError if it is none."""
        endpoint, *keys = line.split(" ")
        if urlsplit(endpoint).scheme not in {"https", "http"} or len(keys) != 2:
            raise ValueError("This is no push subscription.")
        key, secret = (unpadded(one) for one in keys)
        if len(key) != 65 or key[0] != 4 or len(secret) != 16:
            raise ValueError("The keys of the push subscription are not as long as they must be.")
        _point(key)
        return cls(endpoint, key, secret)


class WebPushAdapter(PostingAdapter):
    """One encrypted request a browser; one that is gone closes its address."""

    channel: ClassVar[str] = "push"
    label: ClassVar[str] = "Web push"
    fields = (
        Field(
            "private_key",
            _("Private key of VAPID"),
            help=_("As `manage.py push_keys` prints it."),
            is_secret=True,
        ),
        Field("subject", _("Contact"), help=_("mailto: or https:, for the push services.")),
        Field(
            "keep_seconds",
            _("Kept for"),
            help=_("Seconds that a service keeps a message for a browser that is closed."),
            default="86400",
        ),
    )
    # Hosts that need not be public; the tests' own service is one.
    allowed_hosts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._requests = ManyRequests(
            per_second=per_second(account.option("per_second")),
            guarded_but=self.allowed_hosts,
            is_one_place=False,
        )
        self._tokens: dict[str, tuple[str, float]] = {}

    @cached_property
    def _private(self) -> ec.EllipticCurvePrivateKey:
        return private_key(self.account.secret("private_key"))

    def write(self, message: Outgoing) -> Call | Outcome:
        """The message, encrypted for the browser; a repeat replaces what waits of it."""
        try:
            subscription = Subscription.of(message.recipient)
        except ValueError as error:
            return failed(message, INVALID_ADDRESS, str(error))
        plain = payload(message)
        if len(plain) > LONGEST:
            return failed(message, REJECTED, f"Longer than {LONGEST} bytes.")
        topic = hashlib.sha256(message.key.encode()).digest()[:24]
        headers = (
            ("TTL", self.account.option("keep_seconds", "86400")),
            ("Topic", base64.urlsafe_b64encode(topic).decode()),
            ("Content-Encoding", "aes128gcm"),
            ("Content-Type", "application/octet-stream"),
            ("Authorization", self._credentials(subscription.endpoint)),
        )
        return Call(subscription.endpoint, headers, encrypted(plain, subscription))

    def understand(self, message: Outgoing, answer: Answer) -> Outcome:
        """A push service that breaks down has not taken the message: it may be tried again."""
        return self.read(message, answer)

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """404 and 410 say that the browser has unsubscribed."""
        if answer.is_success:
            return sent(message, answer.headers.get("location") or message.key)
        if answer.status in {404, 410}:
            return failed(message, INVALID_ADDRESS, answer.text())
        found = refused(message, answer)
        if found.reason == RATE_LIMITED:
            # The pause of one service is not a pause of all.
            return failed(message, DEFERRED, found.detail, retry_after=wait_told(answer))
        return found

    def verify_callback(self, request: CallbackRequest) -> None:
        """Push services do not call."""
        raise CallbackRefused("Push services do not call us.")

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Push services do not call."""
        raise CallbackRefused("Push services do not call us.")

    def _credentials(self, endpoint: str) -> str:
        parts = urlsplit(endpoint)
        origin, now = f"{parts.scheme}://{parts.netloc}", proofs.now().timestamp()
        kept, until = self._tokens.get(origin, ("", 0.0))
        if until < now + 60:
            until = now + _TOKEN_SECONDS
            claims = {"aud": origin, "exp": int(until), "sub": self.account.option("subject")}
            kept = token(claims, self._private)
            self._tokens[origin] = (kept, until)
        return f"vapid t={kept}, k={padless(public_bytes(self._private))}"


def payload(message: Outgoing) -> bytes:
    """What the worker in the browser shows: the text, and the first link as where a click leads."""
    link = _LINK.search(message.text)
    data = {
        "title": message.subject or message.sender.partition("<")[0].strip(),
        "body": _LINK.sub("", message.text).strip() if link else message.text,
        "url": link[0] if link else "",
        "tag": message.key,
    }
    return json.dumps(data, ensure_ascii=False).encode()


def encrypted(
    plain: bytes,
    subscription: Subscription,
    *,
    ours: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes = b"",
) -> bytes:
    """A body of one aes128gcm record (RFC 8188) under keys agreed as RFC 8291 says."""
    ours, salt = ours or ec.generate_private_key(ec.SECP256R1()), salt or os.urandom(16)
    shared, mine = ours.exchange(ec.ECDH(), _point(subscription.key)), public_bytes(ours)
    info = b"WebPush: info\0" + subscription.key + mine
    secret = _derived(shared, salt=subscription.secret, info=info, length=32)
    key = _derived(secret, salt=salt, info=b"Content-Encoding: aes128gcm\0", length=16)
    nonce = _derived(secret, salt=salt, info=b"Content-Encoding: nonce\0", length=12)
    head = salt + _RECORD.to_bytes(4, "big") + bytes((len(mine),)) + mine
    # The 2 says that this record is the last.
    return head + AESGCM(key).encrypt(nonce, plain + b"\2", None)


def _point(key: bytes) -> ec.EllipticCurvePublicKey:
    """The public half that a browser gives; ValueError if it is no point of the curve."""
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    """A private key as it is kept: 32 bytes in base64."""
    number = int.from_bytes(unpadded(text), "big")
    return ec.derive_private_key(number, ec.SECP256R1())


def draw_private_key() -> str:
    """A new private key, as `private_key` reads it."""
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return padless(number.to_bytes(32, "big"))


def public_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half as a point, not compressed."""
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def public_text(private: str) -> str:
    """The public half as browsers ask for it."""
    return padless(public_bytes(private_key(private)))


def token(claims: dict[str, object], key: ec.EllipticCurvePrivateKey) -> str:
    """A JSON Web Token signed with ES256."""
    parts = ({"typ": "JWT", "alg": "ES256"}, claims)
    signed = ".".join(padless(json.dumps(part).encode()) for part in parts)
    one, two = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{padless(one.to_bytes(32, 'big') + two.to_bytes(32, 'big'))}"


def padless(raw: bytes) -> str:
    """Base64 for addresses, without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unpadded(text: str) -> bytes:
    """The bytes of such base64; ValueError if it is none."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("This is no base64.") from error


def _derived(secret: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)
