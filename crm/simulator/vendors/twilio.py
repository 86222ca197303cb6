"""Twilio: Programmable Messaging of 2010-04-01."""

import base64
import hmac
from urllib.parse import parse_qsl, urlencode

from crm.simulator.http import Posted, Request, Response
from crm.simulator.vendors.shapes import Keys, Said, Taken, identity_of, password_of

_ACCOUNT = "AC" + "0" * 32


class Twilio:
    """Forms in, JSON out, signed forms back."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> Taken | Response:
        """`POST …/Messages.json` with basic authentication."""
        if password_of(request) not in {self._keys.key, self._keys.secret}:
            return _error(401, 20003, "Authenticate")
        if request.method == "GET":
            return Response(200, {"sid": _ACCOUNT, "status": "active"})
        if not request.path.endswith("/Messages.json"):
            return _error(404, 20404, "The requested resource was not found")
        data = dict(parse_qsl(request.body.decode()))
        if "Body" not in data:
            return _error(400, 21602, "Message body is required.")
        identity = f"SM{identity_of(request)[:32]}"
        sender = data.get("From", data.get("MessagingServiceSid", ""))
        back = data.get("StatusCallback", "")
        return Taken(identity, "", sender, data.get("To", ""), data["Body"], back)

    def accepted(self, taken: Taken) -> Response:
        """201 with the message as a resource."""
        data: dict[str, object] = {
            "account_sid": _ACCOUNT,
            "api_version": "2010-04-01",
            "body": taken.text,
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": taken.sender,
            "num_segments": "1",
            "price": None,
            "sid": taken.identity,
            "status": "queued",
            "to": taken.recipient,
        }
        return Response(201, data)

    def refused(self, taken: Taken) -> Response:
        """400 with the code 21211."""
        return _error(400, 21211, f"The 'To' number {taken.recipient} is not a valid phone number.")

    def slow_down(self) -> Response:
        """429 with the code 20429."""
        return _error(429, 20429, "Too Many Requests", (("Retry-After", "2"),))

    def report(self, taken: Taken, *, is_delivered: bool) -> Posted:
        """A status callback."""
        fields = {
            "AccountSid": _ACCOUNT,
            "ApiVersion": "2010-04-01",
            "From": taken.sender,
            "MessageSid": taken.identity,
            "MessageStatus": "delivered" if is_delivered else "undelivered",
            "SmsSid": taken.identity,
            "SmsStatus": "delivered" if is_delivered else "undelivered",
            "To": taken.recipient,
        }
        if not is_delivered:
            fields["ErrorCode"] = "30005"
        return self._posted(taken.callback_url, fields)

    def inbound(self, said: Said) -> Posted:
        """A message that somebody sent."""
        fields = {
            "AccountSid": _ACCOUNT,
            "ApiVersion": "2010-04-01",
            "Body": said.text,
            "From": said.sender,
            "MessageSid": said.identity,
            "NumMedia": "0",
            "NumSegments": "1",
            "SmsMessageSid": said.identity,
            "SmsSid": said.identity,
            "SmsStatus": "received",
            "To": said.recipient,
        }
        return self._posted(said.callback_url, fields)

    def _posted(self, url: str, fields: dict[str, str]) -> Posted:
        signed = url + "".join(name + fields[name] for name in sorted(fields))
        proof = hmac.digest(self._keys.secret.encode(), signed.encode(), "sha1")
        headers = (
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("X-Twilio-Signature", base64.b64encode(proof).decode()),
        )
        return Posted(url, urlencode(fields).encode(), headers)


def _error(
    status: int, code: int, message: str, headers: tuple[tuple[str, str], ...] = ()
) -> Response:
    info = f"https://www.twilio.com/docs/errors/{code}"
    data = {"code": code, "message": message, "more_info": info, "status": status}
    return Response(status, data, headers)
