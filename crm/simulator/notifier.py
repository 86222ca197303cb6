"""Fires the callbacks a provider would: signed, a few tries with growing pauses, bounded memory."""

import asyncio
import hmac
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from crm.simulator.http import Posted, Poster, origin_of

log = logging.getLogger("outbox")

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)
MAX_WAITING = 100_000
_POSTERS = 4


@dataclass(frozen=True, slots=True)
class Notice:
    """One callback on its way; it is written and signed when it leaves."""

    write: Callable[[], Posted]
    tries: int = 0


class Notifier:
    """A bounded queue of callbacks and a few kept connections that empty it."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self._secret = secret.encode()
        self._queue: asyncio.Queue[Notice] = asyncio.Queue()
        self._later: set[asyncio.TimerHandle] = set()

    def fire(self, url: str, data: dict[str, object], *, after: float = 0.0) -> None:
        """Send a callback after some seconds; the moment it tells of is when it leaves."""
        self.fire_as(lambda: self._signed(url, data), after=after)

    def fire_as(self, write: Callable[[], Posted], *, after: float = 0.0) -> None:
        """Send a callback after some seconds as somebody else writes and signs it."""
        self._schedule(Notice(write), after)

    async def run(self) -> None:
        """Post callbacks until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_POSTERS):
                group.create_task(self._post_all())

    def _schedule(self, notice: Notice, after: float) -> None:
        if len(self._later) + self._queue.qsize() >= MAX_WAITING:
            log.warning("too many callbacks wait; one is dropped")
            return

        def due() -> None:
            self._later.discard(handle)
            self._queue.put_nowait(notice)

        handle = asyncio.get_running_loop().call_later(after, due)
        self._later.add(handle)

    async def _post_all(self) -> None:
        posters: dict[str, Poster] = {}
        while True:
            notice = await self._queue.get()
            posted = notice.write()
            origin = origin_of(posted.url)
            poster = posters.setdefault(origin, Poster(origin))
            try:
                status = await poster.post(posted)
            except OSError:
                self._again(notice)
                continue
            if status >= 500 or status == 429:
                self._again(notice)
            elif status >= 300:
                log.warning("a callback was answered with %s", status)

    def _again(self, notice: Notice) -> None:
        if notice.tries < len(PAUSES):
            later = Notice(notice.write, notice.tries + 1)
            self._schedule(later, PAUSES[notice.tries])
        else:
            log.warning("a callback was given up after %s tries", notice.tries + 1)

    def _signed(self, url: str, data: dict[str, object]) -> Posted:
        moment = datetime.now(UTC).isoformat()
        body = json.dumps({"occurred_at": moment, **data}, ensure_ascii=False).encode()
        timestamp = str(int(time.time()))
        proof = hmac.digest(self._secret, timestamp.encode() + b"." + body, "sha256").hex()
        proofs = (("X-Rapport-Timestamp", timestamp), ("X-Rapport-Signature", f"v1={proof}"))
        return Posted(url, body, proofs)
