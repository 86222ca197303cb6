"""Processor time by stage: each stage's own, without that of the stages it calls."""

import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from itertools import cycle
from typing import Any

# Where each stage is done: what is called, looked up where it is called from.
STAGES = {
    "claim": ("campaigns.sending.claims:claim",),
    "gather": ("campaigns.sending.batch:_gather",),
    "render": ("campaigns.sending.batch:_render",),
    "decide": ("campaigns.eligibility:decide_many",),
    "write": ("campaigns.sending.batch:_write",),
    "build": ("crm.messages.sending:outgoing_many", "crm.channels.smtp_pump:_prepare"),
    "settle": ("crm.messages.sending:_settle",),
    "smtp": ("crm.messages.sending:_hand_over",),
}
# What is called for every mail: the clock would cost as much as some stages, so it is asked at
# one call of so many, which stands for all of them; a prime, as what they do has rhythms of its own
# (every 32nd signature by RSA takes longer).
_SAMPLED = {"crm.channels.smtp_pump:_prepare": 17}


class Stages:
    """Measures from the moment it is made; `seconds` is what each stage took so far."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._inner = [0.0]
        for stage, places in STAGES.items():
            for place in places:
                module, _, name = place.partition(":")
                room = import_module(module)
                every = _SAMPLED.get(place, 1)
                setattr(room, name, self._measured(stage, getattr(room, name), every))

    def _measured(self, stage: str, work: Callable[..., Any], every: int) -> Callable[..., Any]:
        calls = cycle(range(every))

        @wraps(work)
        def run(*args: Any, **kwargs: Any) -> Any:
            if next(calls):
                return work(*args, **kwargs)
            self._inner.append(0.0)
            started = time.process_time()
            try:
                return work(*args, **kwargs)
            finally:
                taken = time.process_time() - started
                self.seconds[stage] += (taken - self._inner.pop()) * every
                self._inner[-1] += taken * every

        return run
