"""The doorbells of campaigns; every one may ring twice, late or never."""

import logging
import time
from dataclasses import asdict
from datetime import datetime, timedelta

from celery import shared_task
from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone
from redis import RedisError

from campaigns import bot, breakers, broadcasts, reports, sending
from campaigns.choices import CampaignState, DeliveryState
from campaigns.models import Campaign, Delivery, Step
from crm import accounts, live, messages, pacing
from crm import breakers as account_breakers
from crm.choices import Lane, MessageState
from crm.tasks import mail_notices, ring, send_queued_messages

# Short, so that other tasks get their turn between two slices of a long campaign.
SLICE_SECONDS = 5.0
# A pause is felt within a batch, so a batch is as long as the provider's pace allows.
BATCH_SECONDS = 1.0
# Nobody reads a figure that changes more often; and counting a large campaign may not take more
# than a small share of the time that sending it has.
BETWEEN_SHOWS_SECONDS = 1.0
SHARE_OF_SHOWING = 0.02
# Between two looks at what is held by a limit.
HELD_SECONDS = 0.1
SMALLEST_BATCH, LARGEST_BATCH = 20, sending.BATCH_SIZE

# When this process may count a campaign again.
_next_shows: dict[int, float] = {}
logger = logging.getLogger(__name__)


@shared_task
def advance_campaigns() -> None:
    """Move every campaign on and ring for those that have something to send."""
    now = timezone.now()
    broadcasts.start_due(now=now)
    sending.release_expired(now=now)
    sending.replan_unsent(now=now)
    broadcasts.stop_withdrawn(now=now)
    broadcasts.finish_done(now=now)
    planned = Delivery.objects.filter(campaign=OuterRef("pk"), state=DeliveryState.PLANNED)
    to_send = Campaign.objects.filter(Exists(planned), state=CampaignState.RUNNING)
    ready = set(to_send.values_list("pk", flat=True))
    account_breakers.try_again(now=now)
    for campaign_id in sorted(ready - _resting(now)):
        for _ in range(settings.CAMPAIGN_SENDERS):
            ring(send_campaign, campaign_id)


@shared_task
def judge_campaigns() -> None:
    """Pause the campaigns that do too badly, and ring for the mail that says so."""
    if breakers.judge_running(now=timezone.now()):
        ring(mail_notices)


@shared_task
def send_campaign(campaign_id: int) -> None:
    """Send batches for a few seconds if one of the campaign's slots is free, then ring again."""
    with sending.slot(campaign_id=campaign_id, slots=settings.CAMPAIGN_SENDERS) as is_free:
        goes_on = is_free and _send_slice(campaign_id)
    if goes_on:
        ring(send_campaign, campaign_id)


@shared_task
def answer_conversations() -> None:
    """Let the bot answer or hand over, and ring for what it said."""
    if bot.answer_due(now=timezone.now()):
        ring(send_queued_messages)


def _resting(now: datetime) -> set[int]:
    """Campaigns whose provider was away just now and whose messages no other account can take."""
    found = {}
    for campaign_id in sending.resting(now=now):
        usable = [kept for kept in _order(campaign_id) if kept.is_usable(now=now)]
        found[campaign_id] = len(_order(campaign_id)) < 2 or not usable
    return {campaign_id for campaign_id, rests in found.items() if rests}


def _order(campaign_id: int) -> list[accounts.Kept]:
    """The accounts that may carry a campaign, the first choice first."""
    step = Step.objects.filter(campaign=campaign_id).order_by("position")
    channel, purpose = step.values_list("channel", "campaign__purpose").get()
    return accounts.in_order(channel=channel, purpose=purpose)


def _grant(campaign_id: int, wanted: int) -> pacing.Grant:
    """What may leave now; without an account that may be used, nothing for a long while."""
    now = timezone.now()
    kept = next((one for one in _order(campaign_id) if one.is_usable(now=now)), None)
    if kept is None:
        return pacing.Grant(0, 2 * SLICE_SECONDS)
    return pacing.grant(kept=kept, wanted=wanted, lane=Lane.BULK, now=now)


def _send_slice(campaign_id: int) -> bool:
    """Whether there is more to do."""
    size, has_sent = SMALLEST_BATCH, False
    ends_at = time.monotonic() + SLICE_SECONDS
    while (left := ends_at - time.monotonic()) > 0:
        grant = _grant(campaign_id, size)
        if grant.wait_seconds > left:
            return False  # the beat rings again
        if not grant.count:
            time.sleep(grant.wait_seconds)
            continue
        started = time.monotonic()
        result = _send(campaign_id, grant)
        if _is_over(campaign_id, result, left):
            _show_the_end(campaign_id, has_sent=has_sent)
            return False
        if result.is_unreachable and campaign_id in _resting(timezone.now()):
            return False
        has_sent = True
        _show_now_and_then(campaign_id)
        size = next_size(size, result.claimed, time.monotonic() - started)
    return True


def _send(campaign_id: int, grant: pacing.Grant) -> sending.BatchResult:
    """Send what was granted; where most of it has to wait, wait with it."""
    result = sending.send_batch(
        campaign_id=campaign_id, owner=messages.owner(), now=timezone.now(), size=grant.count
    )
    pacing.give_back(
        grant=grant,
        unused=grant.count - sum(result.outcomes.values()),
        failed=result.outcomes.get(MessageState.FAILED, 0),
    )
    if result.held > result.claimed / 2:
        time.sleep(HELD_SECONDS)
    return result


def _is_over(campaign_id: int, result: sending.BatchResult, seconds: float) -> bool:
    """Whether nothing is left, also nothing that is held and may go within so many seconds."""
    if not result.is_empty:
        return False
    at = sending.next_held(campaign_id=campaign_id)
    if at is None or at > timezone.now() + timedelta(seconds=seconds):
        return True
    time.sleep(HELD_SECONDS)
    return False


def next_size(size: int, claimed: int, seconds: float) -> int:
    """How many to claim next, so that a batch takes about BATCH_SECONDS; it grows by steps."""
    wanted = int(claimed / max(seconds, 0.001) * BATCH_SECONDS)
    return max(SMALLEST_BATCH, min(LARGEST_BATCH, wanted, size * 4))


def _show_the_end(campaign_id: int, *, has_sent: bool) -> None:
    """Show that nothing is left; who sent something has it finished now, not with the next beat."""
    _show_progress(campaign_id)
    if has_sent:
        ring(advance_campaigns)


def _show_now_and_then(campaign_id: int) -> None:
    """Show how it stands if that was long ago, by what it takes to count it."""
    began = time.monotonic()
    if began < _next_shows.get(campaign_id, 0.0):
        return
    _show_progress(campaign_id)
    ended = time.monotonic()
    rest = max(BETWEEN_SHOWS_SECONDS, (ended - began) / SHARE_OF_SHOWING)
    _next_shows[campaign_id] = ended + rest


def _show_progress(campaign_id: int) -> None:
    """Tell open pages; they may be told nothing while Valkey is away, the sending goes on."""
    progress = reports.progress(campaign_id=campaign_id, now=timezone.now())
    try:
        live.publish(channel=f"campaign-{campaign_id}", data=asdict(progress))
    except RedisError as error:
        logger.warning("Progress is not shown live just now: %s", type(error).__name__)
