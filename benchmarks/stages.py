"""Processor time by stage: each stage's own, without that of the stages it calls."""

import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

# Where each stage is done: what is called, looked up where it is called from.
STAGES = {
    "claim": ("campaigns.sending.claims:claim",),
    "gather": ("campaigns.sending.batch:_gather",),
    "render": ("campaigns.sending.batch:_render",),
    "decide": ("campaigns.eligibility:decide_many",),
    "write": ("campaigns.sending.batch:_write",),
    "build": ("crm.messages.sending:outgoing", "crm.channels.smtp_pump:_prepare"),
    "settle": ("crm.messages.sending:_settle",),
    "smtp": ("crm.messages.sending:_hand_over",),
}


class Stages:
    """Measures from the moment it is made; `seconds` is what each stage took so far."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._inner = [0.0]
        for stage, places in STAGES.items():
            for place in places:
                module, _, name = place.partition(":")
                room = import_module(module)
                setattr(room, name, self._measured(stage, getattr(room, name)))

    def _measured(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(work)
        def run(*args: Any, **kwargs: Any) -> Any:
            self._inner.append(0.0)
            started = time.process_time()
            try:
                return work(*args, **kwargs)
            finally:
                taken = time.process_time() - started
                self.seconds[stage] += taken - self._inner.pop()
                self._inner[-1] += taken

        return run
