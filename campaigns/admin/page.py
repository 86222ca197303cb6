"""The page of a campaign: how it stands, what is left, what came back and who did what."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns import preflight, reports
from campaigns.choices import CampaignState, DeliveryState
from campaigns.models import Campaign, Delivery
from crm import live as live_stream
from crm.choices import MessageState

from .changes import Tally
from .tables import balance_rows, bar_parts, result_rows, time_left

LIVE_STATES = (CampaignState.SCHEDULED, CampaignState.RUNNING, CampaignState.PAUSED)
TROUBLE_ROWS = 20


def address(campaign: Campaign) -> str:
    """Where the campaign's page is."""
    return reverse("admin:campaigns_campaign_page", args=[campaign.pk])


def link(campaign: Campaign) -> SafeString:
    """The campaign's name as a link to its page."""
    return format_html('<a class="rp-link" href="{}">{}</a>', address(campaign), campaign.name)


def small_progress(tally: Tally) -> SafeString:
    """Sent of total in numbers and as a bar."""
    if not tally.total:
        return format_html('<span class="rp-soft">{}</span>', "–")
    return format_html(
        '<div class="rp-mini"><div class="rp-progress"><span style="width:{}%"></span>'
        '<span class="rp-is-soft" style="width:{}%"></span></div>'
        '<span class="rp-small rp-number">{} / {}</span></div>',
        f"{tally.sent_percent:.1f}",
        f"{tally.other_percent:.1f}",
        intcomma(tally.sent),
        intcomma(tally.total),
    )


@permission_required("campaigns.view_campaign", raise_exception=True)
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the whole page."""
    campaign = find(pk)
    now = timezone.now()
    context = {
        **admin.site.each_context(request),
        "opts": Campaign._meta,
        "title": campaign.name,
        "original": campaign,
        "campaign": campaign,
        "step": first_step(campaign),
        "problems": problems(campaign),
        "can_change": request.user.has_perm("campaigns.change_campaign"),
        **_standing(request, campaign, now),
    }
    return render(request, "admin/campaigns/page.html", context)


@permission_required("campaigns.view_campaign", raise_exception=True)
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the part of the page that changes while the campaign sends."""
    return render(
        request, "admin/campaigns/live.html", _standing(request, find(pk), timezone.now())
    )


def find(pk: int) -> Campaign:
    """Load a campaign with all that its page shows of the plan."""
    return get_object_or_404(
        Campaign.objects.select_related("created_by").prefetch_related(
            "segments", "excluded_segments", "steps__template", "steps__template_version"
        ),
        pk=pk,
    )


def first_step(campaign: Campaign) -> Any:
    """The message of a broadcast."""
    return next(iter(campaign.steps.all()), None)


def problems(campaign: Campaign) -> list[preflight.Problem]:
    """What stands in the way of a launch, or is worth a second look."""
    if campaign.state != CampaignState.DRAFT:
        return []
    return preflight.check_launch(campaign=campaign, now=timezone.now())


def _standing(request: HttpRequest, campaign: Campaign, now: datetime) -> dict[str, Any]:
    balance = reports.balance(campaign_id=campaign.pk)
    progress = reports.progress(campaign_id=campaign.pk, now=now)
    return {
        "campaign": campaign,
        "is_live": campaign.state in LIVE_STATES,
        "is_draft": campaign.state == CampaignState.DRAFT,
        "progress": progress,
        "time_left": time_left(progress),
        "parts": bar_parts(balance),
        "balance": balance,
        "rows": balance_rows(campaign, balance),
        "results": result_rows(balance),
        "doubtful": _doubtful(campaign),
        "failed": _failed(campaign),
        "actions": campaign.actions.select_related("by")[:TROUBLE_ROWS],
        "can_launch": request.user.has_perm("campaigns.launch_campaign"),
        "stream": live_stream.address(channel=f"campaign-{campaign.pk}"),
        "seconds_to_start": _seconds_to(campaign.starts_at, now),
    }


def _doubtful(campaign: Campaign) -> list[Delivery]:
    return list(
        campaign.deliveries.filter(message__watched_state=MessageState.IN_DOUBT)
        .select_related("customer", "message")
        .order_by("-id")[:TROUBLE_ROWS]
    )


def _failed(campaign: Campaign) -> list[Delivery]:
    return list(
        campaign.deliveries.filter(state=DeliveryState.FAILED)
        .select_related("customer", "message")
        .order_by("-id")[:TROUBLE_ROWS]
    )


def _seconds_to(moment: datetime | None, now: datetime) -> int:
    return max(0, round((moment - now).total_seconds())) if moment else 0
