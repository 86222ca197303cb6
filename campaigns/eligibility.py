"""May this step write to these customers now: the gate of crm, then the frequency cap."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet

from campaigns.choices import Reason
from campaigns.models import Step
from crm import consent
from crm.choices import Direction, MessageState, Purpose
from crm.models import Message
from crm.models.customer import BUCKETS


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where to write to a customer, or why not."""

    address: str
    reason: Reason | None = None


@lru_cache(maxsize=64)
def held_out_buckets(*, campaign_id: int, percent: int) -> tuple[int, ...]:
    """The buckets a campaign keeps out: a stable draw, of which a larger percentage keeps all.

    Every campaign ranks all buckets by a hash of its own and takes the first ones, so that the
    share is exact and the people differ from campaign to campaign.
    """

    def rank(bucket: int) -> bytes:
        return hashlib.blake2b(f"{campaign_id}:{bucket}".encode(), digest_size=8).digest()

    return tuple(sorted(range(BUCKETS), key=rank)[: percent * BUCKETS // 100])


def decide_many(
    *, step: Step, customer_ids: Collection[int], now: datetime
) -> Mapping[int, Verdict]:
    """Judge customers in two statements at most; who is erased is not in the answer."""
    purpose = step.campaign.purpose
    gate = consent.check_many(
        customer_ids=customer_ids, channel=step.channel, purpose=purpose, now=now
    )
    capped = _capped(step, customer_ids, now)
    verdicts = {}
    for customer_id, answer in gate.items():
        reason = Reason(answer.refusal) if answer.refusal else None
        if reason is None and customer_id in capped:
            reason = Reason.FREQUENCY_CAP
        verdicts[customer_id] = Verdict(answer.address, reason)
    return verdicts


def is_capped(*, purpose: str) -> bool:
    """Whether a frequency cap applies: only marketing counts, and 0 switches it off."""
    return purpose == Purpose.MARKETING and settings.CAMPAIGN_FREQUENCY_CAP > 0


def at_their_cap(*, channel: str, now: datetime) -> QuerySet[Message, Any]:
    """Rows (customer) of those who had as many marketing messages lately as the cap allows."""
    since = now - timedelta(days=settings.CAMPAIGN_FREQUENCY_CAP_DAYS)
    counted = Message.objects.filter(
        direction=Direction.OUT,
        channel=channel,
        purpose=Purpose.MARKETING,
        created_at__gt=since,
    ).exclude(state=MessageState.FAILED)
    per_customer = counted.order_by().values("customer").annotate(messages=Count("pk"))
    return per_customer.filter(messages__gte=settings.CAMPAIGN_FREQUENCY_CAP)


def _capped(step: Step, customer_ids: Collection[int], now: datetime) -> set[int]:
    if not is_capped(purpose=step.campaign.purpose):
        return set()
    rows = at_their_cap(channel=step.channel, now=now).filter(customer__in=list(customer_ids))
    return set(rows.values_list("customer", flat=True))
