"""Plivo: the Message API, version 1."""

import base64
import hmac
import uuid
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode, urlsplit

from crm.simulator.http import Posted, Request, Response
from crm.simulator.vendors.shapes import Keys, Said, Taken, data_of, identity_of, password_of

_API_ID = "97ceeb52-58b6-11e1-86da-77300b68f8bb"


class Plivo:
    """JSON in and out, signed forms back."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> Taken | Response:
        """`POST …/Message/` with basic authentication."""
        if password_of(request) not in {self._keys.key, self._keys.secret}:
            return Response(401, b"Could not verify your access level for that URL.")
        if request.method == "GET":
            return Response(200, {"api_id": _API_ID, "account_type": "standard"})
        data = data_of(request)
        if not request.path.endswith("/Message/") or not data.get("text"):
            return _error(400, "text parameter not present")
        words = (str(data.get(name, "")) for name in ("src", "dst", "text", "url"))
        return Taken(str(uuid.UUID(identity_of(request)[:32])), "", *words)

    def accepted(self, taken: Taken) -> Response:
        """202 with a list of ids."""
        data: dict[str, object] = {
            "api_id": _API_ID,
            "message": "message(s) queued",
            "message_uuid": [taken.identity],
        }
        return Response(202, data)

    def refused(self, taken: Taken) -> Response:
        """400 with a sentence."""
        return _error(400, f"dst {taken.recipient} is not a valid phone number")

    def slow_down(self) -> Response:
        """429."""
        return Response(429, {"error": "Too many requests"}, (("Retry-After", "2"),))

    def report(self, taken: Taken, *, is_delivered: bool) -> Posted:
        """A status callback."""
        fields = {
            "ErrorCode": "000" if is_delivered else "50",
            "From": taken.sender,
            "MCC": "310",
            "MessageUUID": taken.identity,
            "ParentMessageUUID": taken.identity,
            "PartInfo": "1 of 1",
            "Status": "delivered" if is_delivered else "undelivered",
            "To": taken.recipient,
            "Units": "1",
            "DeliveryReportTime": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        }
        return self._posted(taken.callback_url, fields)

    def inbound(self, said: Said) -> Posted:
        """A message that somebody sent."""
        fields = {
            "From": said.sender.lstrip("+"),
            "MessageUUID": said.identity,
            "Text": said.text,
            "To": said.recipient.lstrip("+"),
            "TotalAmount": "0",
            "Type": "sms",
            "Units": "1",
        }
        return self._posted(said.callback_url, fields)

    def _posted(self, url: str, fields: dict[str, str]) -> Posted:
        nonce = str(uuid.uuid4().int)[:20]
        parts = urlsplit(url)
        asked = sorted(parse_qsl(parts.query))
        signed = f"{parts.scheme}://{parts.netloc}{parts.path}?"
        signed += "&".join(f"{name}={value}" for name, value in asked) + ("." if asked else "")
        signed += "".join(name + fields[name] for name in sorted(fields)) + f".{nonce}"
        proof = hmac.digest(self._keys.secret.encode(), signed.encode(), "sha256")
        headers = (
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("X-Plivo-Signature-MA-V3", base64.b64encode(proof).decode()),
            ("X-Plivo-Signature-V3", base64.b64encode(proof).decode()),
            ("X-Plivo-Signature-V3-Nonce", nonce),
        )
        return Posted(url, urlencode(fields).encode(), headers)


def _error(status: int, sentence: str) -> Response:
    return Response(status, {"api_id": _API_ID, "error": sentence})
