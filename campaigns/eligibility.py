"""May this step write to these customers now: the gate of crm, then the frequency cap."""

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import Count, DurationField, ExpressionWrapper, F, QuerySet, Value
from psycopg.errors import LockNotAvailable

from campaigns.choices import Reason
from campaigns.models import Step
from crm import consent
from crm.arrays import numbers
from crm.choices import Direction, MessageState, Purpose
from crm.models import Message
from crm.models.customer import BUCKETS

_COUNTED_PURPOSES = [one.value for one in Purpose if one.needs_consent]


class Verdict(msgspec.Struct, frozen=True):
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
    """Judge customers in three statements at most; who is erased is not in the answer."""
    purpose = step.campaign.purpose
    gate = consent.check_many(
        customer_ids=customer_ids, channel=step.channel, purpose=purpose, now=now
    )
    capped = _capped(step, customer_ids, now)
    verdicts = {}
    for customer_id, answer in gate.items():
        reason = Reason(answer.refusal) if answer.refusal else None
        if reason is None:
            reason = capped.get(customer_id)
        verdicts[customer_id] = Verdict(answer.address, reason)
    return verdicts


# Two campaigns that decide at once would not see each other's messages; batches of one campaign
# have nobody in common.
_OTHERS = """
SELECT EXISTS (SELECT FROM campaigns_campaign
                WHERE state = 'running' AND id <> %s AND purpose = ANY(%s))
"""
_TURN = "SELECT pg{tried}_advisory_xact_lock{shared}(hashtextextended('frequency', 0))"
# A turn takes a moment; who is frozen in its own holds nobody up for longer.
_TURN_SECONDS = 5.0


def take_turn(*, campaign_id: int, purpose: str) -> None:
    """Let campaigns that count for the cap decide one after the other, until the transaction ends.

    Batches of one campaign share the turn while no other campaign runs.
    """
    if not is_capped(purpose=purpose):
        return
    with connection.cursor() as cursor:
        cursor.execute(_OTHERS, [campaign_id, _COUNTED_PURPOSES])
        shared = "" if cursor.fetchone()[0] else "_shared"
        cursor.execute(_TURN.format(tried="_try", shared=shared))
        if cursor.fetchone()[0]:
            return
        try:
            with transaction.atomic():
                cursor.execute(f"SET LOCAL lock_timeout = '{_TURN_SECONDS:g}s'")
                cursor.execute(_TURN.format(tried="", shared=shared))
                cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise


def is_capped(*, purpose: str) -> bool:
    """Whether frequency counts at all: what needs no consent is never too much."""
    return Purpose(purpose).needs_consent


def at_their_cap(*, channel: str, now: datetime) -> QuerySet[Message, Any]:
    """Rows (customer) of those who had as many messages lately as the cap allows; 0 is no cap."""
    since = now - timedelta(days=settings.CAMPAIGN_FREQUENCY_CAP_DAYS)
    per_customer = _counted().filter(channel=channel, created_at__gt=since)
    if not settings.CAMPAIGN_FREQUENCY_CAP:
        return per_customer.none().values("customer")
    counts = per_customer.values("customer").annotate(messages=Count("pk"))
    return counts.filter(messages__gte=settings.CAMPAIGN_FREQUENCY_CAP).values("customer")


def at_their_choice(*, now: datetime) -> QuerySet[Message, Any]:
    """Rows (customer) of those who had as many messages, on any channel, as they asked for."""
    age = ExpressionWrapper(Value(now) - F("created_at"), output_field=DurationField())
    asked = ExpressionWrapper(
        F("customer__contact_preference__days") * Value(timedelta(days=1)),
        output_field=DurationField(),
    )
    recent = _counted().filter(customer__contact_preference__isnull=False).alias(age=age)
    counts = (
        recent.filter(age__lt=asked)
        .values("customer", "customer__contact_preference__messages")
        .annotate(messages=Count("pk"))
    )
    return counts.filter(messages__gte=F("customer__contact_preference__messages")).values(
        "customer"
    )


def _counted() -> QuerySet[Message]:
    """Messages that count: whatever needed consent and did not fail."""
    counted = Message.objects.filter(direction=Direction.OUT, purpose__in=_COUNTED_PURPOSES)
    return counted.exclude(state=MessageState.FAILED).order_by()


# Who had as many messages lately as our cap allows, or as many, on any channel, as they asked for.
# Each person's messages are read back to where their own days begin, however many are before that.
_CAPPED = """
SELECT asked.id, coalesce(told.by_choice >= choice.messages, false)
  FROM unnest(%(ids)s::bigint[]) AS asked (id)
  LEFT JOIN crm_contactpreference choice ON choice.customer_id = asked.id
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE message.channel = %(channel)s
                                 AND message.created_at > %(since)s) AS by_cap,
              count(*) FILTER (WHERE message.created_at
                                   > %(now)s - choice.days * interval '1 day') AS by_choice
         FROM crm_message message
        WHERE message.customer_id = asked.id AND message.direction = 'out'
          AND message.purpose = ANY(%(purposes)s) AND message.state <> 'failed'
          AND message.created_at > %(now)s - greatest(%(days)s, choice.days) * interval '1 day'
       ) AS told
 WHERE told.by_cap >= %(cap)s AND %(cap)s > 0 OR told.by_choice >= choice.messages
"""


def _capped(step: Step, customer_ids: Collection[int], now: datetime) -> dict[int, Reason]:
    """Who has had enough, and by whose word: theirs goes before ours."""
    if not is_capped(purpose=step.campaign.purpose):
        return {}
    days = settings.CAMPAIGN_FREQUENCY_CAP_DAYS
    asked = {
        "channel": step.channel,
        "since": now - timedelta(days=days),
        "cap": settings.CAMPAIGN_FREQUENCY_CAP,
        "now": now,
        "ids": numbers(of=customer_ids),
        "purposes": _COUNTED_PURPOSES,
        "days": days,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CAPPED, asked)
        return {
            customer_id: Reason.FREQUENCY_CHOICE if by_choice else Reason.FREQUENCY_CAP
            for customer_id, by_choice in cursor.fetchall()
        }
