"""What a campaign did: a balance that comes out even, and how far the sending is."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count

from campaigns.choices import CampaignState, DeliveryState, Reason
from campaigns.models import Campaign, Delivery
from campaigns.sending import retries
from crm.choices import MessageState

RATE_SECONDS = 30

_BALANCE = """
SELECT delivery.state, delivery.reason,
       CASE WHEN delivery.state = 'handed_over' THEN message.state END,
       count(*), count(message.delivered_at), count(message.opened_at), count(message.clicked_at)
  FROM campaigns_delivery delivery
  LEFT JOIN crm_message message ON message.id = delivery.message_id
 WHERE delivery.campaign_id = %s
 GROUP BY 1, 2, 3
"""
# Created lately, so that the index by creation is used; settled within the window.
_SETTLED_LATELY = """
SELECT count(*)
  FROM crm_message message
  JOIN campaigns_delivery delivery
    ON delivery.id = message.source_id AND message.source_kind = 'delivery'
   AND delivery.message_id = message.id
 WHERE delivery.campaign_id = %(campaign)s
   AND message.created_at >= %(since)s - interval '30 seconds'
   AND message.settled_at >= %(since)s AND message.state NOT IN ('sending', 'queued')
   -- What goes back to the plan has come no further.
   AND NOT (message.state = 'failed' AND message.reason = ANY(%(again)s))
"""
# By the customer first, who has an index; the proof then names the very message.
_UNSUBSCRIBED = """
SELECT count(DISTINCT decision.customer_id)
  FROM campaigns_delivery delivery
  JOIN crm_consentdecision decision ON decision.customer_id = delivery.customer_id
   AND decision.state = 'withdrawn'
   AND decision.proof ->> 'message_id' = delivery.message_id::text
 WHERE delivery.campaign_id = %s
"""


@dataclass(frozen=True, slots=True)
class Balance:
    """Every planned delivery, once: waiting, skipped, failed, cancelled or handed over."""

    planned: int
    waiting: int
    handed_over: Mapping[MessageState, int]
    skipped: Mapping[Reason, int]
    failed: Mapping[Reason, int]
    cancelled: Mapping[Reason, int]
    # Of those handed over; a message that was clicked counts as opened too where both were seen.
    delivered: int
    opened: int
    clicked: int
    unsubscribed: int

    @property
    def accounted(self) -> int:
        """What the parts come to; the law is that this equals `planned`."""
        kinds = (self.handed_over, self.skipped, self.failed, self.cancelled)
        return self.waiting + sum(sum(kind.values()) for kind in kinds)

    @property
    def is_even(self) -> bool:
        """Whether planned = handed over + skipped + failed + cancelled + waiting."""
        return self.planned == self.accounted

    @property
    def sent(self) -> int:
        """How many a provider took, whatever became of them afterwards."""
        taken = (MessageState.SENT, MessageState.DELIVERED)
        back = (MessageState.BOUNCED, MessageState.COMPLAINED)
        return sum(self.handed_over.get(state, 0) for state in (*taken, *back))

    @property
    def in_doubt(self) -> int:
        """How many may or may not have arrived; they are never sent again."""
        return self.handed_over.get(MessageState.IN_DOUBT, 0)

    @property
    def bounced(self) -> int:
        """How many came back."""
        return self.handed_over.get(MessageState.BOUNCED, 0)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a campaign is, how fast it goes and how long it will take."""

    state: CampaignState
    done: int
    total: int
    per_second: float
    seconds_left: float | None

    @property
    def percent(self) -> int:
        """Done of total, 100 only when all are done."""
        return 100 * self.done // self.total if self.total else 0


def balance(*, campaign_id: int) -> Balance:
    """Count every delivery of a campaign once, in one statement."""
    parts: dict[str, Counter[str]] = {state: Counter() for state in DeliveryState}
    planned = delivered = opened = clicked = 0
    with connection.cursor() as cursor:
        cursor.execute(_BALANCE, [campaign_id])
        for state, reason, message_state, count, *marks in cursor.fetchall():
            parts[state][message_state or reason] += count
            planned += count
            delivered, opened, clicked = (
                total + mark
                for total, mark in zip((delivered, opened, clicked), marks, strict=True)
            )
    waiting = parts[DeliveryState.PLANNED]
    handed_over = parts[DeliveryState.HANDED_OVER]
    return Balance(
        planned=planned,
        waiting=waiting.total(),
        handed_over={state: handed_over[state] for state in MessageState if handed_over[state]},
        skipped=_by_reason(parts[DeliveryState.SKIPPED]),
        failed=_by_reason(parts[DeliveryState.FAILED]),
        cancelled=_by_reason(parts[DeliveryState.CANCELLED]),
        delivered=delivered,
        opened=opened,
        clicked=clicked,
        unsubscribed=_unsubscribed(campaign_id),
    )


def progress(*, campaign_id: int, now: datetime) -> Progress:
    """What the progress bar shows; cheap enough to be asked every second."""
    campaign = Campaign.objects.only("state", "started_at").get(pk=campaign_id)
    state = CampaignState(campaign.state)
    rows = Delivery.objects.filter(campaign=campaign_id).order_by().values_list("state")
    counts = dict(rows.annotate(Count("pk")))
    total = sum(counts.values())
    left = counts.get(DeliveryState.PLANNED, 0)
    per_second = _rate(campaign, now)
    if not left:
        return Progress(state, total, total, per_second, 0.0)
    seconds_left = left / per_second if per_second and state == CampaignState.RUNNING else None
    return Progress(state, total - left, total, per_second, seconds_left)


def _rate(campaign: Campaign, now: datetime) -> float:
    """Messages settled a second lately; a campaign that just started is judged by its life."""
    if campaign.started_at is None:
        return 0.0
    age = (now - campaign.started_at).total_seconds()
    seconds = min(max(age, 1.0), RATE_SECONDS)
    since = now - timedelta(seconds=seconds)
    with connection.cursor() as cursor:
        again = [reason.value for reason in retries.RETRYABLE]
        cursor.execute(_SETTLED_LATELY, {"campaign": campaign.pk, "since": since, "again": again})
        return float(cursor.fetchone()[0]) / seconds


def _by_reason(counts: Mapping[str, int]) -> dict[Reason, int]:
    return {reason: counts[reason] for reason in Reason if counts.get(reason)}


def _unsubscribed(campaign_id: int) -> int:
    """Who withdrew consent by a link of this campaign's messages: the proof names the message."""
    with connection.cursor() as cursor:
        cursor.execute(_UNSUBSCRIBED, [campaign_id])
        return int(cursor.fetchone()[0])
