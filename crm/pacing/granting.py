"""Grants: how many messages may leave now through an account, and to whom of them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, repeat

from crm.accounts import Kept
from crm.channels import mime
from crm.choices import BreakerState, Channel, Lane
from crm.pacing import buckets, warming
from crm.pacing.buckets import Bucket
from crm.pacing.warming import Day

# What an account on trial is given at a time.
TRIAL = 20
# Asked again after so long where a day's share is used up.
NEXT_LOOK = 60.0


@dataclass(frozen=True, slots=True)
class Grant:
    """How many may go; if none, how many seconds until it is worth asking again."""

    count: int
    wait_seconds: float = 0.0
    taken_from: tuple[Bucket, ...] = ()
    day: Day | None = None


def grant(*, kept: Kept, wanted: int, lane: str, now: datetime) -> Grant:
    """What may leave through an account now: its limit, its domain's and the warm-up's.

    What is urgent goes into debt rather than wait behind what can wait.
    """
    if kept.breaker == BreakerState.HALF_OPEN:
        wanted = min(wanted, TRIAL)
    urgent = lane == Lane.URGENT
    row = warming.row_of(domain=mime.domain_of(kept.sender)) if _is_mail(kept) else None
    named = [("account:" + kept.name, kept.per_second, kept.burst)]
    named += [("domain:" + row.domain, row.per_second, None)] if row else []
    asked = tuple(
        buckets.of(name=name, per_second=rate, burst=burst) for name, rate, burst in named if rate
    )
    count, wait = buckets.take(asked, wanted, debt=int(urgent))
    day = warming.today(row=row, now=now) if row and count else None
    if day is None:
        return Grant(count, wait, asked)
    allowed = warming.take(day=day, wanted=count, urgent=urgent)
    buckets.put_back(asked, count - allowed)
    return Grant(allowed, wait if allowed else NEXT_LOOK, asked, day)


def give_back(*, grant: Grant, unused: int = 0, failed: int = 0) -> None:
    """Return what was granted and not used; what failed was a try, and none of the day's mails."""
    buckets.put_back(grant.taken_from, unused)
    if grant.day:
        warming.put_back(day=grant.day, count=unused + failed)


def admit(*, kept: Kept, recipients: Sequence[str], lane: str) -> list[float]:
    """How many seconds each of these addresses has to wait for the limit of its domain.

    Nought may be written to now. The others come again at the rate of the limit, so that nobody
    else waits behind them; where the domain has no limit all may go.
    """
    row = warming.row_of(domain=mime.domain_of(kept.sender)) if _is_mail(kept) else None
    if row is None or not row.recipient_limits:
        return [0.0] * len(recipients)
    limits = {str(name).lower(): float(rate) for name, rate in row.recipient_limits.items()}
    domains = [_domain(address) for address in recipients]
    waits: dict[str, Iterator[float]] = {}
    for domain, wanted in Counter(name for name in domains if name in limits).items():
        name = f"recipients:{row.domain}:{domain}"
        bucket = buckets.of(name=name, per_second=limits[domain])
        free, _wait = buckets.take([bucket], wanted, debt=int(lane == Lane.URGENT))
        later = buckets.places(bucket, wanted - free) if free < wanted else []
        waits[domain] = chain(repeat(0.0, free), later)
    return [next(waits[domain]) if domain in waits else 0.0 for domain in domains]


def _domain(recipient: str) -> str:
    """The domain of an address as limits name it; most are ASCII, and need no closer look."""
    if not recipient.isascii():
        return mime.domain_of(f"anybody@{recipient.rpartition('@')[2]}")
    return recipient.rpartition("@")[2].lower()


def _is_mail(kept: Kept) -> bool:
    return kept.channel == Channel.EMAIL
