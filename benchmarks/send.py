"""How fast a campaign is sent: real rows, gate, rendering and SMTP, beside a plain pump."""

import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from statistics import median
from typing import Any, TypeVar

from django.utils import timezone

from benchmarks import letter, peer, pumps, ringing, scratch, shop, signing
from benchmarks.senders import CONNECTIONS, Senders, senders
from campaigns import broadcasts, reports
from campaigns.models import Campaign, Delivery
from campaigns.tasks import SLICE_SECONDS
from crm import accounts, messages, templates, variables
from crm.channels import dkim, mime
from crm.channels.smtp_pump import mail_of
from crm.choices import Channel
from crm.messages.outgoing import outgoing_many

# Of mails a second beside the plain pump's, and memory of a worker.
LEAST_RATIO = {"merge fields": 0.85, "cards": 0.60, "cards, Ed25519": 0.45, "cards, RSA": 0.28}
# The mail with merge fields made once for everybody: what is left when making costs nothing.
MADE_ONCE = "merge fields, made once"
# What is sent under each of these names, and by which kind of key it is signed.
KINDS = {
    "merge fields": (letter.FIELDS, ""),
    MADE_ONCE: (letter.FIELDS, ""),
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

# Rounds are so many days apart by the clock of the sending.
_DAYS = 7

T = TypeVar("T")
Process = subprocess.Popen[str]


@dataclass(frozen=True, slots=True)
class Round:
    """One sending of a mail to everybody, and the pump right before and after it, same sink."""

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
                campaign, planned = _plan(name, number)
                sizes.setdefault(name, _mail_size(campaign))
                send = partial(
                    sending.send,
                    campaign.pk,
                    days=_DAYS * number,
                    is_made_once=name == MADE_ONCE,
                )
                one = _round(recipients, send, sizes[name], sending, sink)
                _check(campaign, one.mails, recipients)
                # As the worker that sends its last mail does; others would take turns with it.
                broadcasts.finish_done(now=_now_of(number))
                measured[name].append(replace(one, plan_per_second=recipients / planned))
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


def _plan(name: str, number: int) -> tuple[Campaign, float]:
    """Plan a round's deliveries; the campaign, and how many seconds that took.

    Every round is a week after the one before: nobody gets more than the cap lets through.
    """
    kind, _ = KINDS[name]
    now = _now_of(number)
    plan = partial(shop.plan, name=f"{name} {number}", letter=kind)
    taken, campaign = _timed(lambda: plan(now=now, later=now + timedelta(minutes=1)))
    return campaign, taken


def _round(
    recipients: int,
    send: Callable[[], list[dict[str, Any]]],
    mail_bytes: int,
    sending: Senders,
    sink: pumps.Running,
) -> Round:
    """Send between two halves of what the pump sends: as many mails, of the same size.

    A machine is not as fast now as ten seconds later: what is before and after is nearest to it.
    """
    pump = partial(
        pumps.pump, port=sink.port, size=mail_bytes, connections=CONNECTIONS * len(sending)
    )
    half = recipients // 2
    pumped, _ = _timed(lambda: pump(mails=half))
    outside = {"database": sending.database_processes, "sink": [sink.process]}
    before = {who: pumps.cpu_seconds(processes) for who, processes in outside.items()}
    taken, told = _timed(send)
    after = {who: pumps.cpu_seconds(processes) for who, processes in outside.items()}
    pumped += _timed(lambda: pump(mails=recipients - half))[0]
    mails = sum(one["mails"] for one in told)
    cpu = Counter({who: after[who] - before[who] for who in outside})
    for one in told:
        cpu.update(one["stages"])
        cpu["worker"] += one["cpu_seconds"]
    return Round(
        mails=mails,
        per_second=mails / taken,
        pump_per_second=mails / pumped,
        ratio=pumped / taken,
        cpu={stage: seconds / mails * 1e6 for stage, seconds in cpu.items()},
        peak_megabytes=max(one["peak_kilobytes"] for one in told) / 1024,
    )


def _now_of(number: int) -> datetime:
    return timezone.now() + timedelta(days=_DAYS * number)


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def _check(campaign: Campaign, mails: int, recipients: int) -> None:
    """A rate counts only if the books come out even and everybody was written to."""
    books = reports.balance(campaign_id=campaign.pk)
    if not books.is_even or books.sent != mails or mails != recipients:
        raise RuntimeError(f"Sent {mails} of {recipients}, and the books say {books}.")


def _mail_size(campaign: Campaign) -> int:
    """The bytes of the first mail of a planned campaign, as it will go over the wire."""
    deliveries = Delivery.objects.filter(campaign=campaign)
    first = deliveries.select_related("step__template_version__template").earliest("id")
    version, customer_id = first.step.template_version, first.customer_id
    assert version is not None
    compiled = templates.compiled(version=version)
    (known,) = variables.gather_many(
        customer_ids=[customer_id], now=timezone.now(), wanted=compiled.reads
    ).values()
    (message_id,) = messages.reserve_ids(count=1)
    mail = compiled.encode(variables=known, links=messages.links(message_id=message_id))
    draft = messages.Draft(
        message_id=message_id,
        customer_id=customer_id,
        channel=Channel.EMAIL,
        purpose=campaign.purpose,
        address=known["customer"]["email"],
        key=f"delivery-{first.pk}-1",
        subject=mail.subject,
        source_kind="delivery",
        template_version_id=version.pk,
        mail=mail,
    )
    account = accounts.for_channel(channel=Channel.EMAIL)
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
