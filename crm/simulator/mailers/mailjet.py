"""Mailjet: version 3.1 of its Send API, and its event callbacks."""

import time
from collections.abc import Sequence

from crm.simulator.http import Posted, Request, Response
from crm.simulator.mailers.boxes import every, inside, mailbox, said
from crm.simulator.mailers.shapes import Fate, TakenMail, asked_for, with_password
from crm.simulator.vendors.shapes import Keys, as_json, data_of, identity_of, now, password_of

_EVENTS: dict[Fate, dict[str, object]] = {
    Fate.DELIVERED: {"event": "sent", "smtp_reply": "sent (250 2.0.0 OK 1433333948)"},
    Fate.BOUNCED: {
        "event": "bounce",
        "blocked": False,
        "hard_bounce": True,
        "error_related_to": "recipient",
        "error": "user unknown",
        "comment": "550 5.1.1 no such user",
    },
    Fate.SOFT: {
        "event": "bounce",
        "blocked": False,
        "hard_bounce": False,
        "error_related_to": "mailbox",
        "error": "quota exceeded",
        "comment": "552 5.2.2 over quota",
    },
    Fate.COMPLAINED: {"event": "spam", "source": "JMRPP"},
    Fate.UNSUBSCRIBED: {"event": "unsub", "mj_list_id": 1, "ip": "127.0.0.1", "geo": "FR"},
}
_FORBIDDEN = {"list-id", "message-id", "from", "to", "subject", "date", "x-feedback-id"}


class Mailjet:
    """JSON both ways."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> TakenMail | Response:
        """`POST /v3.1/send` with basic authentication."""
        if password_of(request) != self._keys.key:
            message = "API key authentication/authorization failure."
            return Response(401, {"ErrorMessage": message, "StatusCode": 401})
        if request.path == "/v3/REST/myprofile":
            return Response(200, {"Count": 1, "Data": [{"ID": 1}], "Total": 1})
        mails = every(data_of(request).get("Messages"))
        if request.path != "/v3.1/send" or len(mails) != 1:
            return _error(400, "mj-0003", "Messages is mandatory but missing.", "Messages")
        mail, people = mails[0], every(mails[0].get("To"))
        headers = {name: str(value) for name, value in inside(mail, "Headers").items()}
        if any(name.lower() in _FORBIDDEN for name in headers):
            return _error(400, "send-0011", "Header cannot be customized.", "Headers")
        return TakenMail(
            str(int(identity_of(request)[:14], 16)),
            said(mail, "CustomID"),
            mailbox(mail.get("From"), name="Name", email="Email"),
            said(people[0], "Email") if people else "",
            said(mail, "Subject"),
            said(mail, "TextPart"),
            said(mail, "HTMLPart"),
            headers,
        )

    def found(self, request: Request, taken: Sequence[TakenMail]) -> Response | None:
        """`GET /v3/REST/message` by the custom id."""
        if not request.path.startswith("/v3/REST/message?"):
            return None
        asked = asked_for(request)
        wanted, is_shown = asked.get("CustomID"), asked.get("ShowCustomID") == "true"
        rows = [
            {"ID": int(one.identity), "Status": "sent", "ArrivedAt": now()}
            | ({"CustomID": one.key} if is_shown else {})
            for one in taken
            if one.key == wanted
        ]
        return Response(200, {"Count": len(rows), "Data": rows, "Total": len(rows)})

    def accepted(self, taken: TakenMail) -> Response:
        """200 with the number of the mail."""
        person = {
            "Email": taken.recipient,
            "MessageUUID": taken.identity,
            "MessageID": int(taken.identity),
            "MessageHref": f"https://api.mailjet.com/v3/REST/message/{taken.identity}",
        }
        told = {"Status": "success", "CustomID": taken.key, "To": [person], "Cc": [], "Bcc": []}
        return Response(200, {"Messages": [told]})

    def refused(self, taken: TakenMail) -> Response:
        """400 with the code mj-0013."""
        said_so = f'"{taken.recipient}" is an invalid email address.'
        return _error(400, "mj-0013", said_so, "To[0].Email")

    def slow_down(self) -> Response:
        """429."""
        return Response(429, {"ErrorMessage": "Too many requests"}, (("Retry-After", "2"),))

    def report(self, taken: TakenMail, fate: Fate, url: str) -> Posted:
        """A list of one event, as grouped callbacks are."""
        event = _EVENTS[fate] | {
            "time": int(time.time()),
            "MessageID": int(taken.identity),
            "Message_GUID": taken.identity,
            "email": taken.recipient,
            "mj_campaign_id": 7,
            "mj_contact_id": 4,
            "customcampaign": "",
            "CustomID": taken.key,
            "Payload": "",
        }
        return with_password(Posted(url, as_json([event])), self._keys.secret)


def _error(status: int, code: str, message: str, field: str) -> Response:
    error = {
        "ErrorIdentifier": "1ab23cd4-e567-8901-2345-6789f0gh1i2j",
        "ErrorCode": code,
        "StatusCode": status,
        "ErrorMessage": message,
        "ErrorRelatedTo": [field],
    }
    return Response(status, {"Messages": [{"Status": "error", "Errors": [error]}]})
