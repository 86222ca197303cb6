"""Vonage: the Messages API, version 1."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Mapping

from crm.simulator.http import Posted, Request, Response
from crm.simulator.vendors.shapes import (
    Keys,
    Said,
    Taken,
    as_json,
    data_of,
    identity_of,
    now,
    password_of,
)


class Vonage:
    """JSON in and out, JSON back with a signed token about it."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> Taken | Response:
        """`POST /v1/messages` with basic authentication or a token."""
        if request.path.startswith("/account/get-balance"):
            known = f"api_secret={self._keys.key}" in request.path
            return Response(200, {"value": 3.14}) if known else _error(401, "unauthorized", "")
        is_token = request.headers.get("authorization", "").startswith("Bearer ")
        if not is_token and password_of(request) != self._keys.key:
            return _error(401, "unauthorized", "You did not provide correct credentials.")
        data = data_of(request)
        if data.get("message_type") != "text" or data.get("channel") != "sms":
            return _error(422, "1150", "The value of one or more parameters is invalid.")
        names = ("client_ref", "from", "to", "text", "webhook_url")
        identity = str(uuid.UUID(identity_of(request)[:32]))
        return Taken(identity, *(str(data.get(name, "")) for name in names))

    def accepted(self, taken: Taken) -> Response:
        """202 with the id."""
        return Response(202, {"message_uuid": taken.identity})

    def refused(self, taken: Taken) -> Response:
        """422 with the number of the error."""
        return _error(422, "1170", "Invalid or missing MSISDN parameter")

    def slow_down(self) -> Response:
        """429."""
        return _error(429, "throttled", "Rate Limit Hit", (("Retry-After", "2"),))

    def report(self, taken: Taken, *, is_delivered: bool) -> Posted:
        """A status callback."""
        data: dict[str, object] = {
            "message_uuid": taken.identity,
            "to": taken.recipient,
            "from": taken.sender,
            "timestamp": now(),
            "status": "delivered" if is_delivered else "undeliverable",
            "client_ref": taken.key,
            "channel": "sms",
            "usage": {"currency": "EUR", "price": "0.0333"},
        }
        if not is_delivered:
            data["error"] = {
                "type": "https://developer.vonage.com/api-errors/messages#1170",
                "title": "1170",
                "detail": "Invalid or missing MSISDN parameter",
                "instance": taken.identity,
            }
        return self._posted(taken.callback_url, data)

    def inbound(self, said: Said) -> Posted:
        """A message that somebody sent."""
        data: dict[str, object] = {
            "channel": "sms",
            "message_uuid": said.identity,
            "to": said.recipient.lstrip("+"),
            "from": said.sender.lstrip("+"),
            "timestamp": now(),
            "text": said.text,
            "message_type": "text",
            "sms": {"num_messages": "1", "keyword": said.text.split(" ")[0].upper()},
        }
        return self._posted(said.callback_url, data)

    def _posted(self, url: str, data: dict[str, object]) -> Posted:
        body = as_json(data)
        claims = {
            "iat": int(time.time()),
            "jti": str(uuid.uuid4()),
            "iss": "Vonage",
            "payload_hash": hashlib.sha256(body).hexdigest(),
            "api_key": "simulator",
        }
        token = signed_token(claims, self._keys.secret)
        return Posted(url, body, (("Authorization", f"Bearer {token}"),))


def signed_token(claims: Mapping[str, object], secret: str) -> str:
    """A JSON Web Token signed with HS256."""
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    proof = hmac.digest(secret.encode(), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(proof).decode().rstrip('=')}"


def _part(value: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _error(
    status: int, kind: str, detail: str, headers: tuple[tuple[str, str], ...] = ()
) -> Response:
    data: dict[str, object] = {
        "type": f"https://developer.vonage.com/api-errors/messages#{kind}",
        "title": kind,
        "detail": detail,
        "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf",
    }
    return Response(status, data, headers)
