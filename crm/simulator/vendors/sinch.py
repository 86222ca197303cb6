"""Sinch: the XMS REST API, version 1."""

import base64
import hmac
import time
import uuid
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from crm.simulator.http import Posted, Request, Response
from crm.simulator.vendors.shapes import Keys, Said, Taken, as_json, data_of, identity_of, now


class Sinch:
    """JSON in and out, JSON back with an HMAC over body, nonce and time."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> Taken | Response:
        """`POST …/batches` with a token."""
        if request.headers.get("authorization") != f"Bearer {self._keys.key}":
            return Response(401, b"")
        if request.method == "GET":
            return Response(200, {"count": 0, "page": 0, "page_size": 1, "batches": []})
        data = data_of(request)
        people = data.get("to")
        if not request.path.endswith("/batches") or not isinstance(people, list):
            return _error(400, "syntax_constraint_violation", "The field `to` is required.")
        identity = f"01{identity_of(request)[:24].upper()}"
        data["to"] = people[0]
        names = ("client_reference", "from", "to", "body", "callback_url")
        return Taken(identity, *(str(data.get(name, "")) for name in names))

    def accepted(self, taken: Taken) -> Response:
        """201 with the batch as a resource."""
        return Response(201, _resource(taken))

    def found(self, request: Request, taken: Sequence[Taken]) -> Response | None:
        """`GET …/batches` by their reference."""
        wanted = dict(parse_qsl(request.path.partition("?")[2])).get("client_reference")
        if not wanted or request.headers.get("authorization") != f"Bearer {self._keys.key}":
            return None
        found = [_resource(one) for one in taken if one.key == wanted][-1:]
        return Response(200, {"count": len(found), "page": 0, "page_size": 1, "batches": found})

    def refused(self, taken: Taken) -> Response:
        """400 about the recipient."""
        said = f"Invalid `to` value {taken.recipient}: not a valid MSISDN"
        return _error(400, "syntax_invalid_parameter_format", said)

    def slow_down(self) -> Response:
        """429."""
        return Response(429, b"", (("Retry-After", "2"),))

    def report(self, taken: Taken, *, is_delivered: bool) -> Posted:
        """A report on one recipient."""
        data = {
            "type": "recipient_delivery_report_sms",
            "batch_id": taken.identity,
            "recipient": taken.recipient,
            "code": 0 if is_delivered else 405,
            "status": "Delivered" if is_delivered else "Failed",
            "at": now(),
            "operator_status_at": now(),
            "client_reference": taken.key,
        }
        return self._posted(taken.callback_url, data)

    def inbound(self, said: Said) -> Posted:
        """A message that somebody sent."""
        data = {
            "type": "mo_text",
            "id": said.identity,
            "from": said.sender.lstrip("+"),
            "to": said.recipient.lstrip("+"),
            "body": said.text,
            "operator_id": "string",
            "received_at": now(),
        }
        return self._posted(said.callback_url, data)

    def _posted(self, url: str, data: Mapping[str, object]) -> Posted:
        body, nonce, at = as_json(data), uuid.uuid4().hex.upper()[:26], str(int(time.time()))
        signed = body + f".{nonce}.{at}".encode()
        proof = hmac.digest(self._keys.secret.encode(), signed, "sha256")
        headers = (
            ("x-sinch-webhook-signature", base64.b64encode(proof).decode()),
            ("x-sinch-webhook-signature-algorithm", "HmacSHA256"),
            ("x-sinch-webhook-signature-nonce", nonce),
            ("x-sinch-webhook-signature-timestamp", at),
        )
        return Posted(url, body, headers)


def _resource(taken: Taken) -> dict[str, object]:
    return {
        "id": taken.identity,
        "to": [taken.recipient],
        "from": taken.sender,
        "canceled": False,
        "body": taken.text,
        "type": "mt_text",
        "created_at": now(),
        "modified_at": now(),
        "delivery_report": "per_recipient",
        "client_reference": taken.key,
        "flash_message": False,
    }


def _error(status: int, code: str, sentence: str) -> Response:
    return Response(status, {"code": code, "text": sentence})
