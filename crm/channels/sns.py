"""Callbacks that come through a topic of Amazon SNS: proven by its certificate, and confirmed."""

import base64
import binascii
import re
from collections.abc import Collection
from functools import lru_cache
from urllib.parse import urlsplit

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from crm.channels import proofs
from crm.channels.base import CallbackRefused, CallbackRequest
from crm.channels.callbacks import read_json, text
from crm.channels.http_client import provider_client
from crm.channels.mailing import RETRIED_FOR

_HOST = re.compile(r"sns\.[a-z0-9-]{3,40}\.amazonaws\.com(\.cn)?")
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_ASKING = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED = {
    "Notification": _NOTIFICATION,
    "SubscriptionConfirmation": _ASKING,
    "UnsubscribeConfirmation": _ASKING,
}
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {"1": hashes.SHA1, "2": hashes.SHA256}


def prove(
    request: CallbackRequest, *, topic: str, trusted: str, guarded_but: tuple[str, ...] | None = ()
) -> None:
    """Refuse the callback unless SNS has signed it lately, for this topic of ours.

    Anybody may make a topic that calls us: the signature alone proves only that it is SNS.
    `trusted` is another address that the account has for Amazon's, or nothing, and `guarded_but`
    what that may lead to (see Account).
    """
    raw = read_json(request)
    names, algorithm = _SIGNED.get(text(raw, "Type")), _HASHES.get(text(raw, "SignatureVersion"))
    if names is None or algorithm is None or not topic or text(raw, "TopicArn") != topic:
        raise CallbackRefused("The callback is none of the topic of this account.")
    place = text(raw, "SigningCertURL")
    if not _is_amazons(place, trusted=trusted) or not urlsplit(place).path.endswith(".pem"):
        raise CallbackRefused("The certificate of the callback is none of Amazon's.")
    # A subject is signed only where there is one.
    lines = [f"{name}\n{text(raw, name)}\n" for name in names if raw.get(name) is not None]
    try:
        key = _certificate(place, _beyond(place, trusted, guarded_but)).public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise CallbackRefused("The certificate of the callback has no RSA key.")
        given = base64.b64decode(text(raw, "Signature"), validate=True)
        key.verify(given, "".join(lines).encode(), padding.PKCS1v15(), algorithm())
    except (InvalidSignature, ValueError, binascii.Error) as error:
        raise CallbackRefused("The signature of the callback is wrong or missing.") from error
    signed_at = proofs.moment(text(raw, "Timestamp"), proofs.unix(0))
    proofs.prove_fresh(signed_at, request, within=RETRIED_FOR)


def confirm(
    request: CallbackRequest, *, trusted: str, guarded_but: tuple[str, ...] | None = ()
) -> None:
    """Follow the address by which a proven callback asks whether its topic may call us."""
    raw = read_json(request)
    if text(raw, "Type") != "SubscriptionConfirmation":
        return
    place = text(raw, "SubscribeURL")
    if not _is_amazons(place, trusted=trusted):
        raise CallbackRefused("The address that confirms the topic is none of Amazon's.")
    _fetched(place, _beyond(place, trusted, guarded_but))


def _is_amazons(url: str, *, trusted: str) -> bool:
    """Whether an address is one of SNS, or under the one of the account."""
    if trusted and url.startswith(f"{trusted}/"):
        return True
    try:
        parts = urlsplit(url)
        usual = parts.port in {None, 443} and parts.username is None
    except ValueError:
        return False
    return parts.scheme == "https" and usual and bool(_HOST.fullmatch(parts.hostname or ""))


def _beyond(url: str, trusted: str, guarded_but: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Which private places an address may lead to: those of the account, for its own alone."""
    return guarded_but if trusted and url.startswith(f"{trusted}/") else ()


@lru_cache(maxsize=32)
def _certificate(url: str, guarded_but: tuple[str, ...] | None) -> x509.Certificate:
    """The certificate at an address of Amazon's, fetched once."""
    return x509.load_pem_x509_certificate(_fetched(url, guarded_but))


def _fetched(url: str, guarded_but: Collection[str] | None) -> bytes:
    with provider_client(guarded_but) as client:
        try:
            answer = client.get(url)
        except httpx.HTTPError as error:
            raise CallbackRefused(f"Amazon cannot be reached: {type(error).__name__}") from error
    if not answer.is_success:
        raise CallbackRefused(f"Amazon answers {answer.status_code}.")
    return answer.content
