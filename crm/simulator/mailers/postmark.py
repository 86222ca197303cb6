"""Postmark: its Email API."""

import uuid
from collections.abc import Sequence

from crm.simulator.http import Posted, Request, Response
from crm.simulator.mailers.shapes import Fate, TakenMail, asked_for, with_password
from crm.simulator.vendors.shapes import Keys, as_json, data_of, identity_of, now

_REPORTS: dict[Fate, dict[str, object]] = {
    Fate.DELIVERED: {"RecordType": "Delivery", "Details": "smtp;250 2.0.0 OK"},
    Fate.BOUNCED: {
        "RecordType": "Bounce",
        "ID": 4323372036854775807,
        "Type": "HardBounce",
        "TypeCode": 1,
        "Name": "Hard bounce",
        "Description": "The server was unable to deliver your message (ex: unknown user).",
        "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
        "Inactive": True,
        "CanActivate": True,
    },
    Fate.SOFT: {
        "RecordType": "Bounce",
        "ID": 4323372036854775808,
        "Type": "SoftBounce",
        "TypeCode": 4096,
        "Name": "Soft bounce",
        "Description": "Unable to temporarily deliver message (i.e. mailbox full).",
        "Details": "smtp;452 4.2.2 The email account that you tried to reach is over quota.",
        "Inactive": False,
    },
    Fate.COMPLAINED: {
        "RecordType": "SpamComplaint",
        "ID": 901542550,
        "Type": "SpamComplaint",
        "TypeCode": 512,
        "Name": "Spam complaint",
        "Details": "",
        "Inactive": True,
    },
    Fate.UNSUBSCRIBED: {
        "RecordType": "SubscriptionChange",
        "Origin": "Recipient",
        "SuppressSending": True,
        "SuppressionReason": "ManualSuppression",
    },
}
_MOMENTS = {Fate.DELIVERED: "DeliveredAt", Fate.UNSUBSCRIBED: "ChangedAt"}


class Postmark:
    """JSON both ways."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> TakenMail | Response:
        """`POST /email` with the token of a server."""
        if request.headers.get("x-postmark-server-token") != self._keys.key:
            return _error(401, 10, "The Server Token you provided is not valid.")
        if request.method == "GET" and request.path == "/server":
            return Response(200, {"ID": 1, "Name": "Simulator", "ApiTokens": []})
        data = data_of(request)
        if request.path != "/email" or not (data.get("TextBody") or data.get("HtmlBody")):
            return _error(422, 300, "Provide either email TextBody or HtmlBody or both.")
        words = {name: str(data.get(name, "")) for name in ("From", "To", "Subject")}
        metadata = data.get("Metadata")
        headers = data.get("Headers")
        return TakenMail(
            str(uuid.UUID(identity_of(request)[:32])),
            str(metadata.get("rapport_key", "")) if isinstance(metadata, dict) else "",
            words["From"],
            words["To"],
            words["Subject"],
            str(data.get("TextBody", "")),
            str(data.get("HtmlBody", "")),
            {one["Name"]: one["Value"] for one in headers} if isinstance(headers, list) else {},
        )

    def found(self, request: Request, taken: Sequence[TakenMail]) -> Response | None:
        """`GET /messages/outbound` by our key."""
        if not request.path.startswith("/messages/outbound?"):
            return None
        key = asked_for(request).get("metadata_rapport_key")
        mails = [
            {
                "MessageID": one.identity,
                "Recipients": [one.recipient],
                "ReceivedAt": now(),
                "Status": "Sent",
                "Metadata": {"rapport_key": one.key},
            }
            for one in taken
            if one.key == key
        ]
        return Response(200, {"TotalCount": len(mails), "Messages": mails})

    def accepted(self, taken: TakenMail) -> Response:
        """200 with the id."""
        data: dict[str, object] = {
            "To": taken.recipient,
            "SubmittedAt": now(),
            "MessageID": taken.identity,
            "ErrorCode": 0,
            "Message": "OK",
        }
        return Response(200, data)

    def refused(self, taken: TakenMail) -> Response:
        """422 with the code 300."""
        return _error(422, 300, f"Error parsing 'To': Illegal email address '{taken.recipient}'.")

    def slow_down(self) -> Response:
        """429."""
        return Response(429, {"ErrorCode": 429, "Message": "Slow down."}, (("Retry-After", "2"),))

    def report(self, taken: TakenMail, fate: Fate, url: str) -> Posted:
        """One record, with the account's password."""
        data = _REPORTS[fate] | {
            "ServerID": 23,
            "MessageStream": "outbound",
            "MessageID": taken.identity,
            "Tag": "",
            "Metadata": {"rapport_key": taken.key},
            _MOMENTS.get(fate, "BouncedAt"): now(),
        }
        has_email = fate in {Fate.BOUNCED, Fate.SOFT, Fate.COMPLAINED}
        data["Email" if has_email else "Recipient"] = taken.recipient
        return with_password(Posted(url, as_json(data)), self._keys.secret)


def _error(status: int, code: int, message: str) -> Response:
    return Response(status, {"ErrorCode": code, "Message": message})
