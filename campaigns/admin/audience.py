"""The audience card: whom a campaign would reach now, and why not the others."""

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from campaigns import audiences

from .page import find, first_step


@permission_required("campaigns.view_campaign", raise_exception=True)
def card(request: HttpRequest, pk: int) -> HttpResponse:
    """Count the audience anew and show it."""
    campaign = find(pk)
    counted = audiences.card(campaign=campaign, now=timezone.now())
    context = {
        "campaign": campaign,
        "step": first_step(campaign),
        "card": counted,
        "refused": refusal_rows(counted),
    }
    return render(request, "admin/campaigns/audience.html", context)


def refusal_rows(counted: audiences.AudienceCard) -> list[tuple[str, int]]:
    """The reasons in words with their numbers, the largest first."""
    rows = [(str(reason.label), number) for reason, number in counted.refused.items()]
    return sorted(rows, key=lambda row: -row[1])
