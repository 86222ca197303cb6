"""Breakers: a campaign that fails, bounces or annoys too much is paused by itself.

Counted is what it sent since it was last started or resumed, from its own messages: who resumes
it after a look gives it another chance.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.db.models import Max, Q

from campaigns import broadcasts
from campaigns.choices import CampaignState, CampaignVerb
from campaigns.models import Campaign

_STARTS = Q(actions__verb__in=(CampaignVerb.STARTED, CampaignVerb.RESUMED))
# First what is rare, by an index of its own; all that was handed over is only counted when the
# rare is more than chance. What the provider's account was to blame for is not the campaign's.
_BAD = """
SELECT count(*) FILTER (WHERE message.state = 'complained'),
       count(*) FILTER (WHERE message.state = 'bounced' AND message.reason = 'hard_bounce'),
       count(*) FILTER (WHERE message.state = 'failed'
                          AND message.reason IN ('rejected', 'undeliverable', 'unknown'))
  FROM crm_message message
  JOIN campaigns_delivery delivery
    ON delivery.id = message.source_id AND message.source_kind = 'delivery'
   AND delivery.message_id = message.id
 WHERE message.watched_state IN ('bounced', 'complained', 'failed')
   AND message.created_at >= %(since)s AND delivery.campaign_id = %(campaign)s
"""
_UNRENDERED = """
SELECT count(*) FROM campaigns_delivery
 WHERE campaign_id = %(campaign)s AND state = 'failed' AND reason = 'render_error'
   AND decided_at >= %(since)s
"""
_SENT = """
SELECT count(*) FROM campaigns_delivery delivery
 WHERE delivery.campaign_id = %(campaign)s AND delivery.state = 'handed_over'
   AND delivery.decided_at >= %(since)s
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """A share that is too much, and how many it takes at least to say so."""

    verb: CampaignVerb
    rate: float
    least: int

    def is_over(self, *, bad: int, total: int) -> bool:
        """Whether so many of so many are too much; a rate of nought is no limit."""
        return bool(self.rate) and bad >= max(self.least, 1) and bad >= self.rate * total


def judge_running(*, now: datetime) -> list[int]:
    """Pause every running campaign that does too badly; return those paused."""
    running = Campaign.objects.filter(state=CampaignState.RUNNING)
    since = running.annotate(since=Max("actions__at", filter=_STARTS))
    found = dict(since.order_by("pk").values_list("pk", "since"))
    return [campaign_id for campaign_id, at in found.items() if at and _judge(campaign_id, at, now)]


def limits() -> tuple[Limit, Limit, Limit]:
    """What the settings allow: complaints, hard bounces, errors."""
    return (
        Limit(
            CampaignVerb.TOO_MANY_COMPLAINTS,
            settings.CAMPAIGN_COMPLAINT_RATE,
            settings.CAMPAIGN_COMPLAINTS_MIN,
        ),
        Limit(
            CampaignVerb.TOO_MANY_BOUNCES,
            settings.CAMPAIGN_BOUNCE_RATE,
            settings.CAMPAIGN_BOUNCES_MIN,
        ),
        Limit(
            CampaignVerb.TOO_MANY_ERRORS, settings.CAMPAIGN_ERROR_RATE, settings.CAMPAIGN_ERRORS_MIN
        ),
    )


def _judge(campaign_id: int, since: datetime, now: datetime) -> bool:
    told: dict[str, int | datetime] = {"campaign": campaign_id, "since": since}
    complaints, bounces, errors = _row(_BAD, told)
    (unrendered,) = _row(_UNRENDERED, told)
    suspects = list(_suspects((complaints, bounces, errors + unrendered)))
    if not suspects:
        return False
    (sent,) = _row(_SENT, told)
    total = sent + unrendered
    for limit, bad in suspects:
        if limit.is_over(bad=bad, total=total):
            reason = f"{bad} / {total} ({100 * bad / max(total, 1):.2f} %)"
            return _paused(campaign_id, limit.verb, reason, now)
    return False


def _suspects(counts: tuple[int, int, int]) -> Iterator[tuple[Limit, int]]:
    """What is more than chance."""
    for limit, bad in zip(limits(), counts, strict=True):
        if limit.is_over(bad=bad, total=0):
            yield limit, bad


def _paused(campaign_id: int, verb: CampaignVerb, reason: str, now: datetime) -> bool:
    try:
        broadcasts.stop_by_itself(campaign_id=campaign_id, verb=verb, reason=reason, now=now)
    except broadcasts.WrongState:
        return False  # staff were quicker
    return True


def _row(sql: str, told: dict[str, int | datetime]) -> tuple[int, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, told)
        found: tuple[int, ...] = cursor.fetchone()
        return found
