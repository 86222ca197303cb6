"""Mailtrap: its sending API."""

import time
import uuid
from collections.abc import Sequence

from crm.simulator.http import Posted, Request, Response
from crm.simulator.mailers.boxes import first, inside, is_sendable, mailbox, said, signed
from crm.simulator.mailers.shapes import Fate, TakenMail, asked_for
from crm.simulator.vendors.shapes import Keys, data_of, identity_of, now

_EVENTS: dict[Fate, dict[str, object]] = {
    Fate.DELIVERED: {"event": "delivery"},
    Fate.BOUNCED: {
        "event": "bounce",
        "response": "bounced (550 5.1.1 The account that you tried to reach does not exist.)",
        "response_code": 550,
        "bounce_category": "hard",
    },
    Fate.SOFT: {
        "event": "bounce",
        "response": "bounced (552 5.2.2 The account that you tried to reach is over quota.)",
        "response_code": 552,
        "bounce_category": "mailbox_full",
    },
    Fate.COMPLAINED: {"event": "spam"},
    Fate.UNSUBSCRIBED: {"event": "unsubscribe", "ip": "192.0.2.1", "user_agent": "Mozilla/5.0"},
}


class Mailtrap:
    """JSON both ways, callbacks in batches."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> TakenMail | Response:
        """`POST /api/send` with the header `Api-Token`."""
        if request.headers.get("api-token") != self._keys.key:
            return _error(401, "Unauthorized")
        if request.path == "/api/accounts":
            return Response(200, [{"id": 26730, "name": "Simulator", "access_levels": [100]}])
        data = data_of(request)
        headers = {name: str(value) for name, value in inside(data, "headers").items()}
        taken = TakenMail(
            str(uuid.UUID(identity_of(request)[:32])),
            said(inside(data, "custom_variables"), "rapport_key"),
            mailbox(data.get("from")),
            first(data.get("to")),
            said(data, "subject"),
            said(data, "text"),
            said(data, "html"),
            headers,
        )
        return taken if is_sendable(taken) else _error(400, "must specify either text or html body")

    def found(self, request: Request, taken: Sequence[TakenMail]) -> Response | None:
        """`GET /api/email_logs` by an address, or one mail with its events by its id."""
        is_ours = request.headers.get("api-token") == self._keys.key
        if not (is_ours and request.path.startswith("/api/email_logs")):
            return None
        wanted = request.path.removeprefix("/api/email_logs").removeprefix("/")
        if not wanted.startswith("?"):
            told = [_logged(one) | {"events": _events(one)} for one in taken]
            found = [one for one in told if one["message_id"] == wanted]
            return Response(200, found[0]) if found else _error(404, "Not Found")
        address = asked_for(request).get("filters[to][value]")
        mails = [_logged(one) for one in taken if one.recipient == address]
        data = {"messages": mails, "total_count": len(mails), "next_page_cursor": None}
        return Response(200, data)

    def accepted(self, taken: TakenMail) -> Response:
        """200 with an id for each recipient."""
        return Response(200, {"success": True, "message_ids": [taken.identity]})

    def refused(self, taken: TakenMail) -> Response:
        """400 with the address that is wrong."""
        return _error(400, f"'to' address {taken.recipient} is invalid")

    def slow_down(self) -> Response:
        """429."""
        data: dict[str, object] = {"success": False, "errors": ["Too many requests"]}
        return Response(429, data, (("Retry-After", "2"),))

    def report(self, taken: TakenMail, fate: Fate, url: str) -> Posted:
        """A batch of one event, signed."""
        event = _EVENTS[fate] | {
            "timestamp": int(time.time()),
            "sending_stream": "transactional",
            "sending_domain_name": "rapport.example",
            "message_id": taken.identity,
            "email": taken.recipient,
            "event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{taken.identity}{fate}")),
            "custom_variables": {"rapport_key": taken.key},
        }
        data = {"events": [event]}
        return signed(url, data, header="Mailtrap-Signature", secret=self._keys.secret)


def _logged(taken: TakenMail) -> dict[str, object]:
    """A mail as the log lists it."""
    return {
        "message_id": taken.identity,
        "status": "delivered",
        "subject": taken.subject,
        "from": taken.sender,
        "to": taken.recipient,
        "sent_at": now(),
        "custom_variables": {"rapport_key": taken.key},
        "sending_stream": "transactional",
        "domain_id": 3938,
        "opens_count": 0,
        "clicks_count": 0,
    }


def _events(taken: TakenMail) -> list[dict[str, object]]:
    details = {"sending_ip": "192.0.2.1", "recipient_mx": "mx.people.example"}
    return [{"event_type": "delivery", "created_at": now(), "details": details}]


def _error(status: int, message: str) -> Response:
    return Response(status, {"success": False, "errors": [message]})
