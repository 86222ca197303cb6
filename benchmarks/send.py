"""How fast a campaign is sent: real rows, gate, rendering and SMTP, beside a plain pump."""

import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from statistics import median
from typing import Any, TypeVar

from django.utils import timezone

from benchmarks import letter, peer, pumps, ringing, scratch, shop, signing
from benchmarks.senders import CONNECTIONS, Senders, senders
from campaigns import reports
from campaigns.models import Campaign
from campaigns.tasks import SLICE_SECONDS
from crm import accounts, messages, templates
from crm.channels import dkim, mime
from crm.channels.smtp_pump import mail_of
from crm.messages.outgoing import outgoing_many
from crm.models import Message

# Of mails a second beside the plain pump's, and memory of a worker.
LEAST_RATIO = {"merge fields": 0.85, "cards": 0.60, "cards, Ed25519": 0.45, "cards, RSA": 0.28}
# What is sent under each of these names, and by which kind of key it is signed.
KINDS = {
    "merge fields": (letter.FIELDS, ""),
    "cards": (letter.CARDS, ""),
    "cards, Ed25519": (letter.CARDS, dkim.ED25519),
    "cards, RSA": (letter.CARDS, dkim.RSA),
}
MOST_MEGABYTES = 200.0
# The most memory of the last round for that of the first: what grows with the mails is a leak.
MOST_GROWTH = 1.05
LEAST_TIMES_PEER = 30.0
# Processor time a mail that a task takes beside its batches.
MOST_CELERY_MICROSECONDS = 10.0

T = TypeVar("T")
Process = subprocess.Popen[str]


@dataclass(frozen=True, slots=True)
class Round:
    """One sending of a mail to everybody, and the pump right after it over the same sink."""

    mails: int
    per_second: float
    pump_per_second: float
    ratio: float
    # Microseconds of processor time a mail, in the workers by stage and outside of them.
    cpu: dict[str, float] = field(default_factory=dict)
    peak_megabytes: float = 0.0
    plan_per_second: float = 0.0


def run(*, recipients: int, rounds: int, workers: int, peers: int) -> dict[str, Any]:
    """Fill a throw-away database, send each mail to everybody several times, and report."""
    with ExitStack() as held:
        address = held.enter_context(scratch.database())
        sink = held.enter_context(pumps.sink())
        sending = held.enter_context(senders(workers=workers, address=address, port=sink.port))
        shop.fill(recipients=recipients, now=timezone.now())
        signing.make_keys(now=timezone.now())
        measured: dict[str, list[Round]] = {name: [] for name in KINDS}
        beside: list[peer.Told] = []
        sizes: dict[str, int] = {}
        for number in range(1, rounds + 1):
            for name, (_, algorithm) in KINDS.items():
                signing.sign_by(algorithm=algorithm)
                one = _round(name, number, recipients, sending, sink)
                measured[name].append(one)
                sizes.setdefault(name, _mail_size())
            told = peer.rate(mails=peers, port=sink.port, workers=workers) if peers else None
            beside += [told] if told else []
        over = Campaign.objects.latest("id")
        rings = min(ringing.RINGS, recipients)
        per_ring = ringing.microseconds(campaign_id=over.pk, address=address, rings=rings)
        setting = {
            "recipients": recipients,
            "workers": workers,
            "sink": sink.name,
            "pump": "smtp-source" if pumps.tool("smtp-source") else "our own",
        }
    return _report(measured, sizes, beside, setting, per_ring)


def _round(name: str, number: int, recipients: int, sending: Senders, sink: pumps.Running) -> Round:
    """Plan, send, then let the pump send as many mails of the same size.

    Every round is a week after the one before: nobody gets more than the cap lets through.
    """
    kind, _ = KINDS[name]
    days = 7 * number
    now = timezone.now() + timedelta(days=days)
    plan = partial(shop.plan, name=f"{name} {number}", letter=kind)
    planned, campaign = _timed(lambda: plan(now=now, later=now + timedelta(minutes=1)))
    outside = {"database": sending.database_processes, "sink": [sink.process]}
    before = {who: pumps.cpu_seconds(processes) for who, processes in outside.items()}
    taken, told = _timed(lambda: sending.send(campaign.pk, days=days))
    after = {who: pumps.cpu_seconds(processes) for who, processes in outside.items()}
    mails = sum(one["mails"] for one in told)
    _check(campaign, mails, recipients)
    connections = CONNECTIONS * len(sending)
    pump_rate = pumps.pump(port=sink.port, mails=mails, size=_mail_size(), connections=connections)
    cpu = Counter({who: after[who] - before[who] for who in outside})
    for one in told:
        cpu.update(one["stages"])
        cpu["worker"] += one["cpu_seconds"]
    return Round(
        mails=mails,
        per_second=mails / taken,
        pump_per_second=pump_rate,
        ratio=mails / taken / pump_rate,
        cpu={stage: seconds / mails * 1e6 for stage, seconds in cpu.items()},
        peak_megabytes=max(one["peak_kilobytes"] for one in told) / 1024,
        plan_per_second=recipients / planned,
    )


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def _check(campaign: Campaign, mails: int, recipients: int) -> None:
    """A rate counts only if the books come out even and everybody was written to."""
    books = reports.balance(campaign_id=campaign.pk)
    if not books.is_even or books.sent != mails or mails != recipients:
        raise RuntimeError(f"Sent {mails} of {recipients}, and the books say {books}.")


