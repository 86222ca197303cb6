"""Plays providers of e-mail: takes what they would take, and reports what the address asks for.

`refuse+…` is refused, `defer+…` put off once with 429; `bounce+…`, `soft+…`, `complain+…` and
`leave+…` are taken and bounce, bounce softly, are called spam, are unsubscribed; others arrive.
"""

from collections import defaultdict, deque
from email import policy
from email.message import EmailMessage
from typing import Protocol

import psycopg

from crm.simulator import mailers
from crm.simulator.http import Posted, Request, Response
from crm.simulator.mailers.boxes import bearer
from crm.simulator.mailers.shapes import Fate, Receives, Searched, TakenMail
from crm.simulator.store import Caught, Forgetful, Store
from crm.simulator.vendors.shapes import data_of

_DELAY = 0.2
_KEPT = 1_000
_OF_PARTS = {"content-type", "content-transfer-encoding", "mime-version"}


class Fires(Protocol):
    """What sends callbacks after a while."""

    def fire_as(self, write: "Write", *, after: float = 0.0) -> None:
        """Send a callback after some seconds as somebody else writes and signs it."""


class Write(Protocol):
    """What writes a callback as it leaves."""

    def __call__(self) -> Posted:
        """The callback."""


class MailDesk:
    """Every provider of e-mail at one counter."""

    def __init__(self, store: Store | Forgetful, notifier: Fires, *, key: str, secret: str) -> None:
        self._store = store
        self._notifier = notifier
        self._keys = mailers.Keys(key, secret)
        self._mailers: dict[str, mailers.Mailer] = {}
        self.put_off: set[str] = set()
        # The last ones, for providers that can be asked.
        self._kept: dict[str, deque[TakenMail]] = defaultdict(lambda: deque(maxlen=_KEPT))

    def __contains__(self, name: str) -> bool:
        return name in mailers.MAILERS

    def _mailer(self, name: str) -> mailers.Mailer:
        if name not in self._mailers:
            self._mailers[name] = mailers.mailer(name, self._keys)
        return self._mailers[name]

    async def play(self, name: str, request: Request, *, callback_base: str) -> Response:
        """Answer as a provider would, and report as it does."""
        mailer = self._mailer(name)
        back = f"{callback_base}/callbacks/{name}/"
        if answer := self._asked(mailer, name, request, back):
            return answer
        taken = mailer.take(request)
        if isinstance(taken, Response):
            return taken
        wish = _wish(taken.recipient)
        if wish == "refuse":
            return mailer.refused(taken)
        if wish == "defer" and taken.recipient not in self.put_off:
            self.put_off.add(taken.recipient)
            return mailer.slow_down()
        try:
            await self._store.keep(_caught(taken))
        except (psycopg.Error, OSError):
            return Response(503, {"error": "Nothing could be kept, try again."})
        self._kept[name].append(taken)
        fate = Fate(wish) if wish in set(Fate) else Fate.DELIVERED
        url = taken.callback_url or back
        self._notifier.fire_as(lambda: mailer.report(taken, fate, url), after=_DELAY)
        return mailer.accepted(taken)

    def _asked(
        self, mailer: mailers.Mailer, name: str, request: Request, back: str
    ) -> Response | None:
        """The answer to what is no mail of ours: a search, or a mail of somebody else."""
        if request.path == "/inbound" and isinstance(mailer, Receives):
            return self._let_in(mailer, request, back)
        return mailer.found(request, self._kept[name]) if isinstance(mailer, Searched) else None

    def _let_in(self, mailer: Receives, request: Request, url: str) -> Response:
        """Play a person who writes a mail to us."""
        if bearer(request) != self._keys.key:
            return Response(401, {"error": "The API key is wrong."})
        data = data_of(request)
        self._notifier.fire_as(lambda: mailer.received(data, url))
        return Response(202, {"status": "queued"})


def _wish(address: str) -> str:
    """What an address asks for; nothing that looks like one is refused too."""
    local, at, domain = address.lower().rpartition("@")
    if not (at and "." in domain):
        return "refuse"
    return "bounce" if domain == "bounce.invalid" else local.partition("+")[0]


def _caught(taken: TakenMail) -> Caught:
    """The mail as it would arrive, so that the page of the outbox shows it like any other."""
    mail = EmailMessage(policy=policy.default.clone(utf8=True))
    for name, value in {"From": taken.sender, "To": taken.recipient, **taken.headers}.items():
        if name.lower() not in _OF_PARTS and name not in mail:
            mail[name] = " ".join(value.split())
    if "Subject" not in mail:
        mail["Subject"] = " ".join(taken.subject.split())
    if taken.text or not taken.html:
        mail.set_content(taken.text, cte="8bit")
    if taken.html and taken.text:
        mail.add_alternative(taken.html, subtype="html", cte="8bit")
    elif taken.html:
        mail.set_content(taken.html, subtype="html", cte="8bit")
    key = taken.key or str(mail.get("Message-ID", taken.identity)).strip("<>")
    subject = str(mail["Subject"])
    return Caught(
        "email", taken.identity, key, taken.sender, taken.recipient, subject, mail.as_bytes()
    )
