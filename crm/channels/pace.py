"""The rhythm in which requests leave: a rate kept to, and the pauses that a provider asks for."""

import asyncio

# What was missed is made up for, up to this: neither a busy machine nor the answers that the end of
# a batch waits for may slow an account down for good.
CATCH_UP = 0.25
_GAP = 1.0
# A pause that is shorter is waited for; a longer one puts off what has not left yet.
PATIENCE = 5.0


class Pace:
    """Gives places to leave at, one after the other, at `per_second`; 0 is as fast as they go."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1.0 / per_second if per_second > 0 else 0.0
        self._next = 0.0
        self._held_until = 0.0

    def hold(self, seconds: float) -> None:
        """Let nothing leave for so long."""
        until = asyncio.get_running_loop().time() + seconds
        self._held_until = max(self._held_until, until)

    async def turn(self) -> float:
        """Wait for the next place and give 0, or give the seconds of a pause too long to wait."""
        loop = asyncio.get_running_loop()
        while (held := self._held_until - loop.time()) > 0:
            if held > PATIENCE:
                return held
            await asyncio.sleep(held)
            self._next = max(self._next, loop.time())
        if self._interval:
            now = loop.time()
            # Who had nothing to send for longer has missed nothing.
            is_behind = now - self._next < _GAP
            place = max(self._next, now - CATCH_UP) if is_behind else now
            self._next = place + self._interval
            if place > now:
                await asyncio.sleep(place - now)
        return 0.0


def per_second(said: str) -> float:
    """The rate an account's option asks for; nothing and nonsense are no limit."""
    try:
        return max(0.0, float(said))
    except ValueError:
        return 0.0
