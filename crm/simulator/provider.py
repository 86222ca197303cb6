"""The provider's HTTP side: takes SMS, and plays what people and mail servers do afterwards.

Recipients ending in these digits meet these fates; everybody else gets “delivered” after 0.2 s:
0001 undeliverable, 0002 delivered after 5 s, 0003 refused (400), 0004 put off once (429).
"""

import hashlib
import hmac
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import psycopg

from crm.simulator import vendors
from crm.simulator.http import Request, Response
from crm.simulator.mailers.desk import MailDesk
from crm.simulator.notifier import Notifier
from crm.simulator.store import Caught, Forgetful, Store
from crm.simulator.vendors.shapes import Searched

_DELAY, _LONG_DELAY = 0.2, 5.0
_KEPT = 1_000
_Route = Callable[["Provider", dict[str, object], Request], Awaitable[Response]]


class Provider:
    """Routes: POST /sms/messages, /sms/inbound, /email/inbound, /email/bounce, /email/complaint.

    Under the name of a vendor lies its whole API: /twilio/2010-04-01/Accounts/….
    """

    def __init__(
        self, *, store: Store | Forgetful, notifier: Notifier, api_key: str, callback_base: str
    ) -> None:
        self._store = store
        self._notifier = notifier
        self.api_key = api_key
        self._callback_base = callback_base.rstrip("/")
        self._put_off: set[str] = set()
        # The last messages, for vendors that can be asked.
        self._kept: dict[str, deque[vendors.Taken]] = defaultdict(lambda: deque(maxlen=_KEPT))
        self._vendors = vendors.all_of(key=api_key, secret=notifier.secret)
        self.mail = MailDesk(store, notifier, key=api_key, secret=notifier.secret)

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        if request.method == "GET" and request.path == "/healthz":
            return Response(200, {"status": "ok"})
        name, _, path = request.path.removeprefix("/").partition("/")
        asked = replace(request, path=f"/{path}")
        if name in self._vendors:
            return self._searched(name, asked) or await self.play(name, asked)
        if name in self.mail:
            return await self.mail.play(name, asked, callback_base=self._callback_base)
        return await self._play_ours(request)

    async def _play_ours(self, request: Request) -> Response:
        """The formats that are our own."""
        route = ROUTES.get(request.path)
        if route is None or request.method != "POST":
            return Response(404, {"error": "There is nothing here."})
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.api_key}".encode()):
            return Response(401, {"error": "The API key is wrong."})
        data = _json_object(request.body)
        if data is None:
            return Response(400, {"error": "The body is not a JSON object."})
        return await route(self, data, request)

    def _searched(self, name: str, request: Request) -> Response | None:
        """The answer of a vendor that is asked for what it has taken."""
        vendor = self._vendors[name]
        return vendor.found(request, self._kept[name]) if isinstance(vendor, Searched) else None

    async def play(self, name: str, request: Request) -> Response:
        """Answer as another provider would, and report as it does."""
        vendor = self._vendors[name]
        if request.path == "/inbound":
            return self._vendor_inbound(name, request)
        taken = vendor.take(request)
        if isinstance(taken, Response):
            return taken
        to = taken.recipient
        if to.endswith("0003") or not to.lstrip("+").isdigit():
            return vendor.refused(taken)
        if to.endswith("0004") and to not in self._put_off:
            self._put_off.add(to)
            return vendor.slow_down()
        caught = Caught(
            "sms", taken.identity, taken.identity, taken.sender, to, "", _as_json(taken)
        )
        try:
            await self._store.keep(caught)
        except (psycopg.Error, OSError):
            return Response(503, {"error": "Nothing could be kept, try again."})
        self._kept[name].append(taken)
        if name in vendors.TOLD_IN_CONSOLE:
            taken = replace(taken, callback_url=self._told_in_console(name))
        if taken.callback_url.startswith(("http://", "https://")):
            is_lost, is_slow = to.endswith("0001"), to.endswith("0002")
            self._notifier.fire_as(
                lambda: vendor.report(taken, is_delivered=not is_lost),
                after=_LONG_DELAY if is_slow else _DELAY,
            )
        return vendor.accepted(taken)

    def _told_in_console(self, name: str) -> str:
        """Where a vendor calls that was told so in its console; the token is in the address."""
        token = f"?token={self._notifier.secret}" if name in vendors.UNSIGNED else ""
        return f"{self._callback_base}/callbacks/{name}/{token}"

    def _vendor_inbound(self, name: str, request: Request) -> Response:
        data = _json_object(request.body)
        given = request.headers.get("authorization", "")
        if data is None or given != f"Bearer {self.api_key}":
            return Response(400, {"error": "The body is no JSON object, or the key is wrong."})
        said = vendors.Said(
            identity=_fresh_id("in-", request),
            sender=_word(data, "from"),
            recipient=_word(data, "to"),
            text=_word(data, "body"),
            callback_url=_word(data, "callback_url") or self._told_in_console(name),
        )
        self._notifier.fire_as(lambda: self._vendors[name].inbound(said))
        return Response(202, {"status": "queued"})

    async def take_sms(self, data: dict[str, object], request: Request) -> Response:
        """Keep an SMS once per idempotency key and report on it later."""
        to = _word(data, "to")
        if to.endswith("0003") or not to.lstrip("+").isdigit():
            return Response(400, {"error": "invalid number"})
        if to.endswith("0004") and to not in self._put_off:
            self._put_off.add(to)
            return Response(429, {"error": "too many requests"}, (("Retry-After", "2"),))
        key = request.headers.get("idempotency-key", "") or hashlib.sha256(request.body).hexdigest()
        identity = "sms_" + hashlib.sha256(key.encode()).hexdigest()[:24]
        caught = Caught("sms", identity, key, _word(data, "from"), to, "", request.body)
        try:
            await self._store.keep(caught)
        except (psycopg.Error, OSError):
            return Response(503, {"error": "Nothing could be kept, try again."})
        self._report(identity, key, to, _word(data, "callback_url"))
        return Response(202, {"id": identity, "status": "queued"})

    async def take_sms_inbound(self, data: dict[str, object], request: Request) -> Response:
        """Play a person who writes an SMS: from, to, body."""
        identity = _fresh_id("sms_in_", request)
        return self._inbound("sms_http", data | {"id": identity})

    async def take_email_inbound(self, data: dict[str, object], request: Request) -> Response:
        """Play a person who writes a mail: from, to, subject, text, in_reply_to, message_id."""
        identity = _word(data, "message_id") or f"{_fresh_id('', request)}@outbox.invalid"
        return self._inbound("email", data | {"message_id": identity})

    async def take_bounce(self, data: dict[str, object], request: Request) -> Response:
        """Play a mail server that sends a mail back: key, to, reason."""
        return self._mail_news(data, "bounced", "mailbox_unknown")

    async def take_complaint(self, data: dict[str, object], request: Request) -> Response:
        """Play a reader who presses “this is spam”: key, to."""
        return self._mail_news(data, "complained", "")

    def _report(self, identity: str, key: str, to: str, callback_url: str) -> None:
        if not callback_url.startswith(("http://", "https://")):
            return
        status, reason, after = "delivered", "", _DELAY
        if to.endswith("0001"):
            status, reason = "undelivered", "undeliverable"
        elif to.endswith("0002"):
            after = _LONG_DELAY
        news = {"id": identity, "key": key, "to": to, "status": status, "reason": reason}
        self._notifier.fire(callback_url, dict(news), after=after)

    def _inbound(self, provider: str, data: dict[str, object]) -> Response:
        url = _word(data, "callback_url") or f"{self._callback_base}/callbacks/{provider}/"
        told = {name: value for name, value in data.items() if name != "callback_url"}
        self._notifier.fire(url, told | {"type": "inbound"})
        return Response(202, {"status": "queued"})

    def _mail_news(self, data: dict[str, object], status: str, reason: str) -> Response:
        key = _word(data, "key")
        url = _word(data, "callback_url") or f"{self._callback_base}/callbacks/email/"
        news: dict[str, object] = {
            "id": key,
            "key": key,
            "to": _word(data, "to"),
            "status": status,
            "reason": _word(data, "reason") or reason,
        }
        self._notifier.fire(url, news)
        return Response(202, {"status": "queued"})


ROUTES: Mapping[str, _Route] = {
    "/sms/messages": Provider.take_sms,
    "/sms/inbound": Provider.take_sms_inbound,
    "/email/inbound": Provider.take_email_inbound,
    "/email/bounce": Provider.take_bounce,
    "/email/complaint": Provider.take_complaint,
}


def _json_object(body: bytes) -> dict[str, object] | None:
    try:
        data = json.loads(body)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _as_json(taken: vendors.Taken) -> bytes:
    said = {"from": taken.sender, "to": taken.recipient, "body": taken.text, "key": taken.key}
    return json.dumps(said, ensure_ascii=False).encode()


def _word(data: Mapping[str, object], name: str) -> str:
    value = data.get(name)
    return "" if value is None else str(value)


def _fresh_id(prefix: str, request: Request) -> str:
    import uuid

    return f"{prefix}{request.headers.get('idempotency-key') or uuid.uuid4().hex}"
