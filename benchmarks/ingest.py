"""How fast events become durable by HTTP, spool and drain, beside a COPY of the same rows."""

import contextlib
import json
import random
import subprocess
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

from django.db import connection
from django.utils import timezone

from benchmarks import posting, scratch
from benchmarks.web_servers import Servers, running
from crm import customers, keys
from crm.choices import ApiScope
from marketing.runtime import processes

# Low enough for a machine that is busy with other things; docs/benchmarks.md says what a quiet
# one reaches.
LEAST_RATIO = 0.40
MOST_CPU_SHARE = 0.20
SLOWEST_P99_MS = 50.0
MOST_GROWTH = 1.15
MOST_DATABASE_MICROSECONDS = 50.0

BATCH = 100
LANES = 4
PEOPLE = 5_000
PRODUCTS = 200
LATENCY_SECONDS = 5.0
PATIENCE = 120.0
_COLUMNS = "customer_id, name, occurred_at, received_at, properties, key"
_BACKENDS = """
    SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0"


@dataclass(frozen=True, slots=True)
class Round:
    """One way in by batches, the COPY of the same rows right after it, one way in singly."""

    batch_per_second: float
    copy_per_second: float
    ratio: float
    acknowledged_per_second: float
    single_per_second: float
    single_cpu_microseconds: float
    drf_cpu_microseconds: float
    cpu_share: float
    drain_cpu_microseconds: float
    web_cpu_microseconds: float
    database_cpu_microseconds: float


def run(*, events: int, rounds: int, singles: int) -> dict[str, Any]:
    """Fill a throw-away database, send events in both ways several times, and report."""
    with (
        scratch.database() as address,
        running(
            address=address, bare="benchmarks.plain_drf:application", TRACK_RATE="100000000/min"
        ) as servers,
    ):
        secret = _furnish()
        teller = Teller(secret)
        _round(servers, teller, max(BATCH, events // 4), max(50, singles // 4))
        before = _memory(servers)
        measured = [_round(servers, teller, events, singles) for _ in range(rounds)]
        rate = median(one.single_per_second for one in measured) / 2
        seconds = _latencies(servers, teller, rate)
        after = _memory(servers)
    return _report(measured, seconds, rate, before, after, events, singles)


class Teller:
    """Makes calls as a shop's server and its visitors' browsers send them."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self._random = random.Random(7)

    def batches(self, events: int) -> tuple[list[bytes], list[str]]:
        """Requests of a hundred events, and the id of the last event of each."""
        requests, last = [], []
        for _ in range(events // BATCH):
            calls = [self._call() for _ in range(BATCH)]
            body = json.dumps({"batch": calls, "sentAt": _now()}).encode()
            requests.append(posting.request("/v1/batch", self.secret, body))
            last.append(calls[-1]["messageId"])
        return requests, last

    def singles(self, count: int) -> tuple[list[bytes], list[str]]:
        """Requests of one track call, and their ids."""
        calls = [self._call(kind="track") for _ in range(count)]
        bodies = (json.dumps(call).encode() for call in calls)
        requests = [posting.request("/v1/track", self.secret, body) for body in bodies]
        return requests, [call["messageId"] for call in calls]

    def _call(self, kind: str = "") -> dict[str, Any]:
        draw = self._random.random()
        call: dict[str, Any] = {
            "messageId": str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            "userId": f"person-{self._random.randrange(PEOPLE)}",
            "timestamp": _now(),
            "context": {
                "library": {"name": "bench", "version": "1.0.0"},
                "userAgent": _AGENT,
                "locale": "en-GB",
            },
        }
        if draw < 0.3 and kind != "track":
            page = {"url": "https://shop.example/tea/green", "path": "/tea/green", "title": "Tea"}
            return {**call, "type": "page", "name": "Tea", "properties": page}
        if draw < 0.5:
            number = self._random.randrange(PRODUCTS)
            product = {"sku": f"TEA-{number}", "name": f"Tea {number}", "price": 12.5}
            return {**call, "type": "track", "event": "Product Viewed", "properties": product}
        told = {"pot": "blue", "cups": 3, "minutes": 4.5, "is_hot": True, "kinds": ["green"]}
        return {**call, "type": "track", "event": "Tea Brewed", "properties": told}


# --- A round ------------------------------------------------------------------------------------


def _round(servers: Servers, teller: Teller, events: int, singles: int) -> Round:
    _settle()
    cut = _value("SELECT coalesce(max(id), 0) FROM crm_event")
    web, drain, database = _cpu(servers.web), _cpu(servers.ingest), _database_cpu()
    requests, last = teller.batches(events)
    began = time.perf_counter()
    posting.post(servers.web_port, requests, lanes=LANES)
    acknowledged = time.perf_counter() - began
    # Asking for all of them all the time would slow down what is measured.
    _await_rows(last[-LANES:])
    _await_rows(last)
    taken = time.perf_counter() - began
    web, drain = _cpu(servers.web) - web, _cpu(servers.ingest) - drain
    database = _database_cpu() - database
    _check(cut, len(requests) * BATCH)
    _settle()
    copied = _copy(cut)
    single = _singly(servers.web, servers.web_port, teller, singles)
    plain = _singly(servers.bare, servers.bare_port, teller, max(50, singles // 4))
    return Round(
        batch_per_second=events / taken,
        copy_per_second=events / copied,
        ratio=copied / taken,
        acknowledged_per_second=events / acknowledged,
        single_per_second=single[0],
        single_cpu_microseconds=single[1],
        drf_cpu_microseconds=plain[1],
        cpu_share=single[1] / plain[1],
        drain_cpu_microseconds=drain / events * 1e6,
        web_cpu_microseconds=web / events * 1e6,
        database_cpu_microseconds=database / events * 1e6,
    )


def _singly(
    server: subprocess.Popen[bytes], port: int, teller: Teller, count: int
) -> tuple[float, float]:
    """Events a second until the last is in the database, and the server's microseconds a post."""
    requests, ids = teller.singles(count)
    cpu, began = _cpu(server), time.perf_counter()
    posting.post(port, requests, lanes=2 * LANES)
    cpu = _cpu(server) - cpu
    _await_rows(ids[-4 * LANES :])
    return count / (time.perf_counter() - began), cpu / count * 1e6


def _latencies(servers: Servers, teller: Teller, rate: float) -> list[float]:
    requests, _ = teller.singles(int(rate * LATENCY_SECONDS))
    return posting.post(servers.web_port, requests, lanes=2 * LANES, per_second=rate)


def _copy(cut: int) -> float:
    """Seconds that one stream takes to copy the rows after `cut` beside where they are."""
    rows: list[bytes] = []
    with connection.cursor() as cursor:
        query = f"COPY (SELECT {_COLUMNS} FROM crm_event WHERE id > {cut}) TO STDOUT"
        with cursor.copy(query) as copy:
            rows.extend(map(bytes, copy))
        began = time.perf_counter()
        with cursor.copy(f"COPY bench_event ({_COLUMNS}) FROM STDIN") as copy:
            for start in range(0, len(rows), 1000):
                copy.write(b"".join(rows[start : start + 1000]))
    return time.perf_counter() - began


def _await_rows(message_ids: Sequence[str]) -> None:
    """Until these are in the database, and everything before them."""
    key_id = _value("SELECT id FROM crm_apikey")
    wanted = [f"track:{key_id}:{one}" for one in message_ids]
    deadline = time.monotonic() + PATIENCE
    while _value("SELECT count(*) FROM crm_event WHERE key = ANY(%s)", wanted) < len(wanted):
        if time.monotonic() > deadline:
            raise RuntimeError("Events that were acknowledged are not in the database.")
        time.sleep(0.01)


def _check(cut: int, events: int) -> None:
    """A rate counts only if everything arrived, once."""
    found = _value("SELECT count(*) FROM crm_event WHERE id > %s", cut)
    if found != events:
        raise RuntimeError(f"{events} events were sent and {found} are there.")


def _settle() -> None:
    """Let what follows from the events be drawn, so that it does not disturb what is next."""
    while _value("SELECT count(*) FROM crm_eventbatch"):
        time.sleep(0.1)
    with connection.cursor() as cursor, contextlib.suppress(Exception):
        cursor.execute("CHECKPOINT")


def _value(query: str, *parameters: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, list(parameters) or None)
        row = cursor.fetchone()
    return int(row[0]) if row else 0


# --- Processes ----------------------------------------------------------------------------------


def _furnish() -> str:
    """People, a table to copy into, and a write key."""
    now = timezone.now()
    people = [customers.Person(external_id=f"person-{number}") for number in range(PEOPLE)]
    customers.identify_many(people=people, now=now)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_event (LIKE crm_event INCLUDING ALL)")
    return keys.create(name="bench", scopes=[ApiScope.TRACK], now=now).secret


def _memory(servers: Servers) -> dict[str, float]:
    """Megabytes that web and ingest answer for."""
    return {
        "web": _megabytes(_family(servers.web)),
        "ingest": _megabytes(_family(servers.ingest)),
    }


def _family(process: subprocess.Popen[bytes]) -> list[int]:
    return [process.pid, *processes.descendants(process.pid)]


def _cpu(process: subprocess.Popen[bytes]) -> float:
    return processes.cpu_seconds(_family(process))


def _database_cpu() -> float:
    """Seconds of the backends of our database but this one; 0 where they run elsewhere."""
    with connection.cursor() as cursor:
        cursor.execute(_BACKENDS)
        return processes.cpu_seconds([pid for (pid,) in cursor.fetchall()])


def _megabytes(pids: Sequence[int]) -> float:
    return round(sum(map(processes.memory, pids)) / 1e6, 1)


def _now() -> str:
    return datetime.now(tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- The report ---------------------------------------------------------------------------------


def _report(
    measured: list[Round],
    seconds: list[float],
    rate: float,
    before: dict[str, float],
    after: dict[str, float],
    *counts: int,
) -> dict[str, Any]:
    def middle(name: str) -> float:
        return round(median(getattr(one, name) for one in measured), 3)

    figures = {name: middle(name) for name in Round.__dataclass_fields__}
    p99 = round(seconds[int(len(seconds) * 0.99)] * 1000, 2)
    growth = round(max(after[name] / before[name] for name in before), 3)
    limits = {
        "ratio": LEAST_RATIO,
        "cpu_share": MOST_CPU_SHARE,
        "p99_ms": SLOWEST_P99_MS,
        "memory_growth": MOST_GROWTH,
        "database_cpu_microseconds": MOST_DATABASE_MICROSECONDS,
    }
    return {
        "bench": "ingest",
        "events": counts[0],
        "singles": counts[1],
        **figures,
        "latency_per_second": round(rate),
        "p50_ms": round(median(seconds) * 1000, 2),
        "p99_ms": p99,
        "memory_megabytes_before": before,
        "memory_megabytes_after": after,
        "memory_growth": growth,
        "rounds": [asdict(one) for one in measured],
        "limit": limits,
        "is_within_limit": (
            figures["ratio"] >= LEAST_RATIO
            and figures["cpu_share"] <= MOST_CPU_SHARE
            and p99 <= SLOWEST_P99_MS
            and growth <= MOST_GROWTH
            and figures["database_cpu_microseconds"] <= MOST_DATABASE_MICROSECONDS
        ),
    }
