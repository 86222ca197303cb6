"""What campaigns show on the dashboard: what is sending now, and what needs a look."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import reports
from campaigns.choices import CampaignState, DeliveryState
from campaigns.models import Campaign, Delivery
from crm.admin.parts import Card
from crm.choices import MessageState

from .tables import Part, bar_parts, time_left

LIVE = (CampaignState.RUNNING, CampaignState.SCHEDULED, CampaignState.PAUSED)
SHOWN = 5
LOOKED_BACK = timedelta(days=30)


@dataclass(frozen=True)
class Line:
    """A campaign on the dashboard."""

    campaign: Campaign
    progress: reports.Progress
    parts: list[Part]
    time_left: str


def sending(request: HttpRequest, now: datetime) -> Card:
    """The card of what is sending now."""
    return Card(
        _("Sending now"), "admin/campaigns/sending.html", context_of(request, now), is_wide=True
    )


@permission_required("campaigns.view_campaign", raise_exception=True)
def sending_part(request: HttpRequest) -> HttpResponse:
    """The same card, asked for again while the dashboard is open."""
    context = context_of(request, timezone.now())
    return render(request, "admin/campaigns/sending.html", context)


def context_of(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """What is sending, what comes next, what ended lately, and what went wrong."""
    if not request.user.has_perm("campaigns.view_campaign"):
        return {"is_visible": False}
    live = Campaign.objects.filter(state__in=LIVE).order_by("starts_at")[:SHOWN]
    ended = Campaign.objects.filter(state=CampaignState.FINISHED).order_by("-finished_at")[:3]
    return {
        "is_visible": True,
        "lines": [_line(campaign, now) for campaign in live],
        "ended": [_line(campaign, now) for campaign in ended],
        "doubtful": _with_doubt(now),
        "is_busy": any(campaign.state != CampaignState.PAUSED for campaign in live),
    }


def _line(campaign: Campaign, now: datetime) -> Line:
    progress = reports.progress(campaign_id=campaign.pk, now=now)
    balance = reports.balance(campaign_id=campaign.pk)
    return Line(campaign, progress, bar_parts(balance), time_left(progress))


def _with_doubt(now: datetime) -> list[dict[str, Any]]:
    """Campaigns of late with deliveries in doubt or failed, and how many."""
    recent = Delivery.objects.filter(campaign__started_at__gt=now - LOOKED_BACK)
    doubtful = recent.filter(
        state=DeliveryState.HANDED_OVER, message__watched_state=MessageState.IN_DOUBT
    )
    failed = recent.filter(state=DeliveryState.FAILED)
    return [
        {
            "campaign_id": row["campaign"],
            "name": row["campaign__name"],
            "count": row["count"],
            "what": what,
        }
        for what, rows in (("doubt", doubtful), ("failed", failed))
        for row in rows.order_by().values("campaign", "campaign__name").annotate(count=Count("*"))
    ]
