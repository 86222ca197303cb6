"""SendGrid: Mail Send of version 3 and its signed event webhook."""

import base64
import hashlib
import re
import time
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from crm.simulator.http import Posted, Request, Response
from crm.simulator.mailers.boxes import bearer, every, inside, mailbox, said
from crm.simulator.mailers.shapes import Fate, TakenMail
from crm.simulator.vendors.shapes import Keys, as_json, data_of, identity_of, now

_EVENTS: dict[Fate, dict[str, object]] = {
    Fate.DELIVERED: {"event": "delivered", "response": "250 2.0.0 OK", "tls": 1},
    Fate.BOUNCED: {
        "event": "bounce",
        "type": "bounce",
        "status": "5.1.1",
        "reason": "550 5.1.1 The email account that you tried to reach does not exist.",
        "bounce_classification": "Invalid Address",
    },
    Fate.SOFT: {
        "event": "bounce",
        "type": "blocked",
        "status": "4.2.2",
        "reason": "452 4.2.2 The email account that you tried to reach is over quota.",
        "bounce_classification": "Mailbox Unavailable",
    },
    Fate.COMPLAINED: {"event": "spamreport"},
    Fate.UNSUBSCRIBED: {"event": "unsubscribe"},
}


_QUERY = re.compile(
    r"to_email = '([^']+)' AND sg_message_id_created_at > "
    r'TIMESTAMP "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"'
)


def signing_key(secret: str) -> ec.EllipticCurvePrivateKey:
    """The key that callbacks are signed with: the same for the same secret."""
    number = int.from_bytes(hashlib.sha256(secret.encode()).digest()) >> 1
    return ec.derive_private_key(number, ec.SECP256R1())


def public_key(secret: str) -> str:
    """The verification key as the console shows it."""
    raw = (
        signing_key(secret)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return base64.b64encode(raw).decode()


class SendGrid:
    """JSON in, an empty answer, signed lists back."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> TakenMail | Response:
        """`POST /v3/mail/send` with a key."""
        if bearer(request) != self._keys.key:
            return _error(401, "The provided authorization grant is invalid, expired, or revoked")
        if request.path == "/v3/scopes":
            return Response(200, {"scopes": ["mail.send"]})
        if request.path == "/v3/user/webhooks/event/settings/signed":
            return Response(200, {"public_key": public_key(self._keys.secret)})
        data = data_of(request)
        people = every(data.get("personalizations"))
        parts = {said(one, "type"): said(one, "value") for one in every(data.get("content"))}
        if len(people) != 1 or not all(parts.values()):
            field = "content" if people else "personalizations"
            return _error(400, f"The {field} is required.", field)
        to = every(people[0].get("to"))
        return TakenMail(
            identity_of(request)[:22],
            said(inside(people[0], "custom_args"), "rapport_key"),
            mailbox(data.get("from")),
            said(to[0], "email") if to else "",
            said(data, "subject"),
            parts.get("text/plain", ""),
            parts.get("text/html", ""),
            {name: str(value) for name, value in inside(data, "headers").items()},
        )

    def found(self, request: Request, taken: Sequence[TakenMail]) -> Response | None:
        """`POST /v3/logs` by an address, and `GET /v3/logs/<id>` with all there is."""
        if not request.path.startswith("/v3/logs") or bearer(request) != self._keys.key:
            return None
        if request.method == "GET":
            wanted = request.path.removeprefix("/v3/logs/")
            mails = [one for one in taken if _logged(one)["sg_message_id"] == wanted]
            told = [_logged(one) | _more(one) for one in mails]
            return Response(200, told[0]) if told else _error(404, "not found")
        query = _QUERY.fullmatch(said(data_of(request), "query"))
        if query is None:
            return _error(400, "invalid query", "query")
        mails = [one for one in taken if one.recipient == query[1]]
        moment = {"sg_message_id_created_at": now()}
        return Response(200, {"messages": [_logged(one) | moment for one in mails]})

    def accepted(self, taken: TakenMail) -> Response:
        """202 with a header and no body."""
        return Response(202, b"", (("X-Message-Id", taken.identity),))

    def refused(self, taken: TakenMail) -> Response:
        """400 that names the field."""
        return _error(400, "Does not contain a valid address.", "personalizations.0.to.0.email")

    def slow_down(self) -> Response:
        """429."""
        answer = _error(429, "too many requests")
        return Response(answer.status, answer.data, (("Retry-After", "2"),))

    def report(self, taken: TakenMail, fate: Fate, url: str) -> Posted:
        """A list of one event, with the custom argument among its fields."""
        event = _EVENTS[fate] | {
            "email": taken.recipient,
            "timestamp": int(time.time()),
            "smtp-id": f"<{taken.identity}@geopod-ismtpd-1>",
            "sg_event_id": base64.urlsafe_b64encode(taken.identity.encode()).decode(),
            "sg_message_id": f"{taken.identity}.recvd-5f54b5d587-vtsbj-1-639997A2-4A.0",
            "rapport_key": taken.key,
        }
        body, moment = as_json([event]), str(int(time.time()))
        proof = signing_key(self._keys.secret).sign(
            moment.encode() + body, ec.ECDSA(hashes.SHA256())
        )
        headers = (
            ("X-Twilio-Email-Event-Webhook-Signature", base64.b64encode(proof).decode()),
            ("X-Twilio-Email-Event-Webhook-Timestamp", moment),
        )
        return Posted(url, body, headers)


def _logged(taken: TakenMail) -> dict[str, object]:
    """What is told of a mail in lists and alone."""
    return {
        "from_email": taken.sender,
        "sg_message_id": f"{taken.identity}.recvd-85abf8d92c-3qfgp-2-7890E356-43C.1",
        "subject": taken.subject,
        "to_email": taken.recipient,
        "status": "delivered",
    }


def _more(taken: TakenMail) -> dict[str, object]:
    """What is told of one mail alone."""
    told = {
        "email": taken.recipient,
        "timestamp": int(time.time()),
        "sg_message_id": taken.identity,
        "sg_event_id": base64.urlsafe_b64encode(taken.identity.encode()).decode(),
        "smtp-id": f"<{taken.identity}@geopod-ismtpd-1>",
    }
    return {
        "api_key_id": "simulator",
        "client_ip": "192.0.2.1",
        "custom_args": {"rapport_key": taken.key},
        "events": [
            told | _EVENTS[Fate.DELIVERED] | {"ip": "192.0.2.7"},
            told | {"event": "processed"},
        ],
    }


def _error(status: int, message: str, field: str | None = None) -> Response:
    return Response(status, {"errors": [{"message": message, "field": field, "help": None}]})
