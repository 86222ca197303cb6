"""Postal: its legacy API, version 1."""

import base64
import time
import uuid
from collections.abc import Mapping
from functools import cached_property

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from crm.simulator.http import Posted, Request, Response
from crm.simulator.mailers.boxes import inside, is_sendable, said
from crm.simulator.mailers.shapes import Fate, TakenMail
from crm.simulator.vendors.shapes import Keys, as_json, data_of, identity_of

_STATUSES = {
    Fate.DELIVERED: ("MessageSent", "Sent", "Message accepted", "250 2.0.0 OK\n"),
    Fate.BOUNCED: ("MessageDeliveryFailed", "HardFail", "Rejected", "550 5.1.1 Unknown user\n"),
    Fate.SOFT: ("MessageDeliveryFailed", "HardFail", "Rejected", "552 5.2.2 Mailbox full\n"),
}


class Postal:
    """JSON both ways; every answer has the status 200, and callbacks are signed with RSA."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    @cached_property
    def _signer(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def public_key(self) -> str:
        """The record that `postal default-dkim-record` shows."""
        raw = self._signer.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return f"v=DKIM1; t=s; h=sha256; p={base64.b64encode(raw).decode()};"

    def take(self, request: Request) -> TakenMail | Response:
        """`POST /api/v1/send/message` with the header `X-Server-API-Key`."""
        if request.path == "/default-dkim-record":
            return Response(200, {"record": self.public_key})
        if request.headers.get("x-server-api-key") != self._keys.key:
            return _error("InvalidServerAPIKey", "The API token provided was not valid.")
        if request.path != "/api/v1/send/message":
            missing = {"message": "`id` parameter is required but is missing"}
            return _answer("parameter-error", missing)
        data = data_of(request)
        to = data.get("to")
        headers = {name: str(value) for name, value in inside(data, "headers").items()}
        taken = TakenMail(
            str(int(identity_of(request)[:8], 16)),
            said(data, "tag"),
            said(data, "from"),
            str(to[0]) if isinstance(to, list) and to else "",
            said(data, "subject"),
            said(data, "plain_body"),
            said(data, "html_body"),
            headers,
        )
        return taken if is_sendable(taken) else _error("NoContent", "There is no content.")

    def accepted(self, taken: TakenMail) -> Response:
        """The ids of each recipient."""
        mail: dict[str, object] = {"id": int(taken.identity), "token": "Kmo8CRdjuM7B"}
        data = {"message_id": f"{uuid.uuid4()}@rp.postal.example", "messages": {}}
        return _answer("success", data | {"messages": {taken.recipient: mail}})

    def refused(self, taken: TakenMail) -> Response:
        """An error with its code."""
        return _error("NoRecipients", "There are no recipients defined to receive this message.")

    def slow_down(self) -> Response:
        """429, from the web server before it: Postal itself has no such limit."""
        return Response(429, {"error": "Too many requests"}, (("Retry-After", "2"),))

    def report(self, taken: TakenMail, fate: Fate, url: str) -> Posted:
        """One event, signed in both ways."""
        event, status, details, output = _STATUSES.get(fate, _STATUSES[Fate.DELIVERED])
        seconds = time.time()
        data = {
            "event": event,
            "timestamp": seconds,
            "payload": {
                "message": {
                    "id": int(taken.identity),
                    "token": "Kmo8CRdjuM7B",
                    "direction": "outgoing",
                    "message_id": f"{taken.key}@rp.postal.example",
                    "to": taken.recipient,
                    "from": taken.sender,
                    "subject": taken.subject,
                    "timestamp": seconds,
                    "spam_status": "NotChecked",
                    "tag": taken.key,
                },
                "status": status,
                "details": details,
                "output": output,
                "sent_with_ssl": True,
                "timestamp": seconds,
                "time": 0.22,
            },
            "uuid": str(uuid.uuid4()),
        }
        body = as_json(data)
        proofs = (
            ("X-Postal-Signature", self._signed(body, hashes.SHA1())),  # noqa: S303 - as it does
            ("X-Postal-Signature-256", self._signed(body, hashes.SHA256())),
        )
        return Posted(url, body, proofs)

    def _signed(self, body: bytes, algorithm: hashes.HashAlgorithm) -> str:
        return base64.b64encode(self._signer.sign(body, padding.PKCS1v15(), algorithm)).decode()


def _answer(status: str, data: Mapping[str, object]) -> Response:
    return Response(200, {"status": status, "time": 0.02, "flags": {}, "data": dict(data)})


def _error(code: str, message: str) -> Response:
    return _answer("error", {"code": code, "message": message})
