"""What staff do to a campaign: launch, take back, pause, continue, cancel; one operation each."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import audiences, broadcasts, costs, tasks
from campaigns.models import Campaign
from crm.admin.parts import post_once
from crm.tasks import ring

from .audience import refusal_rows
from .page import address, find, first_step, problems

LAUNCH = "campaigns.launch_campaign"


@permission_required(LAUNCH, raise_exception=True)
def launch(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask with exact numbers (GET), then launch (POST)."""
    campaign = find(pk)
    if request.method != "POST":
        return _launch_dialog(request, campaign)

    def call() -> str:
        _check_typed_name(campaign, request.POST.get("typed_name", ""))
        broadcasts.launch(campaign_id=pk, by=staff(request), now=timezone.now())
        return _("Launched: it can be taken back until it starts.")

    return act(request, address(campaign), call)


def take_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Undo a launch before it starts: the campaign is a draft again."""

    def call() -> str:
        broadcasts.take_back(campaign_id=pk, by=staff(request), now=timezone.now())
        return _("Taken back: nobody was written to, and it is a draft again.")

    return act(request, address(find(pk)), call)


def pause(request: HttpRequest, pk: int) -> HttpResponse:
    """Hand nothing over until somebody continues it."""

    def call() -> str:
        reason = read_reason(request)
        broadcasts.pause(campaign_id=pk, by=staff(request), reason=reason, now=timezone.now())
        return _("Paused: what is being handed over at this moment still goes out.")

    return act(request, address(find(pk)), call)


def resume(request: HttpRequest, pk: int) -> HttpResponse:
    """Go on where it was paused."""

    def call() -> str:
        broadcasts.resume(
            campaign_id=pk,
            by=staff(request),
            reason=request.POST.get("reason", "").strip(),
            now=timezone.now(),
        )
        return _("The campaign goes on.")

    return act(request, address(find(pk)), call)


def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Send nothing more, for good."""

    def call() -> str:
        reason = read_reason(request)
        broadcasts.cancel(campaign_id=pk, by=staff(request), reason=reason, now=timezone.now())
        return _("Cancelled: nothing more goes out.")

    return act(request, address(find(pk)), call)


def staff(request: HttpRequest) -> User:
    """Who does it."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def read_reason(request: HttpRequest) -> str:
    """The reason that the form asks for; none is refused."""
    reason = request.POST.get("reason", "").strip()
    if not reason:
        raise ValidationError(_("Say why: the reason is kept in the history."))
    return reason


def act(
    request: HttpRequest,
    back_to: str,
    call: Callable[[], str],
    *,
    permission: str = LAUNCH,
) -> HttpResponse:
    """Call one operation, say in words what it refused, then ring for what it left to do."""

    def refusing() -> str:
        try:
            return call()
        except broadcasts.LaunchRefused as refused:
            raise ValidationError([problem.message for problem in refused.problems]) from refused
        except broadcasts.WrongState as wrong:
            raise ValidationError(
                _("This cannot be done any more: its state has changed meanwhile.")
            ) from wrong

    response = post_once(request, permission=permission, back_to=back_to, call=refusing)
    if isinstance(response, HttpResponseRedirect):
        ring(tasks.advance_campaigns)
    return response


def _launch_dialog(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    now = timezone.now()
    counted = audiences.card(campaign=campaign, now=now)
    context = {
        "campaign": campaign,
        "step": first_step(campaign),
        "card": counted,
        "cost": costs.estimate(campaign=campaign, card=counted, now=now),
        "refused": refusal_rows(counted),
        "problems": problems(campaign),
        "must_type": _must_type(counted),
        "undo_seconds": settings.LAUNCH_UNDO_SECONDS,
    }
    return render(request, "admin/campaigns/launch.html", context)


def _must_type(counted: audiences.AudienceCard) -> bool:
    return counted.reachable > settings.LAUNCH_CONFIRM_ABOVE


def _check_typed_name(campaign: Campaign, typed: str) -> None:
    counted = audiences.card(campaign=campaign, now=timezone.now())
    if _must_type(counted) and typed.strip() != campaign.name:
        raise ValidationError(_("Type the name of the campaign exactly to launch it."))
