"""Mandrill: version 1.0 of its API and its signed webhooks."""

import base64
import hmac
import time
from collections.abc import Sequence
from urllib.parse import urlencode

from crm.simulator.http import Posted, Request, Response
from crm.simulator.mailers.boxes import every, inside, mailbox, said
from crm.simulator.mailers.shapes import Fate, TakenMail
from crm.simulator.vendors.shapes import Keys, as_json, data_of, identity_of

_EVENTS = {
    Fate.DELIVERED: "delivered",
    Fate.BOUNCED: "hard_bounce",
    Fate.SOFT: "soft_bounce",
    Fate.COMPLAINED: "spam",
    Fate.UNSUBSCRIBED: "unsub",
}
_BOUNCES: dict[Fate, dict[str, object]] = {
    Fate.BOUNCED: {
        "state": "bounced",
        "bounce_description": "bad_mailbox",
        "bgtools_code": 10,
        "diag": "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
    },
    Fate.SOFT: {
        "state": "soft-bounced",
        "bounce_description": "mailbox_full",
        "bgtools_code": 22,
        "diag": "smtp;552 5.2.2 Over Quota",
    },
}


class Mandrill:
    """JSON in and out, forms with JSON inside back."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> TakenMail | Response:
        """`POST /api/1.0/messages/send` with the key in the body."""
        data = data_of(request)
        if data.get("key") != self._keys.key:
            return _error(-1, "Invalid_Key", "Invalid API key")
        if request.path == "/api/1.0/users/ping2":
            return Response(200, {"PING": "PONG!"})
        mail = inside(data, "message")
        people = every(mail.get("to"))
        if request.path != "/api/1.0/messages/send" or len(people) != 1:
            return _error(-2, "ValidationError", "Validation error: message.to is required")
        if mail.get("track_opens") is not False or mail.get("merge") is not False:
            return _error(-2, "ValidationError", "Here nothing is tracked or merged.")
        return TakenMail(
            identity_of(request)[:32],
            said(inside(mail, "metadata"), "rapport_key"),
            mailbox(mail, name="from_name", email="from_email"),
            said(people[0], "email"),
            said(mail, "subject"),
            said(mail, "text"),
            said(mail, "html"),
            {name: str(value) for name, value in inside(mail, "headers").items()},
        )

    def found(self, request: Request, taken: Sequence[TakenMail]) -> Response | None:
        """`POST /api/1.0/messages/search` by the recipient."""
        if request.path != "/api/1.0/messages/search":
            return None
        wanted = said(data_of(request), "query").removeprefix("full_email:")
        mails = [
            {
                "ts": int(time.time()),
                "_id": one.identity,
                "email": one.recipient,
                "state": "sent",
                "metadata": {"rapport_key": one.key},
            }
            for one in taken
            if one.recipient == wanted
        ]
        return Response(200, mails)

    def accepted(self, taken: TakenMail) -> Response:
        """A list with the recipient."""
        told = {"email": taken.recipient, "status": "sent", "_id": taken.identity}
        return Response(200, [told | {"reject_reason": None}])

    def refused(self, taken: TakenMail) -> Response:
        """The same with “invalid”."""
        told = {"email": taken.recipient, "status": "invalid", "_id": taken.identity}
        return Response(200, [told | {"reject_reason": None}])

    def slow_down(self) -> Response:
        """429."""
        answer = _error(-99, "TooManyRequests", "Too many requests")
        return Response(429, answer.data, (("Retry-After", "2"),))

    def report(self, taken: TakenMail, fate: Fate, url: str) -> Posted:
        """A form with a list of one event, signed with the address."""
        moment = int(time.time())
        mail: dict[str, object] = {
            "_id": taken.identity,
            "ts": moment,
            "state": "sent",
            "subject": taken.subject,
            "email": taken.recipient,
            "sender": taken.sender,
            "tags": [],
            "metadata": {"rapport_key": taken.key},
        }
        event = {"event": _EVENTS[fate], "_id": taken.identity, "ts": moment}
        event["msg"] = mail | _BOUNCES.get(fate, {})
        told = as_json([event]).decode()
        signed = (url + "mandrill_events" + told).encode()
        proof = hmac.digest(self._keys.secret.encode(), signed, "sha1")
        headers = (
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("X-Mandrill-Signature", base64.b64encode(proof).decode()),
        )
        return Posted(url, urlencode({"mandrill_events": told}).encode(), headers)


def _error(code: int, name: str, message: str) -> Response:
    data = {"status": "error", "code": code, "name": name, "message": message}
    return Response(500, data)
