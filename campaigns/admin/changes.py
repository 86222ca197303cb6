"""Lists that fetch what their rows show in one statement for the whole page."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count
from django.http import HttpRequest
from unfold.views import ChangeList

from campaigns.choices import DeliveryState
from campaigns.models import Delivery


@dataclass(frozen=True)
class Tally:
    """How many of a campaign's deliveries are planned in all, sent, and decided otherwise."""

    total: int = 0
    sent: int = 0
    other: int = 0

    @property
    def sent_percent(self) -> float:
        return 100 * self.sent / self.total if self.total else 0.0

    @property
    def other_percent(self) -> float:
        return 100 * self.other / self.total if self.total else 0.0


class CampaignChangeList(ChangeList):
    """Campaigns with their tallies."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        campaigns: list[Any] = list(self.result_list)  # type: ignore[has-type]
        tallies = tally_many([campaign.pk for campaign in campaigns])
        for campaign in campaigns:
            campaign.tally = tallies.get(campaign.pk, Tally())
        self.result_list = campaigns


def tally_many(campaign_ids: list[int]) -> dict[int, Tally]:
    """Count the deliveries of several campaigns by state, in one statement."""
    rows = (
        Delivery.objects.filter(campaign__in=campaign_ids)
        .order_by()
        .values_list("campaign_id", "state")
        .annotate(count=Count("*"))
    )
    counts: dict[int, dict[str, int]] = {}
    for campaign_id, state, count in rows:
        counts.setdefault(campaign_id, {})[state] = count
    return {campaign_id: _tally(by_state) for campaign_id, by_state in counts.items()}


def _tally(by_state: dict[str, int]) -> Tally:
    total = sum(by_state.values())
    sent = by_state.get(DeliveryState.HANDED_OVER, 0)
    waiting = by_state.get(DeliveryState.PLANNED, 0)
    return Tally(total=total, sent=sent, other=total - sent - waiting)
