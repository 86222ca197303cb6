"""Requests of providers proven anew with keys of ours: those of recordings were thrown away."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

from crm.channels import proofs
from crm.channels.base import Account, CallbackRequest, Field
from crm.channels.mailers.resend import signature
from crm.channels.mailing import form_fields
from crm.channels.registry import adapter_class
from tests.contracts import CALLBACK_URL, SECRET

# What proves a request: it gives the request as the provider would send it to our account.
Prove = Callable[[CallbackRequest, str], CallbackRequest]
PASSWORD = "callback_password"
TOPIC = "arn:aws:sns:us-east-1:111111111111:mails"


def account(provider: str, pem: str) -> Account:
    """An account with a value for everything that is asked for."""
    fields: tuple[Field, ...] = getattr(adapter_class(provider), "fields", ())
    return Account(
        provider,
        callback_url=CALLBACK_URL,
        callback_secret=SECRET,
        name="mine",
        options=tuple((one.name, _option(one)) for one in fields if not one.is_secret),
        secrets=tuple((one.name, _secret(one, pem)) for one in fields if one.is_secret),
    )


def _option(field: Field) -> str:
    if field.name == "url":
        return ""
    return TOPIC if field.name == "topic_arn" else field.default or "x"


def _secret(field: Field, pem: str) -> str:
    if field.name == "verification_key":
        from crm.simulator.mailers import sendgrid

        return sendgrid.public_key(SECRET)
    if field.name != "public_key":
        return SECRET
    key = serialization.load_pem_private_key(pem.encode(), None).public_key()
    kinds = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(*kinds).decode()


def proven(provider: str, request: CallbackRequest, *, pem: str) -> CallbackRequest:
    """The request with a proof of ours, by the scheme of its provider."""
    prove = PROOFS.get(provider)
    if prove is None:
        names = {one.name for one in getattr(adapter_class(provider), "fields", ())}
        assert PASSWORD in names, f"say in {__name__} how {provider} proves its callbacks"
        prove = _by_password
    return prove(request, pem)


def _with(request: CallbackRequest, **headers: str) -> CallbackRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(request, headers=dict(request.headers) | named)


def _by_password(request: CallbackRequest, pem: str) -> CallbackRequest:
    word = base64.b64encode(f"rapport:{SECRET}".encode()).decode()
    return _with(request, authorization=f"Basic {word}")


def _hex_of_body(header: str) -> Prove:
    def prove(request: CallbackRequest, pem: str) -> CallbackRequest:
        return _with(
            request, **{header: hmac.digest(SECRET.encode(), request.body, "sha256").hex()}
        )

    return prove


def _resend(request: CallbackRequest, pem: str) -> CallbackRequest:
    identity = request.headers.get("svix-id", "msg_1")
    moment = str(int(request.received_at.timestamp()))
    proof = signature(SECRET, identity=identity, timestamp=moment, body=request.body)
    return _with(request, svix_id=identity, svix_timestamp=moment, svix_signature=proof)


def _postal(request: CallbackRequest, pem: str) -> CallbackRequest:
    key = serialization.load_pem_private_key(pem.encode(), None)
    proof = base64.b64encode(key.sign(request.body, padding.PKCS1v15(), hashes.SHA1())).decode()
    return _with(request, x_postal_signature=proof)


def _unisender_go(request: CallbackRequest, pem: str) -> CallbackRequest:
    theirs = json.loads(request.body)["auth"].encode()
    signed = request.body.replace(theirs, SECRET.encode())
    proof = hashlib.md5(signed, usedforsecurity=False).hexdigest()
    return replace(request, body=request.body.replace(theirs, proof.encode()))


def _amazon_ses(request: CallbackRequest, pem: str) -> CallbackRequest:
    """As SNS says it for a topic of ours; tests see to its certificate."""
    told = {"Timestamp": request.received_at.isoformat()} | json.loads(request.body)
    place = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem"
    told |= {"TopicArn": TOPIC, "SignatureVersion": "2", "SigningCertURL": place}
    names = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    signed = "".join(f"{name}\n{told[name]}\n" for name in names if name in told).encode()
    key = serialization.load_pem_private_key(pem.encode(), None)
    proof = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    body = json.dumps(told | {"Signature": base64.b64encode(proof).decode()}).encode()
    moment = proofs.moment(told["Timestamp"], request.received_at)
    return replace(request, body=body, received_at=moment)


def _mailgun(request: CallbackRequest, pem: str) -> CallbackRequest:
    told = dict(form_fields(request)) if b"form-data" in request.body else {}
    told = told or json.loads(request.body)["signature"]
    signed = f"{told['timestamp']}{told['token']}".encode()
    proof = hmac.digest(SECRET.encode(), signed, "sha256").hex()
    body = request.body.replace(told["signature"].encode(), proof.encode())
    return replace(request, body=body, received_at=proofs.unix(told["timestamp"]))


def _mandrill(request: CallbackRequest, pem: str) -> CallbackRequest:
    from crm.channels.mailers import mandrill

    proof = mandrill.signature(request.url, form_fields(request), key=SECRET)
    return _with(request, x_mandrill_signature=proof)


def _sendgrid(request: CallbackRequest, pem: str) -> CallbackRequest:
    from crm.simulator.mailers import sendgrid

    moment = str(int(request.received_at.timestamp()))
    signed = moment.encode() + request.body
    raw = sendgrid.signing_key(SECRET).sign(signed, ec.ECDSA(hashes.SHA256()))
    proof = {"signature": base64.b64encode(raw).decode(), "timestamp": moment}
    return _with(request, **{f"x_twilio_email_event_webhook_{k}": v for k, v in proof.items()})


# Providers whose callbacks carry a password need no line here.
PROOFS: dict[str, Prove] = {
    "amazon_ses": _amazon_ses,
    "mailersend": _hex_of_body("signature"),
    "mailgun": _mailgun,
    "mailtrap": _hex_of_body("mailtrap_signature"),
    "mandrill": _mandrill,
    "postal": _postal,
    "resend": _resend,
    "sendgrid": _sendgrid,
    "unisender_go": _unisender_go,
}
