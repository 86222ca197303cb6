"""SparkPost: transmissions of whole mails, and its event webhooks."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from crm.simulator.http import Posted, Request, Response
from crm.simulator.mailers.boxes import every, inside, said
from crm.simulator.mailers.shapes import Fate, TakenMail, asked_for, read_raw, with_password
from crm.simulator.vendors.shapes import Keys, as_json, data_of, identity_of

_EVENTS: dict[Fate, tuple[str, dict[str, object]]] = {
    Fate.DELIVERED: ("message_event", {"type": "delivery", "queue_time": "12"}),
    Fate.BOUNCED: (
        "message_event",
        {
            "type": "bounce",
            "bounce_class": "10",
            "error_code": "550",
            "raw_reason": "550 5.1.1 User unknown",
            "reason": "550 5.1.1 User unknown",
        },
    ),
    Fate.SOFT: (
        "message_event",
        {
            "type": "out_of_band",
            "bounce_class": "22",
            "error_code": "452",
            "raw_reason": "452 4.2.2 over quota",
            "reason": "452 4.2.2 over quota",
        },
    ),
    Fate.COMPLAINED: ("message_event", {"type": "spam_complaint", "fbtype": "abuse"}),
    Fate.UNSUBSCRIBED: ("unsubscribe_event", {"type": "list_unsubscribe"}),
}


class SparkPost:
    """JSON both ways."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> TakenMail | Response:
        """`POST /api/v1/transmissions` with a key."""
        if request.headers.get("authorization") != self._keys.key:
            return Response(401, {"errors": [{"message": "Unauthorized."}]})
        if request.path == "/api/v1/account":
            return Response(403, {"errors": [{"message": "Forbidden."}]})
        data = data_of(request)
        options, people = inside(data, "options"), every(data.get("recipients"))
        is_plain = options.get("open_tracking") is False is options.get("click_tracking")
        if not request.path.startswith("/api/v1/transmissions") or len(people) != 1 or not is_plain:
            return _error(422, "required field is missing", "1400")
        if options.get("perform_substitutions") is not False:
            return _error(422, "substitution language syntax error in template content", "3000")
        return read_raw(
            said(inside(data, "content"), "email_rfc822").encode(),
            identity=str(int(identity_of(request)[:14], 16)),
            recipient=said(inside(people[0], "address"), "email"),
            key=said(inside(data, "metadata"), "rapport_key"),
        )

    def found(self, request: Request, taken: Sequence[TakenMail]) -> Response | None:
        """`GET /api/v1/events/message` by the recipient."""
        if not request.path.startswith("/api/v1/events/message?"):
            return None
        wanted = asked_for(request).get("recipients")
        moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}"
        results = [
            _event(one, Fate.DELIVERED) | {"timestamp": moment}
            for one in taken
            if one.recipient == wanted
        ]
        return Response(200, {"results": results, "total_count": len(results), "links": {}})

    def accepted(self, taken: TakenMail) -> Response:
        """200 with the id."""
        results: dict[str, object] = {
            "total_rejected_recipients": 0,
            "total_accepted_recipients": 1,
            "id": taken.identity,
        }
        return Response(200, {"results": results})

    def refused(self, taken: TakenMail) -> Response:
        """400 with the code 5002."""
        return _error(400, "At least one valid recipient is required", "5001")

    def slow_down(self) -> Response:
        """420."""
        answer = _error(420, "Exceed Sending Limit (hourly)", "1700")
        return Response(answer.status, answer.data, (("Retry-After", "2"),))

    def report(self, taken: TakenMail, fate: Fate, url: str) -> Posted:
        """A list of one event."""
        event = {_EVENTS[fate][0]: _event(taken, fate)}
        posted = Posted(url, as_json([{"msys": event}]))
        return with_password(posted, self._keys.secret)


def _event(taken: TakenMail, fate: Fate) -> dict[str, object]:
    return _EVENTS[fate][1] | {
        "event_id": taken.identity,
        "message_id": f"00{taken.identity}",
        "raw_rcpt_to": taken.recipient,
        "rcpt_to": taken.recipient.lower(),
        "rcpt_meta": {"rapport_key": taken.key},
        "timestamp": str(int(time.time())),
        "transmission_id": taken.identity,
    }


def _error(status: int, message: str, code: str) -> Response:
    return Response(status, {"errors": [{"message": message, "code": code}]})
