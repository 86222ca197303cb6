"""How soon clicks and openings are answered, beside a redirect and a picture that keep nothing."""

import random
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from django.db import connection
from django.utils import timezone

from benchmarks import posting, scratch
from benchmarks.web_servers import Servers, running
from crm import customers, links, templates
from crm.messages.drafts import link_key
from crm.models import Template, TemplateVersion
from marketing.runtime import processes

SLOWEST_P99_MS = 5.0
MOST_CPU_MICROSECONDS = 500.0

LINKS = 35
PEOPLE = 2_000
LANES = 8
SECONDS = 4.0
# One client cannot keep a higher pace exactly: it would measure its own delays.
MOST_PER_SECOND = 1_500.0
PATIENCE = 120.0
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0"
_LETTERS = """
    INSERT INTO crm_message (customer_id, direction, channel, purpose, author, source_kind,
        address, subject, text, body_hash, key, provider, provider_message_id, state, reason,
        detail, owner, attempts, template_version_id, created_at, sent_at)
    SELECT id, 'out', 'email', 'marketing', 'campaign', 'delivery', '', '', '', '',
        'bench-' || id, '', '', 'sent', '', '', '', 1, %s, %s, %s FROM crm_customer RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Round:
    """Each kind as fast as it goes, then at half of that; and the counting of all of it."""

    click_per_second: float
    click_cpu_microseconds: float
    click_p99_ms: float
    open_per_second: float
    open_cpu_microseconds: float
    open_p99_ms: float
    bare_per_second: float
    bare_cpu_microseconds: float
    bare_p99_ms: float
    counting_cpu_microseconds: float
    database_cpu_microseconds: float


def run(*, calls: int, rounds: int) -> dict[str, Any]:
    """Fill a throw-away database, follow links and load pictures several times, and report."""
    with scratch.database() as address:
        letters = _furnish()
        with running(address=address, bare="benchmarks.bare_redirect:application") as servers:
            draw = random.Random(7)
            _round(servers, letters, draw, max(100, calls // 4))
            measured = [_round(servers, letters, draw, calls) for _ in range(rounds)]
    return _report(measured, calls)


def _furnish() -> list[int]:
    """People, a published mail with many links, and one message of it for each of them."""
    now = timezone.now()
    people = [customers.Person(external_id=f"person-{number}") for number in range(PEOPLE)]
    customers.identify_many(people=people, now=now)
    template = Template.objects.create(name="Bench", channel="email", created_at=now)
    version = templates.publish(
        template=template, subject="Tea", html=_html(), text="", by=None, now=now
    )
    assert isinstance(version, TemplateVersion)
    with connection.cursor() as cursor:
        cursor.execute(_LETTERS, [version.pk, now, now])
        return [message_id for (message_id,) in cursor.fetchall()]


def _html() -> str:
    return "".join(
        f'<p><a href="https://shop.example/tea/{number}?from=mail">Tea {number}</a></p>'
        for number in range(LINKS)
    )


def _round(servers: Servers, letters: Sequence[int], draw: random.Random, calls: int) -> Round:
    before = _counted()
    drain, database = _cpu(servers.ingest), _database_cpu()
    click = _measure(servers.web, servers.web_port, _clicks(letters, draw, calls))
    opening = _measure(servers.web, servers.web_port, _openings(letters, draw, calls))
    bare = _measure(servers.bare, servers.bare_port, _clicks(letters, draw, calls))
    made = click[3] + opening[3]
    _await(before + made)
    return Round(
        *click[:3],
        *opening[:3],
        *bare[:3],
        counting_cpu_microseconds=(_cpu(servers.ingest) - drain) / made * 1e6,
        database_cpu_microseconds=(_database_cpu() - database) / made * 1e6,
    )


def _measure(
    server: subprocess.Popen[bytes], port: int, requests: Sequence[bytes]
) -> tuple[float, float, float, int]:
    """Calls a second, microseconds of processor a call, p99 in milliseconds at half load."""
    cpu, began = _cpu(server), time.perf_counter()
    posting.post(port, requests, lanes=LANES)
    taken = time.perf_counter() - began
    cpu = _cpu(server) - cpu
    rate = len(requests) / taken
    pace = min(rate / 2, MOST_PER_SECOND)
    count = min(int(pace * SECONDS), 2 * len(requests))
    paced = [requests[number % len(requests)] for number in range(count)]
    seconds = posting.post(port, paced, lanes=LANES, per_second=pace)
    p99 = seconds[int(len(seconds) * 0.99)] * 1000
    return rate, cpu / len(requests) * 1e6, p99, len(requests) + len(paced)


def _clicks(letters: Sequence[int], draw: random.Random, calls: int) -> list[bytes]:
    key = link_key()
    tokens = [links.sign(purpose=links.CLICK, value=one, key=key) for one in letters]
    return [_request(f"/c/{draw.choice(tokens)}/{draw.randrange(LINKS) + 1}") for _ in range(calls)]


def _openings(letters: Sequence[int], draw: random.Random, calls: int) -> list[bytes]:
    key = link_key()
    tokens = [links.sign(purpose=links.OPEN, value=one, key=key) for one in letters]
    return [_request(f"/o/{draw.choice(tokens)}") for _ in range(calls)]


def _request(path: str) -> bytes:
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {_AGENT}\r\n"
    return f"{head}Accept-Language: en-GB,en\r\nAccept: */*\r\n\r\n".encode()


def _await(wanted: int) -> None:
    """A rate counts only if everything that was answered is counted, once."""
    deadline = time.monotonic() + PATIENCE
    while (found := _counted()) < wanted:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{wanted} sightings were answered and {found} are counted.")
        time.sleep(0.1)
    if found > wanted:
        raise RuntimeError(f"{wanted} sightings were answered and {found} are counted.")


def _counted() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(people + programs), 0) FROM crm_linkday")
        return int(cursor.fetchone()[0])


def _cpu(process: subprocess.Popen[bytes]) -> float:
    return processes.cpu_seconds([process.pid, *processes.descendants(process.pid)])


def _database_cpu() -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return processes.cpu_seconds([pid for (pid,) in cursor.fetchall()])


def _report(measured: list[Round], calls: int) -> dict[str, Any]:
    figures = {
        name: round(median(getattr(one, name) for one in measured), 2)
        for name in Round.__dataclass_fields__
    }
    limits = {
        "click_p99_ms": SLOWEST_P99_MS,
        "open_p99_ms": SLOWEST_P99_MS,
        "click_cpu_microseconds": MOST_CPU_MICROSECONDS,
        "open_cpu_microseconds": MOST_CPU_MICROSECONDS,
    }
    return {
        "bench": "tracking",
        "calls": calls,
        **figures,
        "rounds": [asdict(one) for one in measured],
        "limit": limits,
        "is_within_limit": all(figures[name] <= limit for name, limit in limits.items()),
    }
