"""MailerSend: its API, version 1."""

from collections.abc import Sequence

from crm.simulator.http import Posted, Request, Response
from crm.simulator.mailers.boxes import (
    bearer,
    first,
    is_sendable,
    mailbox,
    paired,
    rendered,
    said,
    signed,
)
from crm.simulator.mailers.shapes import Fate, TakenMail, asked_for
from crm.simulator.vendors.shapes import Keys, data_of, identity_of, now

_ACTIVITIES: dict[Fate, tuple[str, dict[str, object] | None]] = {
    Fate.DELIVERED: ("delivered", None),
    Fate.BOUNCED: ("hard_bounced", {"object": "recipient_bounce", "reason": "550 5.1.1 Unknown"}),
    Fate.SOFT: ("soft_bounced", {"object": "recipient_bounce", "reason": "Mailbox full"}),
    Fate.COMPLAINED: ("spam_complaint", {"object": "spam_complaint", "reason": None}),
    Fate.UNSUBSCRIBED: (
        "unsubscribed",
        {"object": "recipient_unsubscribe", "reason": "option_3", "readable_reason": "Too many"},
    ),
}


_DOMAIN = "yv69oxl5kl785kw2"


class MailerSend:
    """JSON in, headers out, signed JSON back."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> TakenMail | Response:
        """`POST /v1/email` with a token."""
        if bearer(request) != self._keys.key:
            return Response(401, {"message": "Unauthenticated."})
        if request.path == "/v1/api-quota":
            return Response(200, {"quota": 100000, "remaining": 99999, "reset": now()})
        data = data_of(request)
        tags = data.get("tags")
        key = (
            next((str(tag)[4:] for tag in tags if str(tag).startswith("key:")), "")
            if (isinstance(tags, list))
            else ""
        )
        headers = paired(data.get("headers"), name="name", value="value")
        if data.get("list_unsubscribe"):
            headers["List-Unsubscribe"] = f"<{data['list_unsubscribe']}>"
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        if data.get("precedence_bulk"):
            headers["Precedence"] = "bulk"
        taken = TakenMail(
            identity_of(request)[:24],
            key,
            mailbox(data.get("from")),
            first(data.get("to")),
            rendered(said(data, "subject")),
            rendered(said(data, "text")),
            rendered(said(data, "html")),
            headers,
        )
        return taken if is_sendable(taken) else _error("text", "The text field is required.")

    def found(self, request: Request, taken: Sequence[TakenMail]) -> Response | None:
        """`GET /v1/domains`, and `GET /v1/activity/<domain>` with what left it."""
        if bearer(request) != self._keys.key or request.method != "GET":
            return None
        if request.path.startswith("/v1/domains?"):
            data = [{"id": _DOMAIN, "name": "rapport.example", "is_verified": True}]
            return Response(200, {"data": data, "links": {}, "meta": {"total": 1}})
        if not request.path.startswith(f"/v1/activity/{_DOMAIN}?"):
            return None
        asked = asked_for(request)
        if not int(asked.get("date_from", 0)) < int(asked.get("date_to", 0)):
            return _error("date_from", "The date_from must be a date before date_to.")
        first = (int(asked["page"]) - 1) * int(asked["limit"])
        page = list(reversed(taken))[first : first + int(asked["limit"])]
        return Response(200, {"data": [_activity(one) for one in page], "links": {}, "meta": {}})

    def accepted(self, taken: TakenMail) -> Response:
        """202 with the id in a header and an empty body."""
        return Response(202, None, (("X-Message-Id", taken.identity),))

    def refused(self, taken: TakenMail) -> Response:
        """422 with the field that is wrong."""
        return _error("to.0.email", "The to.0.email must be a valid email address.")

    def slow_down(self) -> Response:
        """429."""
        return Response(429, {"message": "Too Many Attempts."}, (("Retry-After", "2"),))

    def report(self, taken: TakenMail, fate: Fate, url: str) -> Posted:
        """One activity, signed."""
        name, morph = _ACTIVITIES[fate]
        data: dict[str, object] = {
            "type": f"activity.{name}",
            "domain_id": _DOMAIN,
            "created_at": now(),
            "webhook_id": "2351ndgwr4zqx8ko",
            "url": url,
            "data": {
                "object": "activity",
                "id": taken.identity[::-1],
                "type": name,
                "created_at": now(),
                "email": {
                    "object": "email",
                    "id": taken.identity[:12],
                    "created_at": now(),
                    "from": taken.sender,
                    "subject": taken.subject,
                    "status": "delivered" if fate is Fate.DELIVERED else "rejected",
                    "tags": [f"key:{taken.key}"],
                    "message": {"object": "message", "id": taken.identity, "created_at": now()},
                    "recipient": {"object": "recipient", "email": taken.recipient},
                },
                "morph": morph,
                "template_id": "",
            },
        }
        return signed(url, data, header="Signature", secret=self._keys.secret)


def _activity(taken: TakenMail) -> dict[str, object]:
    """An activity as lists have it: with the mail, and without the id of its message."""
    return {
        "id": taken.identity[::-1],
        "created_at": now(),
        "updated_at": now(),
        "type": "sent",
        "email": {
            "id": taken.identity[:12],
            "from": taken.sender,
            "subject": taken.subject,
            "status": "sent",
            "tags": [f"key:{taken.key}"],
            "created_at": now(),
            "recipient": {"id": taken.identity[:8], "email": taken.recipient},
        },
    }


def _error(field: str, message: str) -> Response:
    return Response(422, {"message": message, "errors": {field: [message]}})
