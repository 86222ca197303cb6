"""Stops: a batch on its way ends when its campaign is paused or cancelled.

What has not begun then goes back to the plan uncounted, or stays unsent with a cancelled campaign.
"""

from collections.abc import Sequence
from datetime import datetime

from campaigns.choices import CampaignState
from campaigns.models import Campaign
from crm.choices import FailureReason
from crm.messages import Draft, Stopped, Watch


class CampaignWatch(Watch):
    """Looks after a batch of one campaign as `crm.messages.Watch` does, and after the campaign."""

    def __init__(self, drafts: Sequence[Draft], *, campaign_id: int, now: datetime) -> None:
        super().__init__(drafts, now=now)
        self._campaign_id = campaign_id

    def whole(self) -> Stopped | None:
        """The campaign's state, if it is running no more."""
        states = Campaign.objects.filter(pk=self._campaign_id).values_list("state", flat=True)
        state = next(iter(states), CampaignState.CANCELLED)
        if state == CampaignState.RUNNING:
            return None
        return Stopped(FailureReason.STOPPED, f"campaign {state}")


def watch(*, drafts: Sequence[Draft], campaign_id: int, now: datetime) -> CampaignWatch:
    """What `messages.send_many(stop=…)` takes for a batch of a campaign."""
    return CampaignWatch(drafts, campaign_id=campaign_id, now=now)
