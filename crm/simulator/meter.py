"""Counts what comes in and how fast: `GET /meter` tells, and begins anew."""

import asyncio
from dataclasses import dataclass

from crm.simulator.http import Handler, Request, Response


@dataclass(slots=True)
class _Counted:
    requests: int = 0
    open: int = 0
    most_open: int = 0
    first_at: float = 0.0
    last_at: float = 0.0


class Meter:
    """Stands before a handler, which it may make as slow as a provider far away."""

    def __init__(self, handler: Handler, *, delay: float = 0.0) -> None:
        self._handler = handler
        self._delay = delay
        self._seen = _Counted()

    async def handle(self, request: Request) -> Response:
        """Answer one request, counted."""
        if request.path == "/meter":
            return self._told()
        seen, now = self._seen, asyncio.get_running_loop().time()
        seen.first_at = seen.first_at or now
        seen.last_at = now
        seen.requests += 1
        seen.open += 1
        seen.most_open = max(seen.most_open, seen.open)
        try:
            if self._delay:
                await asyncio.sleep(self._delay)
            return await self._handler(request)
        finally:
            seen.open -= 1

    def _told(self) -> Response:
        seen, self._seen = self._seen, _Counted()
        seconds = seen.last_at - seen.first_at
        told: dict[str, object] = {
            "requests": seen.requests,
            "seconds": seconds,
            "most_open": seen.most_open,
        }
        return Response(200, told)
