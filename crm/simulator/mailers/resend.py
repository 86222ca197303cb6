"""Resend: its API."""

import base64
import hmac
import time
import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from email.message import EmailMessage

from crm.simulator.http import Posted, Request, Response
from crm.simulator.mailers.boxes import bearer, every, inside, is_sendable, said
from crm.simulator.mailers.shapes import Fate, TakenMail
from crm.simulator.vendors.shapes import Keys, as_json, data_of, now

_EVENTS: dict[Fate, tuple[str, dict[str, object]]] = {
    Fate.DELIVERED: ("email.delivered", {}),
    Fate.BOUNCED: (
        "email.bounced",
        {
            "bounce": {
                "message": "The recipient's email provider sent a hard bounce message.",
                "subType": "General",
                "type": "Permanent",
            }
        },
    ),
    Fate.SOFT: (
        "email.bounced",
        {
            "bounce": {
                "message": "The recipient's inbox was full.",
                "subType": "MailboxFull",
                "type": "Transient",
            }
        },
    ),
    Fate.COMPLAINED: ("email.complained", {}),
}


_HELD = 100


class Resend:
    """JSON both ways, one mail for each key, callbacks signed by Standard Webhooks."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        # The last mails that came in, as they came.
        self._held: OrderedDict[str, bytes] = OrderedDict()

    def take(self, request: Request) -> TakenMail | Response:
        """`POST /emails` with a token."""
        if bearer(request) != self._keys.key:
            return _error(401, "invalid_api_key", "API key is invalid")
        data = data_of(request)
        once = request.headers.get("idempotency-key") or str(uuid.uuid4())
        tags = {said(tag, "name"): said(tag, "value") for tag in every(data.get("tags"))}
        to = data.get("to")
        taken = TakenMail(
            str(uuid.uuid5(uuid.NAMESPACE_OID, once)),
            tags.get("rapport_key", ""),
            said(data, "from"),
            str(to[0]) if isinstance(to, list) and to else "",
            said(data, "subject"),
            said(data, "text"),
            said(data, "html"),
            {name: str(value) for name, value in inside(data, "headers").items()},
        )
        if not is_sendable(taken):
            return _error(422, "missing_required_field", "Missing `html` or `text` field.")
        return taken

    def found(self, request: Request, taken: Sequence[TakenMail]) -> Response | None:
        """`GET /emails/receiving/<id>`, which names where the mail as it came lies."""
        area, _slash, identity = request.path.removeprefix("/").rpartition("/")
        if area == "held" and identity in self._held:
            return Response(200, self._held[identity])
        if area != "emails/receiving" or bearer(request) != self._keys.key:
            return None
        if identity not in self._held:
            return _error(404, "not_found", "Email not found")
        url = f"http://{request.headers.get('host', '')}/resend/held/{identity}"
        raw = {"download_url": url, "expires_at": now()}
        return Response(200, {"object": "email", "id": identity, "raw": raw})

    def received(self, data: dict[str, object], url: str) -> Posted:
        """A mail that somebody sent: its id is told, and the mail kept."""
        mail, identity = EmailMessage(), str(uuid.uuid4())
        for name in ("from", "to", "subject", "in_reply_to"):
            if said(data, name):
                mail[name.replace("_", "-").title()] = said(data, name)
        mail.set_content(said(data, "text"))
        self._held[identity] = mail.as_bytes()
        while len(self._held) > _HELD:
            self._held.popitem(last=False)
        told = {"email_id": identity, "from": said(data, "from"), "to": [said(data, "to")]}
        return self._posted(url, "email.received", told | {"subject": said(data, "subject")})

    def accepted(self, taken: TakenMail) -> Response:
        """200 with the id."""
        return Response(200, {"id": taken.identity})

    def refused(self, taken: TakenMail) -> Response:
        """422 with the field that is wrong."""
        return _error(422, "validation_error", "Invalid `to` field.")

    def slow_down(self) -> Response:
        """429."""
        data = {"statusCode": 429, "name": "rate_limit_exceeded", "message": "Too many requests."}
        return Response(429, data, (("Retry-After", "2"), ("ratelimit-reset", "2")))

    def report(self, taken: TakenMail, fate: Fate, url: str) -> Posted:
        """One event, signed."""
        name, more = _EVENTS.get(fate, _EVENTS[Fate.DELIVERED])
        told = {
            "email_id": taken.identity,
            "from": taken.sender,
            "to": [taken.recipient],
            "subject": taken.subject,
            "tags": {"rapport_key": taken.key},
        }
        return self._posted(url, name, told | more)

    def _posted(self, url: str, name: str, told: Mapping[str, object]) -> Posted:
        data = {"type": name, "created_at": now(), "data": {"created_at": now(), **told}}
        body, identity, moment = as_json(data), f"msg_{uuid.uuid4().hex}", str(int(time.time()))
        signed = f"{identity}.{moment}.".encode() + body
        proof = base64.b64encode(hmac.digest(self._keys.secret.encode(), signed, "sha256")).decode()
        proofs = (
            ("svix-id", identity),
            ("svix-timestamp", moment),
            ("svix-signature", f"v1,{proof}"),
        )
        return Posted(url, body, proofs)


def _error(status: int, name: str, message: str) -> Response:
    return Response(status, {"statusCode": status, "name": name, "message": message})
