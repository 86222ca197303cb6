"""How fast a campaign is sent: real rows, gate, rendering and SMTP, beside a plain pump."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from django.utils import timezone

from benchmarks import pumps, scratch, shop
from campaigns import reports
from campaigns.models import Campaign
from crm import accounts, messages
from crm.channels import mime
from crm.channels.base import Outgoing
from crm.messages.headers import headers_for
from crm.models import Message

# Low enough for a machine that is busy with other things; a quiet one reaches about 0.2.
LEAST_RATIO = 0.05
CONNECTIONS = 2

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Round:
    """One sending of the campaign, and the pump right after it over the same sink."""

    mails: int
    per_second: float
    pump_per_second: float
    ratio: float
    cpu_microseconds: float
    peak_megabytes: float
    plan_per_second: float


def run(*, recipients: int, rounds: int, workers: int) -> dict[str, Any]:
    """Fill a throw-away database, send to everybody several times, and report."""
    with (
        scratch.database() as address,
        pumps.sink() as (sink, port),
        _senders(workers, address, port) as senders,
    ):
        shop.fill(recipients=recipients, now=timezone.now())
        measured = [_round(number, recipients, senders, port) for number in range(1, rounds + 1)]
        size = _mail_size()
    return _report(
        measured,
        {
            "recipients": recipients,
            "workers": workers,
            "mail_bytes": size,
            "sink": sink,
            "pump": "smtp-source" if pumps.tool("smtp-source") else "our own",
        },
    )


@contextmanager
def _senders(workers: int, address: str, port: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Worker processes of the real sending loop, ready to be told what to send."""
    with tempfile.TemporaryDirectory(prefix="rapport-bench-") as folder:
        environment = {
            **os.environ,
            "DATABASE_URL": address,
            "RAPPORT_VAR": folder,
            "EMAIL_URL": f"smtp://127.0.0.1:{port}?connections={CONNECTIONS}",
            # Asked for every mail, but never reached however many rounds are sent.
            "CAMPAIGN_FREQUENCY_CAP": "1000",
        }
        command = [sys.executable, "-m", "benchmarks.sender"]
        running = [_start(command, environment) for _ in range(workers)]
        try:
            for process in running:
                _hear(process)
            yield running
        finally:
            for process in running:
                process.terminate()
                process.communicate()


def _start(command: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        env=environment,
        cwd=Path(__file__).resolve().parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _round(number: int, recipients: int, senders: list[subprocess.Popen[str]], port: int) -> Round:
    """Plan, send, then let the pump send as many mails of the same size."""
    now = timezone.now()
    planned, campaign = _timed(
        lambda: shop.plan(name=f"Round {number}", now=now, later=now + timedelta(minutes=1))
    )
    taken, told = _timed(lambda: _send(senders, campaign.pk))
    mails = sum(int(one["mails"]) for one in told)
    _check(campaign, mails, recipients)
    connections = CONNECTIONS * len(senders)
    pump_rate = pumps.pump(port=port, mails=mails, size=_mail_size(), connections=connections)
    return Round(
        mails=mails,
        per_second=mails / taken,
        pump_per_second=pump_rate,
        ratio=mails / taken / pump_rate,
        cpu_microseconds=sum(one["cpu_seconds"] for one in told) / mails * 1e6,
        peak_megabytes=max(one["peak_kilobytes"] for one in told) / 1024,
        plan_per_second=recipients / planned,
    )


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def _send(senders: list[subprocess.Popen[str]], campaign_id: int) -> list[dict[str, float]]:
    for process in senders:
        assert process.stdin
        process.stdin.write(f"{campaign_id}\n")
        process.stdin.flush()
    return [json.loads(_hear(process)) for process in senders]


def _hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("A worker of the benchmark stopped; see what it wrote above.")
    return line


def _check(campaign: Campaign, mails: int, recipients: int) -> None:
    """A rate counts only if the books come out even and everybody was written to."""
    books = reports.balance(campaign_id=campaign.pk)
    if not books.is_even or books.sent != mails or mails != recipients:
        raise RuntimeError(f"Sent {mails} of {recipients}, and the books say {books}.")


def _mail_size() -> int:
    """The bytes of one mail as it went over the wire."""
    message = Message.objects.earliest("id")
    shown = messages.show(message=message)
    draft = messages.Draft(
        message_id=message.pk,
        customer_id=message.customer_id,
        channel=message.channel,
        purpose=message.purpose,
        address=message.address,
        key=message.key,
        source_kind=message.source_kind,
        template_version_id=message.template_version_id,
    )
    outgoing = Outgoing(
        message_id=message.pk,
        key=message.key,
        sender=accounts.sender(channel=message.channel),
        recipient=message.address,
        subject=shown.subject,
        html=shown.html,
        text=shown.text,
        headers=headers_for(draft=draft),
    )
    sender, recipient = (
        mime.parse_address(address) for address in (outgoing.sender, outgoing.recipient)
    )
    return len(mime.build(outgoing, sender=sender, recipient=recipient, eight_bit=True))


def _report(measured: list[Round], setting: dict[str, Any]) -> dict[str, Any]:
    def middle(name: str) -> float:
        return round(median(getattr(one, name) for one in measured), 3)

    ratio = middle("ratio")
    return {
        "bench": "send",
        **setting,
        "messages_per_second": middle("per_second"),
        "pump_per_second": middle("pump_per_second"),
        "ratio": ratio,
        "cpu_microseconds_per_mail": middle("cpu_microseconds"),
        "peak_megabytes_per_worker": max(round(one.peak_megabytes, 1) for one in measured),
        "planned_per_second": middle("plan_per_second"),
        "rounds": [asdict(one) for one in measured],
        "limit": {"ratio": LEAST_RATIO},
        "is_within_limit": ratio >= LEAST_RATIO,
    }
