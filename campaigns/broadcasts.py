"""The life of a broadcast: launch, start, pause, resume, cancel, finish.

draft → scheduled → running → finished, with paused and cancelled on the way. Every verb locks the
campaign's row first, so that only one changes it at a time, and leaves a CampaignAction.
"""

from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_noop

from campaigns import planning
from campaigns.choices import CampaignState, CampaignVerb, DeliveryState, Reason
from campaigns.models import Campaign, CampaignAction, Delivery
from campaigns.preflight import Problem, check_launch, stopping
from campaigns.sending import retries
from campaigns.signals import campaign_finished
from crm import messages, notices, templates
from crm.choices import MessageState
from crm.models import Message
from marketing import segments
from marketing.models import Segment

__all__ = [
    "LaunchRefused",
    "WrongState",
    "cancel",
    "cancel_delivery",
    "check_launch",
    "finish_done",
    "launch",
    "pause",
    "resume",
    "start_due",
    "stop_by_itself",
    "stop_withdrawn",
    "take_back",
]

_STARTED_BY_STAFF = (CampaignVerb.LAUNCHED, CampaignVerb.RESUMED)
_TITLES = {
    CampaignVerb.TOO_MANY_ERRORS: gettext_noop("A campaign is paused: too many messages failed"),
    CampaignVerb.TOO_MANY_BOUNCES: gettext_noop("A campaign is paused: too many hard bounces"),
    CampaignVerb.TOO_MANY_COMPLAINTS: gettext_noop("A campaign is paused: too many complaints"),
    CampaignVerb.TEMPLATE_WITHDRAWN: gettext_noop("A campaign is paused: template withdrawn"),
}


class WrongState(Exception):  # noqa: N818 - it names what happened
    """The verb does not apply to a campaign or delivery in this state."""


