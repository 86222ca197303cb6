"""How an HTTP provider is kept busy: requests in flight, the rate kept, processor time a request.

The provider is the simulator in a process of its own, which keeps nothing and answers after a
tenth of a second. The rate is what it sees, not what the sender believes.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from crm.channels.base import SENT, Account, Outgoing
from crm.channels.http_many import IN_FLIGHT
from crm.channels.journal import HandOverJournal
from crm.channels.sms_http import SmsHttpAdapter

LIMITS = {"rate_deviation": 0.02, "in_flight": IN_FLIGHT}
BATCH = 500
RATES = (20, 100, 500)
_DELAY = "0.1"


def run(*, seconds: int, rounds: int) -> dict[str, Any]:
    """Send at several rates and as fast as it goes; see `LIMITS`."""
    with simulator() as address:
        paced = [at_rate(address, rate, rate * seconds) for rate in RATES for _ in range(rounds)]
        free = [at_rate(address, 0, BATCH * 2 * seconds) for _ in range(rounds)]
    worst = max(abs(one["seen"] / one["asked"] - 1) for one in paced)
    return {
        "rates": paced,
        "unlimited": free,
        "rate_deviation": round(worst, 4),
        "in_flight": max(one["most_in_flight"] for one in free),
        "requests_per_second": median(one["seen"] for one in free),
        "cpu_microseconds_per_request": median(one["cpu_microseconds"] for one in free),
        "limit": LIMITS,
        "is_within_limit": worst <= LIMITS["rate_deviation"]
        and max(one["most_in_flight"] for one in free) == IN_FLIGHT,
    }


def at_rate(address: str, rate: int, count: int) -> dict[str, Any]:
    """Send so many SMS in batches over one adapter with a real journal; 0 is no limit."""
    account = Account(
        "sms_http",
        f"{address}/sms/messages",
        "simulator",
        options=(("per_second", str(rate or "")),),
        guarded_but=None,
    )
    adapter = SmsHttpAdapter(account)
    _meter(address)
    with TemporaryDirectory() as folder:
        journal = HandOverJournal(Path(folder))
        began = time.process_time()
        for start in range(0, count, BATCH):
            _send(adapter, journal, range(start, min(start + BATCH, count)))
        spent = time.process_time() - began
        journal.close()
    adapter.close()
    seen = _meter(address)
    if seen["requests"] != count:
        raise RuntimeError(f"{seen['requests']} of {count} requests arrived.")
    return {
        "asked": rate,
        # Between the first and the last are one fewer gaps than requests.
        "seen": round((count - 1) / seen["seconds"], 2),
        "requests": count,
        "most_in_flight": seen["most_open"],
        "cpu_microseconds": round(spent / count * 1e6, 1),
    }


def _send(adapter: SmsHttpAdapter, journal: HandOverJournal, numbers: range) -> None:
    batch = [
        Outgoing(number, f"bench-{number}", "+441134960000", f"+4411349{number + 100_000:06}00")
        for number in numbers
    ]
    journal.begin([message.message_id for message in batch])
    wrong = [one for one in adapter.send_many(batch, journal=journal) if one.state != SENT]
    journal.end()
    if wrong:
        raise RuntimeError(f"{len(wrong)} SMS were not taken: {wrong[0]}")


def _meter(address: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(httpx.get(f"{address}/meter", trust_env=False).content)
    return found


@contextmanager
def simulator() -> Iterator[str]:
    """The address of a simulator that runs as long as the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "crm.simulator", "--forget", "--delay", _DELAY],
        env={"SECRET_KEY": "benchmark"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        ports = re.findall(r"127\.0\.0\.1:(\d+)", process.stderr.readline())
        yield f"http://127.0.0.1:{ports[1]}"
    finally:
        process.terminate()
        process.communicate()
