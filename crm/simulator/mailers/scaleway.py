"""Scaleway: Transactional Email, with its events through a topic."""

import json
import uuid

from crm.simulator.http import Posted, Request, Response
from crm.simulator.mailers.boxes import first, is_sendable, mailbox, paired, said
from crm.simulator.mailers.shapes import Fate, TakenMail, with_password
from crm.simulator.vendors.shapes import Keys, as_json, data_of, identity_of, now

_EVENTS: dict[Fate, tuple[str, int, str]] = {
    Fate.DELIVERED: ("email_delivered", 250, "2.0.0 OK"),
    Fate.BOUNCED: ("email_mailbox_not_found", 550, "5.1.1 User unknown"),
    Fate.SOFT: ("email_dropped", 552, "5.2.2 Mailbox full"),
}
_BASE = "/transactional-email/v1alpha1/regions/fr-par"


class Scaleway:
    """JSON both ways."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> TakenMail | Response:
        """`POST …/emails` with the header `X-Auth-Token`."""
        if request.headers.get("x-auth-token") != self._keys.key:
            return _error(401, "denied_authentication", "authentication is denied")
        if request.path.startswith(f"{_BASE}/domains"):
            return Response(200, {"total_count": 0, "domains": []})
        data = data_of(request)
        headers = paired(data.get("additional_headers"), name="key", value="value")
        taken = TakenMail(
            str(uuid.UUID(identity_of(request)[:32])),
            headers.get("X-Rapport-Key", ""),
            mailbox(data.get("from")),
            first(data.get("to")),
            said(data, "subject"),
            said(data, "text"),
            said(data, "html"),
            headers,
        )
        is_known = request.path == f"{_BASE}/emails" and bool(data.get("project_id"))
        return taken if is_known and is_sendable(taken) else _invalid("project_id")

    def accepted(self, taken: TakenMail) -> Response:
        """200 with one entry a recipient."""
        mail = {
            "id": taken.identity,
            "message_id": f"{taken.identity}@tem.example",
            "mail_rcpt": taken.recipient,
            "rcpt_type": "to",
            "status": "new",
            "created_at": now(),
            "try_count": 0,
            "flags": [],
        }
        return Response(200, {"emails": [mail]})

    def refused(self, taken: TakenMail) -> Response:
        """400 with the argument that is wrong."""
        return _invalid("to.0.email")

    def slow_down(self) -> Response:
        """429."""
        data = {"type": "too_many_requests", "message": "too many requests"}
        return Response(429, data, (("Retry-After", "2"),))

    def report(self, taken: TakenMail, fate: Fate, url: str) -> Posted:
        """One event in the envelope of its topic, to the address with the password."""
        name, code, message = _EVENTS.get(fate, _EVENTS[Fate.DELIVERED])
        event = {
            "id": str(uuid.uuid4()),
            "type": name,
            "project_id": "3e2c6c23-3d44-4a44-9f0a-8c1b7f5a0001",
            "domain_name": "rapport.example",
            "created_at": now(),
            "email_sent_at": now(),
            "email_id": taken.identity,
            "email_from": taken.sender,
            "email_to": taken.recipient,
            "email_headers": [{"key": key, "value": said} for key, said in taken.headers.items()],
            "email_response_code": code,
            "email_response_message": message,
        }
        envelope = {
            "Type": "Notification",
            "MessageId": str(uuid.uuid4()),
            "TopicArn": "arn:scw:sns:fr-par:project-3e2c6c23:mails",
            "Message": json.dumps(event),
            "Timestamp": now(),
        }
        return with_password(Posted(url, as_json(envelope)), self._keys.secret)


def _invalid(argument: str) -> Response:
    details = [{"argument_name": argument, "reason": "constraint", "help_message": "not valid"}]
    data = {"type": "invalid_arguments", "message": "invalid argument(s)", "details": details}
    return Response(400, data)


def _error(status: int, kind: str, message: str) -> Response:
    return Response(status, {"type": kind, "message": message})
