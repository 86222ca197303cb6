"""Callbacks that come through a topic of Amazon SNS: proven by its certificate, and confirmed."""

import base64
import binascii
import re
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
from crm.channels.http_client import guarded_client, trusted_client
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


def prove(request: CallbackRequest, *, topic: str, trusted: str) -> None:
    """Refuse the callback unless SNS has signed it lately, for this topic of ours.

    Anybody may make a topic that calls us: the signature alone proves only that it is SNS.
    `trusted` is another address of Amazon's that the operator has configured, or nothing.
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
        key = _certificate(place, trusted).public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise CallbackRefused("The certificate of the callback has no RSA key.")
        given = base64.b64decode(text(raw, "Signature"), validate=True)
        key.verify(given, "".join(lines).encode(), padding.PKCS1v15(), algorithm())
    except (InvalidSignature, ValueError, binascii.Error) as error:
        raise CallbackRefused("The signature of the callback is wrong or missing.") from error
    signed_at = proofs.moment(text(raw, "Timestamp"), proofs.unix(0))
    proofs.prove_fresh(signed_at, request, within=RETRIED_FOR)


def confirm(request: CallbackRequest, *, trusted: str) -> None:
    """Follow the address by which a proven callback asks whether its topic may call us."""
    raw = read_json(request)
    if text(raw, "Type") != "SubscriptionConfirmation":
        return
    place = text(raw, "SubscribeURL")
    if not _is_amazons(place, trusted=trusted):
        raise CallbackRefused("The address that confirms the topic is none of Amazon's.")
    _fetched(place, trusted)


def _is_amazons(url: str, *, trusted: str) -> bool:
    """Whether an address is one of SNS, or under the one that the operator has configured."""
    if trusted and url.startswith(f"{trusted}/"):
        return True
    try:
        parts = urlsplit(url)
        usual = parts.port in {None, 443} and parts.username is None
    except ValueError:
        return False
    return parts.scheme == "https" and usual and bool(_HOST.fullmatch(parts.hostname or ""))


@lru_cache(maxsize=32)
def _certificate(url: str, trusted: str) -> x509.Certificate:
    """The certificate at an address of Amazon's, fetched once."""
    return x509.load_pem_x509_certificate(_fetched(url, trusted))


def _fetched(url: str, trusted: str) -> bytes:
    is_ours = bool(trusted) and url.startswith(f"{trusted}/")
    with trusted_client(connections=1) if is_ours else guarded_client() as client:
        try:
            answer = client.get(url)
        except httpx.HTTPError as error:
            raise CallbackRefused(f"Amazon cannot be reached: {type(error).__name__}") from error
    if not answer.is_success:
        raise CallbackRefused(f"Amazon answers {answer.status_code}.")
    return answer.content
