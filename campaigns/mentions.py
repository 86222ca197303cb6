"""Where a campaign is named: the segments whose rules ask what came of it."""

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from campaigns.models import Campaign
from marketing.models import Segment


class CampaignInUse(ValidationError):  # noqa: N818 - it says what is so
    """A campaign that the rules of segments name is not deleted."""


def segments(*, campaign_id: int) -> list[Segment]:
    """The segments whose rules name a campaign."""
    path = f"$.**.campaign ? (@ == {int(campaign_id)})"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM marketing_segment WHERE kind = 'rule' AND rules @? %s::jsonpath",
            [path],
        )
        found = [segment_id for (segment_id,) in cursor.fetchall()]
    return list(Segment.objects.filter(pk__in=found))


@transaction.atomic
def delete(*, campaign_id: int) -> None:
    """Delete a campaign that no rules name; `CampaignInUse` says which do. Locks the campaign."""
    campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
    named = ", ".join(f"“{segment}”" for segment in segments(campaign_id=campaign_id)[:5])
    if named:
        raise CampaignInUse(
            _("The rules of %(names)s name this campaign: change them first.") % {"names": named}
        )
    campaign.delete()
