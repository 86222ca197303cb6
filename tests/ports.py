"""Ports for servers that tests start a moment later."""

import random

from marketing.runtime import probes

# Below those that systems hand out by themselves: else any connection might have taken one by then.
_FIRST, _LAST = 20_000, 32_000
_draw = random.SystemRandom()


def free_pair() -> int:
    """A port that was free a moment ago together with the next one up."""
    while True:
        port = _draw.randrange(_FIRST, _LAST, 2)
        if all(probes.port_is_free("127.0.0.1", one) for one in (port, port + 1)):
            return port