def _mail_size() -> int:
    """The bytes of the newest mail as it went over the wire."""
    message = Message.objects.select_related("template_version__template").latest("id")
    assert message.template_version is not None
    mail = templates.compiled(version=message.template_version).encode(
        variables=messages.thaw(value=message.variables),
        links=messages.links(message_id=message.pk),
    )
    draft = messages.Draft(
        message_id=message.pk,
        customer_id=message.customer_id,
        channel=message.channel,
        purpose=message.purpose,
        address=message.address,
        key=message.key,
        subject=mail.subject,
        source_kind=message.source_kind,
        template_version_id=message.template_version_id,
        mail=mail,
    )
    account = accounts.for_channel(channel=message.channel)
    (sent,) = outgoing_many(drafts=[draft], account=account)
    sender, recipient = map(mime.parse_address, (sent.sender, sent.recipient))
    return len(mail_of(sent, sender, recipient, eight_bit=True))


def _report(
    measured: dict[str, list[Round]],
    sizes: dict[str, int],
    beside: list[peer.Told],
    setting: dict[str, Any],
    per_ring: float,
) -> dict[str, Any]:
    mails = {name: _of(rounds, sizes[name]) for name, rounds in measured.items()}
    peak = max(one["peak_megabytes_per_worker"] for one in mails.values())
    first, last = (
        max(rounds[end].peak_megabytes for rounds in measured.values()) for end in (0, -1)
    )
    growth = round(last / first, 3)
    peers = _beside_peer(mails["cards"], beside)
    times = peers["times"] if peers else LEAST_TIMES_PEER
    # Of the slowest of them the fewest go in a slice.
    slowest = min(one["messages_per_second"] for one in mails.values()) / setting["workers"]
    celery = round(per_ring / (slowest * SLICE_SECONDS), 2)
    within = {
        **{
            f"ratio of {name}": mails[name]["ratio"] >= least for name, least in LEAST_RATIO.items()
        },
        "megabytes": peak < MOST_MEGABYTES,
        "memory growth": growth <= MOST_GROWTH,
        "celery microseconds": celery <= MOST_CELERY_MICROSECONDS,
        "times django-post_office": times >= LEAST_TIMES_PEER,
    }
    return {
        "bench": "send",
        **setting,
        "mails": mails,
        "mails_in_all": sum(one.mails for rounds in measured.values() for one in rounds),
        "memory_growth": growth,
        "celery_microseconds_per_mail": celery,
        "celery_microseconds_per_ring": round(per_ring, 1),
        "django_post_office": peers,
        "limit": {
            "ratio": LEAST_RATIO,
            "celery_microseconds_per_mail": MOST_CELERY_MICROSECONDS,
            "megabytes": MOST_MEGABYTES,
            "memory_growth": MOST_GROWTH,
            "times_django_post_office": LEAST_TIMES_PEER,
        },
        "within": within,
        "is_within_limit": all(within.values()),
    }


def _beside_peer(ours: dict[str, Any], beside: list[peer.Told]) -> dict[str, Any] | None:
    """The peer's rate, ours by it, and the plain pump's: nothing over this wire can be more."""
    if not beside:
        return None
    rate = median(one.per_second for one in beside)
    return {
        "mail_bytes": beside[0].mail_bytes,
        "messages_per_second": round(rate, 1),
        "times": round(ours["messages_per_second"] / rate, 1),
        "times_of_the_pump": round(ours["pump_per_second"] / rate, 1),
    }


def _of(rounds: list[Round], mail_bytes: int) -> dict[str, Any]:
    def middle(name: str) -> float:
        return round(median(getattr(one, name) for one in rounds), 3)

    stages = sorted({stage for one in rounds for stage in one.cpu})
    return {
        "mail_bytes": mail_bytes,
        "messages_per_second": middle("per_second"),
        "pump_per_second": middle("pump_per_second"),
        "ratio": middle("ratio"),
        "ratios": [round(one.ratio, 3) for one in rounds],
        "cpu_microseconds_per_mail": {
            stage: round(median(one.cpu.get(stage, 0.0) for one in rounds), 1) for stage in stages
        },
        "peak_megabytes_per_worker": max(round(one.peak_megabytes, 1) for one in rounds),
        "planned_per_second": middle("plan_per_second"),
    }
