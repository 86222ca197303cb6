"""A second try for messages that surely never reached anybody."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Min, Q, QuerySet

from campaigns.choices import CampaignState, DeliveryState
from campaigns.models import Campaign, Delivery
from campaigns.sending.claims import MAX_STRIKES
from crm.choices import FailureReason, MessageState
from crm.models import Message

RETRYABLE = (
    FailureReason.NEVER_HANDED_OVER,
    FailureReason.RATE_LIMITED,
    FailureReason.UNREACHABLE,
    FailureReason.DEFERRED,
    FailureReason.STOPPED,
)
GOING_ON = (CampaignState.RUNNING, CampaignState.PAUSED)

FIRST_DAY = datetime(2000, 1, 1, tzinfo=UTC)
CLOCKS_APART = timedelta(hours=1)
# How long a provider that does not answer is left alone.
REST = timedelta(seconds=20)

# A provider may put a delivery off so often.
MAX_TRIES = 3

# Strikes are counted when workers stop. That a provider is away or puts a delivery off is none:
# how often it was put off is told by its messages.
_REPLAN = """
  WITH unsent AS MATERIALIZED ({unsent}),
       tried AS MATERIALIZED (
       SELECT delivery.id, message.reason AS why,
              delivery.strikes + (message.reason = 'never_handed_over')::int AS strikes,
              message.reason = 'deferred' AND %s <= (
              SELECT count(*) FROM crm_message earlier
               WHERE earlier.source_kind = 'delivery' AND earlier.source_id = delivery.id
                 AND earlier.reason = 'deferred') AS is_put_off
         FROM campaigns_delivery delivery
         JOIN crm_message message ON message.id = delivery.message_id
        WHERE delivery.id = ANY(ARRAY(SELECT id FROM unsent)) AND delivery.state = 'handed_over'
        ORDER BY delivery.id FOR UPDATE OF delivery SKIP LOCKED),
       judged AS (
       SELECT *, is_put_off OR strikes >= %s AS is_over, %s::timestamptz AS at FROM tried)
UPDATE campaigns_delivery delivery
   SET strikes = judged.strikes,
       state = CASE WHEN is_over THEN 'failed' ELSE 'planned' END,
       reason = CASE WHEN is_over THEN 'three_strikes' ELSE '' END,
       detail = CASE WHEN is_over THEN judged.why ELSE '' END,
       message_id = CASE WHEN is_over THEN delivery.message_id END,
       decided_at = CASE WHEN is_over THEN judged.at END
  FROM judged WHERE delivery.id = judged.id
"""


def to_retry() -> QuerySet[Delivery]:
    """Deliveries of campaigns that go on, whose message failed before anybody could have it."""
    going_on = Campaign.objects.filter(state__in=GOING_ON, started_at__isnull=False)
    earliest_at = going_on.aggregate(earliest=Min("started_at"))["earliest"]
    return Delivery.objects.filter(
        campaign__state__in=GOING_ON,
        state=DeliveryState.HANDED_OVER,
        message__watched_state=MessageState.FAILED,
        message__reason__in=RETRYABLE,
        # For the index: no message of a campaign is older than its start, clocks aside.
        message__created_at__gte=(earliest_at or FIRST_DAY) - CLOCKS_APART,
    ).order_by()


@transaction.atomic
def replan_unsent(*, now: datetime) -> int:
    """Plan what never left anew, under a new message key, until it had tries enough."""
    put_off = timedelta(seconds=settings.CAMPAIGN_RETRY_SECONDS)
    too_early = Q(message__reason=FailureReason.DEFERRED, message__settled_at__gt=now - put_off)
    unsent, params = to_retry().exclude(too_early).values("id").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_REPLAN.format(unsent=unsent), [*params, MAX_TRIES, MAX_STRIKES, now])
        return int(cursor.rowcount)


def resting(*, now: datetime) -> set[int]:
    """The campaigns whose provider could not be reached just now: to be left alone a while."""
    lately = Message.objects.filter(
        watched_state=MessageState.FAILED,
        reason=FailureReason.UNREACHABLE,
        created_at__gt=now - REST,
        source_kind="delivery",
    )
    deliveries = Delivery.objects.filter(pk__in=lately.values("source_id")).order_by()
    return set(deliveries.values_list("campaign", flat=True).distinct())
