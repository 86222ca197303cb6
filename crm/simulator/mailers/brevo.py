"""Brevo: its transactional API, version 3."""

import json
import time
from collections.abc import Sequence

from crm.simulator.http import Posted, Request, Response
from crm.simulator.mailers.boxes import first, inside, is_sendable, mailbox, rendered, said
from crm.simulator.mailers.shapes import Fate, TakenMail, asked_for, with_password
from crm.simulator.vendors.shapes import Keys, as_json, data_of, identity_of, now

_EVENTS: dict[Fate, dict[str, object]] = {
    Fate.DELIVERED: {"event": "delivered"},
    Fate.BOUNCED: {"event": "hard_bounce", "reason": "550 5.1.1 User unknown"},
    Fate.SOFT: {"event": "soft_bounce", "reason": "452 4.2.2 Mailbox full"},
    Fate.COMPLAINED: {"event": "spam"},
    Fate.UNSUBSCRIBED: {"event": "unsubscribe"},
}


class Brevo:
    """JSON both ways; templates are rendered in every mail."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> TakenMail | Response:
        """`POST /smtp/email` with the header `api-key`."""
        if request.headers.get("api-key") != self._keys.key:
            return _error(401, "unauthorized", "Key not found")
        if request.method == "GET" and request.path == "/account":
            return Response(200, {"email": "simulator@example.com", "plan": []})
        data = data_of(request)
        headers = {name: str(value) for name, value in inside(data, "headers").items()}
        headers.pop("idempotencyKey", "")
        custom = headers.pop("X-Mailin-custom", "{}")
        identity = f"<{identity_of(request)[:20]}@smtp-relay.mailin.fr>"
        taken = TakenMail(
            identity,
            said(json.loads(custom), "rapport_key"),
            mailbox(data.get("sender")),
            first(data.get("to")),
            rendered(said(data, "subject")),
            rendered(said(data, "textContent")),
            rendered(said(data, "htmlContent")),
            headers,
        )
        if not is_sendable(taken):
            return _error(400, "missing_parameter", "htmlContent or textContent is missing")
        return taken

    def found(self, request: Request, taken: Sequence[TakenMail]) -> Response | None:
        """`GET /smtp/statistics/events` by an address."""
        is_search = request.path.startswith("/smtp/statistics/events?")
        if not is_search or request.headers.get("api-key") != self._keys.key:
            return None
        mails = [one for one in taken if one.recipient == asked_for(request).get("email")]
        events = [
            {
                "email": one.recipient,
                "date": now(),
                "subject": one.subject,
                "messageId": one.identity,
                "event": event,
                "tag": one.key,
                "from": one.sender,
            }
            for one in mails
            for event in ("delivered", "requests")
        ]
        return Response(200, {"events": events} if events else {})

    def accepted(self, taken: TakenMail) -> Response:
        """201 with the Message-ID."""
        return Response(201, {"messageId": taken.identity})

    def refused(self, taken: TakenMail) -> Response:
        """400."""
        return _error(400, "invalid_parameter", "email is not valid in to")

    def slow_down(self) -> Response:
        """429."""
        data: dict[str, object] = {"code": "too_many_requests", "message": "Too many requests"}
        return Response(429, data, (("Retry-After", "2"), ("x-sib-ratelimit-reset", "2")))

    def report(self, taken: TakenMail, fate: Fate, url: str) -> Posted:
        """One event, with the account's password."""
        seconds = time.time()
        data = _EVENTS[fate] | {
            "email": taken.recipient,
            "id": 26224,
            "date": "2026-11-22 12:00:00",
            "ts": int(seconds),
            "ts_event": int(seconds),
            "ts_epoch": int(seconds * 1000),
            "message-id": taken.identity,
            "subject": taken.subject,
            "X-Mailin-custom": json.dumps({"rapport_key": taken.key}),
            "sending_ip": "192.0.2.7",
            "template_id": 0,
            "tags": [],
        }
        return with_password(Posted(url, as_json(data)), self._keys.secret)


def _error(status: int, code: str, message: str) -> Response:
    return Response(status, {"code": code, "message": message})
