"""Mailgun: messages in MIME, events of version 3."""

import hmac
import secrets
import time
from collections.abc import Sequence
from email import message_from_bytes, policy

from crm.simulator.http import Posted, Request, Response
from crm.simulator.mailers.shapes import Fate, TakenMail, asked_for, read_raw
from crm.simulator.vendors.shapes import Keys, as_json, identity_of, password_of

_EVENTS: dict[Fate, dict[str, object]] = {
    Fate.DELIVERED: {
        "event": "delivered",
        "log-level": "info",
        "delivery-status": {"code": 250, "message": "OK", "attempt-no": 1, "tls": True},
    },
    Fate.BOUNCED: {
        "event": "failed",
        "severity": "permanent",
        "reason": "bounce",
        "log-level": "error",
        "delivery-status": {
            "code": 550,
            "message": "5.1.1 The email account that you tried to reach does not exist.",
            "attempt-no": 1,
            "description": "",
        },
    },
    Fate.SOFT: {
        "event": "failed",
        "severity": "permanent",
        "reason": "old",
        "log-level": "error",
        "delivery-status": {
            "code": 602,
            "message": "Too old",
            "attempt-no": 10,
            "description": "",
        },
    },
    Fate.COMPLAINED: {"event": "complained", "log-level": "warn"},
    Fate.UNSUBSCRIBED: {"event": "unsubscribed", "log-level": "info"},
}


class Mailgun:
    """Forms in, JSON out, signed JSON back."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> TakenMail | Response:
        """`POST /v3/<domain>/messages.mime` with basic authentication."""
        if password_of(request) != self._keys.key:
            return Response(401, {"message": "Invalid private key"})
        if request.method == "GET" and request.path.startswith("/v4/domains"):
            return Response(200, {"items": [], "total_count": 0})
        if not request.path.endswith("/messages.mime"):
            return Response(404, {"message": "Domain not found: people.example"})
        fields = _fields(request)
        if b"no" not in {fields.get("o:tracking"), fields.get("o:tracking-opens")}:
            return Response(400, {"message": "Here nothing is tracked."})
        return read_raw(
            fields.get("message", b""),
            identity=_message_id(fields.get("message", b"")) or identity_of(request)[:32],
            recipient=fields.get("to", b"").decode(),
            key=fields.get("v:rapport_key", b"").decode(),
        )

    def found(self, request: Request, taken: Sequence[TakenMail]) -> Response | None:
        """`GET /v3/<domain>/events` by the Message-ID."""
        if "/events?" not in request.path:
            return None
        wanted = asked_for(request).get("message-id")
        items = [_event(one, Fate.DELIVERED) for one in taken if one.identity == wanted]
        return Response(200, {"items": items, "paging": {}})

    def accepted(self, taken: TakenMail) -> Response:
        """200 with the Message-ID."""
        return Response(200, {"id": f"<{taken.identity}>", "message": "Queued. Thank you."})

    def refused(self, taken: TakenMail) -> Response:
        """400 with a sentence."""
        said = "'to' parameter is not a valid address. please check documentation"
        return Response(400, {"message": said})

    def slow_down(self) -> Response:
        """429."""
        return Response(429, {"message": "Too many requests"}, (("Retry-After", "2"),))

    def report(self, taken: TakenMail, fate: Fate, url: str) -> Posted:
        """A signed event."""
        timestamp, token = str(int(time.time())), secrets.token_hex(25)
        signed = (timestamp + token).encode()
        proof = hmac.digest(self._keys.secret.encode(), signed, "sha256").hex()
        event = _event(taken, fate)
        signature = {"token": token, "timestamp": timestamp, "signature": proof}
        return Posted(url, as_json({"signature": signature, "event-data": event}))


def _event(taken: TakenMail, fate: Fate) -> dict[str, object]:
    headers = {
        "to": taken.recipient,
        "message-id": taken.identity,
        "from": taken.sender,
        "subject": taken.subject,
    }
    return _EVENTS[fate] | {
        "id": secrets.token_urlsafe(16),
        "timestamp": time.time(),
        "recipient": taken.recipient,
        "recipient-domain": taken.recipient.rpartition("@")[2],
        "message": {"headers": headers, "attachments": [], "size": 1000},
        "user-variables": {"rapport_key": taken.key},
        "flags": {"is-routed": False, "is-authenticated": True, "is-test-mode": False},
        "tags": [],
        "campaigns": [],
    }


def _fields(request: Request) -> dict[str, bytes]:
    """The fields and files of a form in parts."""
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    _head, _line, boundary = request.headers.get("content-type", "").partition("boundary=")
    form = message_from_bytes(head, policy=policy.HTTP)
    if form.get_content_type() != "multipart/form-data" or not boundary:
        return {}
    found = {}
    for chunk in request.body.split(f"--{boundary}".encode())[1:-1]:
        headers, _empty, value = chunk.lstrip(b"\r\n").partition(b"\r\n\r\n")
        said = message_from_bytes(headers, policy=policy.HTTP)
        name = said.get_param("name", header="content-disposition")
        found[str(name)] = value.removesuffix(b"\r\n")
    return found


def _message_id(raw: bytes) -> str:
    return str(message_from_bytes(raw, policy=policy.HTTP).get("Message-ID", "")).strip("<>")
