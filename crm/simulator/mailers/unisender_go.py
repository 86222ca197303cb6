"""Unisender Go: its web API, version 1."""

import hashlib
import json
from datetime import UTC, datetime

from crm.simulator.http import Posted, Request, Response
from crm.simulator.mailers.boxes import every, inside, is_sendable, mailbox, said
from crm.simulator.mailers.shapes import Fate, TakenMail
from crm.simulator.vendors.shapes import Keys, data_of, identity_of

_EVENTS: dict[Fate, tuple[str, str, str]] = {
    Fate.DELIVERED: ("delivered", "ok_delivered", "250 OK"),
    Fate.BOUNCED: ("hard_bounced", "err_user_unknown", "550 5.1.1 User unknown"),
    Fate.SOFT: ("hard_bounced", "err_mailbox_full", "552 5.2.2 Mailbox full"),
    Fate.COMPLAINED: ("spam", "ok_fbl", ""),
    Fate.UNSUBSCRIBED: ("unsubscribed", "ok_unsubscribed", ""),
}


class UnisenderGo:
    """JSON both ways."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> TakenMail | Response:
        """`POST /email/send.json` with the header `X-API-KEY`."""
        if request.headers.get("x-api-key") != self._keys.key:
            return _error(401, 102, "Error ID:1. Can not decode key")
        if request.path == "/system/info.json":
            return Response(200, {"status": "success", "user_id": 1, "email": "a@example.com"})
        data = inside(data_of(request), "message")
        recipient = next(iter(every(data.get("recipients"))), {})
        taken = TakenMail(
            identity_of(request)[:16],
            said(inside(recipient, "metadata"), "rapport_key"),
            mailbox(data, name="from_name", email="from_email"),
            said(recipient, "email"),
            said(data, "subject"),
            said(inside(data, "body"), "plaintext"),
            said(inside(data, "body"), "html"),
            {name: str(value) for name, value in inside(data, "headers").items()},
        )
        return taken if is_sendable(taken) else _error(400, 140, "Error ID:2. Empty body")

    def accepted(self, taken: TakenMail) -> Response:
        """200 with the id of the job."""
        data = {"status": "success", "job_id": taken.identity, "emails": [taken.recipient]}
        return Response(200, data)

    def refused(self, taken: TakenMail) -> Response:
        """400, as nobody is left to write to."""
        failed = {taken.recipient: "invalid"}
        said = "Error ID:3. There are no valid emails"
        data = {"status": "error", "code": 204, "message": said, "failed_emails": failed}
        return Response(400, data)

    def slow_down(self) -> Response:
        """429."""
        data = {"status": "error", "code": 901, "message": "Too many requests"}
        return Response(429, data, (("Retry-After", "2"),))

    def report(self, taken: TakenMail, fate: Fate, url: str) -> Posted:
        """A batch of one event, with the fingerprint that knows the key."""
        status, code, answer = _EVENTS[fate]
        event = {
            "job_id": taken.identity,
            "metadata": {"rapport_key": taken.key},
            "email": taken.recipient,
            "status": status,
            "event_time": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "delivery_info": {"delivery_status": code, "destination_response": answer},
        }
        named = {"event_name": "transactional_email_status", "event_data": event}
        users = [{"user_id": 456, "project_id": "6123462", "events": [named]}]
        data = {"auth": self._keys.key, "events_by_user": users}
        body = json.dumps(data, separators=(",", ":")).encode()
        proof = hashlib.md5(body, usedforsecurity=False).hexdigest()
        return Posted(url, body.replace(self._keys.key.encode(), proof.encode(), 1))


def _error(status: int, code: int, message: str) -> Response:
    return Response(status, {"status": "error", "code": code, "message": message})
