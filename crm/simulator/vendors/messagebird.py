"""MessageBird: the REST API of rest.messagebird.com."""

import hashlib
import time
import uuid
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from crm.simulator.http import Posted, Request, Response
from crm.simulator.vendors.shapes import Keys, Said, Taken, data_of, identity_of, now
from crm.simulator.vendors.vonage import signed_token


class MessageBird:
    """JSON in and out; reports by GET, with a signed token about their address."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> Taken | Response:
        """`POST /messages` with an access key."""
        if request.headers.get("authorization") != f"AccessKey {self._keys.key}":
            return _error(401, 2, "Request not allowed (incorrect access_key)", "access_key")
        if request.path == "/balance":
            return Response(200, {"payment": "prepaid", "type": "credits", "amount": 9.2})
        data = data_of(request)
        people = data.get("recipients")
        if request.path != "/messages" or not isinstance(people, list) or len(people) != 1:
            return _error(422, 9, "no (correct) recipients found", "recipients")
        data["recipient"] = people[0]
        names = ("reference", "originator", "recipient", "body", "reportUrl")
        return Taken(identity_of(request)[:32], *(str(data.get(name, "")) for name in names))

    def found(self, request: Request, taken: Sequence[Taken]) -> Response | None:
        """`GET /messages?recipient=…`."""
        is_ours = request.headers.get("authorization") == f"AccessKey {self._keys.key}"
        if not (is_ours and request.path.startswith("/messages?")):
            return None
        wanted = dict(parse_qsl(request.path.partition("?")[2])).get("recipient")
        items = [_resource(one) for one in taken if one.recipient == wanted]
        data = {"offset": 0, "limit": 100, "count": len(items), "totalCount": len(items)}
        return Response(200, data | {"items": items})

    def accepted(self, taken: Taken) -> Response:
        """201 with the message as a resource."""
        return Response(201, _resource(taken))

    def refused(self, taken: Taken) -> Response:
        """422 about the recipient."""
        return _error(422, 10, "recipient is invalid", "recipient")

    def slow_down(self) -> Response:
        """429."""
        answer = _error(429, 99, "Too many requests", "")
        return Response(429, answer.data, (("Retry-After", "2"),))

    def report(self, taken: Taken, *, is_delivered: bool) -> Posted:
        """A status report, by GET."""
        fields = {
            "id": taken.identity,
            "reference": taken.key,
            "recipient": taken.recipient,
            "status": "delivered" if is_delivered else "delivery_failed",
            "statusDatetime": now(),
            "statusReason": "successfully delivered" if is_delivered else "unknown subscriber",
            "statusErrorCode": "" if is_delivered else "1",
        }
        joint = "&" if "?" in taken.callback_url else "?"
        return self._posted(f"{taken.callback_url}{joint}{urlencode(fields)}", b"", "GET")

    def inbound(self, said: Said) -> Posted:
        """A message that somebody sent, as a form."""
        fields = {
            "id": said.identity,
            "recipient": said.recipient.lstrip("+"),
            "originator": said.sender.lstrip("+"),
            "body": said.text,
            "createdDatetime": now(),
        }
        return self._posted(said.callback_url, urlencode(fields).encode(), "POST")

    def _posted(self, url: str, body: bytes, method: str) -> Posted:
        at = int(time.time())
        claims: dict[str, object] = {
            "iss": "MessageBird",
            "nbf": at,
            "exp": at + 60,
            "jti": str(uuid.uuid4()),
            "url_hash": hashlib.sha256(url.encode()).hexdigest(),
        }
        if body:
            claims["payload_hash"] = hashlib.sha256(body).hexdigest()
        headers = (
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("MessageBird-Signature-JWT", signed_token(claims, self._keys.secret)),
        )
        return Posted(url, body, headers, method)


def _resource(taken: Taken) -> dict[str, object]:
    recipient = {"recipient": int(taken.recipient), "status": "sent", "statusDatetime": now()}
    return {
        "id": taken.identity,
        "href": f"https://rest.messagebird.com/messages/{taken.identity}",
        "direction": "mt",
        "type": "sms",
        "originator": taken.sender,
        "body": taken.text,
        "reference": taken.key,
        "recipients": {"totalCount": 1, "totalSentCount": 1, "items": [recipient]},
    }


def _error(status: int, code: int, description: str, parameter: str) -> Response:
    error = {"code": code, "description": description, "parameter": parameter or None}
    return Response(status, {"errors": [error]})
