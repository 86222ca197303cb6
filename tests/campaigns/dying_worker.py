"""A worker whose process dies of one person's mail, forked anew until nothing is left to send.

Run as `python -m tests.campaigns.dying_worker CAMPAIGN HOW`, where HOW is `segfault` or `memory`;
it prints one line of JSON: how often a process died, and of what.
"""

import ctypes
import json
import os
import resource
import sys
from importlib import import_module

import django

NAME = "Poison"


def die(how: str) -> None:
    """End the process as broken native code does, or as the kernel does out of memory."""
    if how == "segfault":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        ctypes.string_at(0)
    os.kill(os.getpid(), 9)


def work(campaign_id: int, how: str) -> None:
    """Send batch after batch, as a worker does, until nothing is planned."""
    from django.utils import timezone

    from campaigns import sending
    from campaigns.models import Delivery
    from crm import messages
    from crm.rendering import CompiledTemplate

    encode = CompiledTemplate.encode

    def encode_or_die(self, *, variables, links):
        if variables["customer"]["first_name"] == NAME:
            die(how)
        return encode(self, variables=variables, links=links)

    CompiledTemplate.encode = encode_or_die
    owner = messages.owner()
    sending.release_expired(now=timezone.now())
    waiting = Delivery.objects.filter(campaign=campaign_id, state="planned")
    for _turn in range(60):
        if not waiting.exists():
            return
        messages.recover(now=timezone.now())
        sending.release_expired(now=timezone.now())
        sending.send_batch(campaign_id=campaign_id, owner=owner, now=timezone.now(), size=500)
    raise SystemExit(f"still waiting: {list(waiting.values()[:3])}")


def deaths(campaign_id: int, how: str) -> list[int]:
    """The signals that ended processes, one after the other, before one did all there was."""
    signals: list[int] = []
    # Loaded once for all; no connection is open before a fork.
    django.setup()
    import_module("campaigns.sending")
    while len(signals) < 50:
        child = os.fork()
        if child == 0:
            work(campaign_id, how)
            sys.stderr.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            return [*signals, -os.WEXITSTATUS(status)] if os.WEXITSTATUS(status) else signals
        signals.append(os.WTERMSIG(status))
    return signals


if __name__ == "__main__":
    print(json.dumps(deaths(int(sys.argv[1]), sys.argv[2])))