class LaunchRefused(Exception):  # noqa: N818 - it names what happened
    """The pre-flight check found problems that stop the launch."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(" ".join(problem.message for problem in problems))
        self.problems = problems


@transaction.atomic
def launch(*, campaign_id: int, by: User | None, now: datetime) -> Campaign:
    """Freeze what will be sent and schedule it; it can be taken back until it starts."""
    campaign = _locked(campaign_id, CampaignState.DRAFT)
    problems = stopping(problems=check_launch(campaign=campaign, now=now))
    if problems:
        raise LaunchRefused(problems)
    for step in campaign.steps.all():
        step.template_version = templates.latest(template_id=step.template_id)
        step.save(update_fields=["template_version"])
    earliest_at = now + timedelta(seconds=settings.LAUNCH_UNDO_SECONDS)
    campaign.starts_at = max(campaign.scheduled_at or earliest_at, earliest_at)
    _move(campaign, CampaignState.SCHEDULED)
    _note(campaign, CampaignVerb.LAUNCHED, by=by, now=now)
    return campaign


@transaction.atomic
def take_back(*, campaign_id: int, by: User | None, now: datetime) -> Campaign:
    """Undo a launch of which nothing has been planned yet: it is a draft again."""
    campaign = _locked(campaign_id, CampaignState.SCHEDULED, CampaignState.PAUSED)
    if campaign.started_at is not None:
        raise WrongState(f"Campaign {campaign_id} has started; it can only be cancelled.")
    campaign.starts_at = None
    _move(campaign, CampaignState.DRAFT)
    _note(campaign, CampaignVerb.TAKEN_BACK, by=by, now=now)
    return campaign


@transaction.atomic
def pause(*, campaign_id: int, by: User | None, reason: str, now: datetime) -> Campaign:
    """Hand nothing over any more until it is resumed; what is claimed stays planned."""
    campaign = _locked(campaign_id, CampaignState.SCHEDULED, CampaignState.RUNNING)
    _move(campaign, CampaignState.PAUSED)
    _note(campaign, CampaignVerb.PAUSED, by=by, reason=reason, now=now)
    return campaign


@transaction.atomic
def stop_by_itself(*, campaign_id: int, verb: CampaignVerb, reason: str, now: datetime) -> Campaign:
    """Pause it for what came of its messages; whoever launched it is told, and may resume it."""
    campaign = _locked(campaign_id, CampaignState.SCHEDULED, CampaignState.RUNNING)
    _move(campaign, CampaignState.PAUSED)
    _note(campaign, verb, reason=reason, now=now)
    launched = campaign.actions.filter(verb__in=_STARTED_BY_STAFF, by__is_active=True)
    notices.tell(
        staff_ids=launched.order_by().values_list("by", flat=True).distinct(),
        title=_TITLES[verb],
        detail=f"{campaign.name}: {reason}",
        path=f"/admin/campaigns/campaign/{campaign.pk}/",
        now=now,
    )
    return campaign


def stop_withdrawn(*, now: datetime) -> list[int]:
    """Pause every campaign whose template was withdrawn; return those paused."""
    going_on = Campaign.objects.filter(
        state__in=(CampaignState.SCHEDULED, CampaignState.RUNNING),
        steps__template_version__withdrawn_at__isnull=False,
    )
    verb, found = CampaignVerb.TEMPLATE_WITHDRAWN, []
    for pk, because in going_on.values_list("pk", "steps__template_version__withdrawn_because"):
        with suppress(WrongState):  # staff may be quicker
            found.append(stop_by_itself(campaign_id=pk, verb=verb, reason=because, now=now).pk)
    return found


@transaction.atomic
def resume(*, campaign_id: int, by: User | None, reason: str = "", now: datetime) -> Campaign:
    """Go on where it was paused, or wait for its time again if it had not started."""
    campaign = _locked(campaign_id, CampaignState.PAUSED)
    if campaign.steps.filter(template_version__withdrawn_at__isnull=False).exists():
        raise WrongState(f"The template of campaign {campaign_id} was withdrawn; cancel it.")
    started = campaign.started_at is not None
    _move(campaign, CampaignState.RUNNING if started else CampaignState.SCHEDULED)
    _note(campaign, CampaignVerb.RESUMED, by=by, reason=reason, now=now)
    return campaign


@transaction.atomic
def cancel(*, campaign_id: int, by: User | None, reason: str, now: datetime) -> Campaign:
    """Stop for good; who has not been written to yet will not be, and says so."""
    campaign = _locked(
        campaign_id, CampaignState.SCHEDULED, CampaignState.RUNNING, CampaignState.PAUSED
    )
    campaign.finished_at = now
    _move(campaign, CampaignState.CANCELLED)
    _waiting(campaign).update(
        state=DeliveryState.CANCELLED,
        reason=Reason.CAMPAIGN_CANCELLED,
        cancelled_by=by,
        decided_at=now,
    )
    _note(campaign, CampaignVerb.CANCELLED, by=by, reason=reason, now=now)
    return campaign


@transaction.atomic
def cancel_delivery(*, delivery_id: int, by: User | None, reason: str, now: datetime) -> Delivery:
    """Take one person out of what is planned; the reason is kept with it."""
    delivery = Delivery.objects.select_for_update().get(pk=delivery_id)
    if delivery.state != DeliveryState.PLANNED:
        raise WrongState(f"Delivery {delivery_id} is {delivery.state}, not planned.")
    delivery.state, delivery.reason = DeliveryState.CANCELLED, Reason.STAFF
    delivery.detail, delivery.cancelled_by, delivery.decided_at = reason, by, now
    delivery.save(update_fields=["state", "reason", "detail", "cancelled_by", "decided_at"])
    return delivery


def start_due(*, now: datetime) -> list[int]:
    """Plan the deliveries of every campaign whose time has come; return those started."""
    due = Campaign.objects.filter(state=CampaignState.SCHEDULED, starts_at__lte=now)
    return [pk for pk in due.values_list("pk", flat=True) if _start(pk, now)]


def finish_done(*, now: datetime) -> list[int]:
    """Close every running campaign of which nothing waits any more; return those finished."""
    running = Campaign.objects.filter(state=CampaignState.RUNNING)
    return [pk for pk in running.values_list("pk", flat=True) if _finish(pk, now)]


def _start(campaign_id: int, now: datetime) -> bool:
    """Compute the segments once more, then plan and run under the lock of the campaign."""
    broken = _refresh_segments(campaign_id, now)
    if broken:
        pause(campaign_id=campaign_id, by=None, reason=broken, now=now)
        return False
    with transaction.atomic():
        campaign = _free_in(campaign_id, CampaignState.SCHEDULED)
        if campaign is None:
            return False
        for step in campaign.steps.all():
            planning.plan(campaign=campaign, step=step, now=now)
        campaign.started_at = now
        _move(campaign, CampaignState.RUNNING)
        _note(campaign, CampaignVerb.STARTED, now=now)
    return True


def _finish(campaign_id: int, now: datetime) -> bool:
    with transaction.atomic():
        campaign = _free_in(campaign_id, CampaignState.RUNNING)
        if campaign is None or _is_unsettled(campaign):
            return False
        campaign.finished_at = now
        _move(campaign, CampaignState.FINISHED)
        _note(campaign, CampaignVerb.FINISHED, now=now)
        transaction.on_commit(
            lambda: campaign_finished.send(sender=Campaign, campaign_id=campaign_id)
        )
    return True


def _refresh_segments(campaign_id: int, now: datetime) -> str:
    """Compute who is in now; return what is wrong with a segment that cannot be computed."""
    concerned = Q(campaigns=campaign_id) | Q(excluding_campaigns=campaign_id)
    for segment in Segment.objects.filter(concerned).distinct():
        refreshed = segments.refresh(segment_id=segment.pk, now=now)
        if refreshed.error:
            return f"{segment.name}: {refreshed.error}"[:255]
    return ""


def _is_unsettled(campaign: Campaign) -> bool:
    if _waiting(campaign).exists() or retries.to_retry().filter(campaign=campaign).exists():
        return True
    queued = Message.objects.filter(watched_state=MessageState.QUEUED)
    # One question each, so that each finds its own few.
    return any(
        campaign.deliveries.filter(pk__in=some.filter(source_kind="delivery").values("source_id"))
        .order_by()
        .exists()
        for some in (messages.all_sending(), queued)
    )


def _waiting(campaign: Campaign) -> QuerySet[Delivery]:
    return campaign.deliveries.filter(state=DeliveryState.PLANNED)


def _locked(campaign_id: int, *allowed: CampaignState) -> Campaign:
    campaign = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign_id)
    if campaign.state not in allowed:
        raise WrongState(f"Campaign {campaign_id} is {campaign.state}.")
    return campaign


def _free_in(campaign_id: int, state: CampaignState) -> Campaign | None:
    """The locked campaign if it is in this state and nobody else is at it just now."""
    free = Campaign.objects.select_for_update(of=("self",), skip_locked=True)
    return free.filter(pk=campaign_id, state=state).first()


def _move(campaign: Campaign, state: CampaignState) -> None:
    campaign.state = state
    campaign.save()


def _note(
    campaign: Campaign,
    verb: CampaignVerb,
    *,
    now: datetime,
    by: User | None = None,
    reason: str = "",
) -> None:
    CampaignAction.objects.create(campaign=campaign, verb=verb, by=by, reason=reason, at=now)
