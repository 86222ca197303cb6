"""Some provider of our own invention, for the adapter that staff fill in."""

from urllib.parse import urlencode

from crm.simulator.http import Posted, Request, Response
from crm.simulator.vendors.shapes import Keys, Said, Taken, data_of, identity_of

_FORM = (("Content-Type", "application/x-www-form-urlencoded"),)


class HttpTemplate:
    """JSON in and out, forms back to an address with a token."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, request: Request) -> Taken | Response:
        """`POST /send` with a key in a header."""
        if request.headers.get("x-key") != self._keys.key:
            return Response(401, {"status": "error", "why": "key"})
        data = data_of(request)
        words = (str(data.get(name, "")) for name in ("from", "to", "text", "callback"))
        return Taken(identity_of(request)[:16], "", *words)

    def accepted(self, taken: Taken) -> Response:
        """200 with the id in a list."""
        return Response(200, {"status": "ok", "messages": [{"id": taken.identity}]})

    def refused(self, taken: Taken) -> Response:
        """200 that is none."""
        return Response(200, {"status": "error", "why": "number"})

    def slow_down(self) -> Response:
        """429."""
        return Response(429, {"status": "error"}, (("Retry-After", "2"),))

    def report(self, taken: Taken, *, is_delivered: bool) -> Posted:
        """A report as a form."""
        state = "DELIVRD" if is_delivered else "UNDELIV"
        fields = {"id": taken.identity, "status": state, "to": taken.recipient}
        return Posted(taken.callback_url, urlencode(fields).encode(), _FORM)

    def inbound(self, said: Said) -> Posted:
        """A message that somebody sent, as a form."""
        fields = {
            "id": said.identity,
            "from": said.sender,
            "to": said.recipient,
            "text": said.text,
        }
        return Posted(said.callback_url, urlencode(fields).encode(), _FORM)
