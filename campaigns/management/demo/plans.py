"""The demo shop's segments and the broadcasts that wait as drafts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from campaigns.models import Campaign, Step
from crm.choices import Channel
from crm.models import Template
from marketing import segments
from marketing.models import Segment

Conditions = list[dict[str, Any]]

SEGMENTS: dict[str, tuple[str, Conditions]] = {
    "Newsletter readers": ("Everybody who may get our newsletter.", [{"reach": "email"}]),
    "VIPs": (
        "Many orders and a lot of revenue in the last year.",
        [
            {"orders": "count", "op": "at_least", "value": 5, "within_days": 365},
            {"orders": "revenue", "op": "at_least", "value": 500, "within_days": 365},
        ],
    ),
    "New customers": (
        "Joined within a month.",
        [{"field": "created_at", "op": "within_days", "value": 30}],
    ),
    "About to leave": (
        "Good customers who have gone quiet and are not likely to come back by themselves.",
        [
            {"orders": "count", "op": "at_least", "value": 3},
            {"orders": "recency_days", "op": "at_least", "value": 90},
            {"not": {"score": "buys_90_days", "op": "at_least", "value": 0.5}},
        ],
    ),
    "Lapsed": (
        "Last order more than half a year ago.",
        [{"orders": "recency_days", "op": "more_than", "value": 182}],
    ),
    "Likely to buy soon": (
        "The score says that they buy within 90 days.",
        [{"score": "buys_90_days", "op": "at_least", "value": 0.6}],
    ),
    "Cart left behind": (
        "Left a cart this week and did not order since.",
        [
            {"event": "cart.left", "at_least": 1, "within_days": 7},
            {"event": "order.placed", "at_most": 0, "within_days": 7},
        ],
    ),
    "Tea lovers": (
        "Bought tea at least twice in a year.",
        [
            {
                "bought": "category",
                "value": ["Green tea", "Black tea"],
                "at_least": 2,
                "within_days": 365,
            }
        ],
    ),
    "中文客户": ("说中文的客户。", [{"field": "language", "op": "starts_with", "value": "zh"}]),
    "Reachable by SMS": ("May get marketing by SMS.", [{"reach": "sms"}]),
}

# Name, template, channel, segments, excluded segments, holdout in percent.
DRAFTS: tuple[tuple[str, str, Channel, list[str], list[str], int], ...] = (
    ("New on our shelves", "Newsletter", Channel.EMAIL, ["Newsletter readers"], ["中文客户"], 10),
    ("新品资讯 · 中文", "新品资讯", Channel.EMAIL, ["中文客户"], [], 0),
    ("We miss you", "We miss you", Channel.EMAIL, ["About to leave"], ["New customers"], 10),
    ("Weekend shipping", "Weekend shipping", Channel.SMS, ["VIPs"], [], 0),
)


def plan_segments(*, now: datetime) -> dict[str, Segment]:
    """Make the segments and fill them."""
    made = {}
    for name, (description, conditions) in SEGMENTS.items():
        segment, _new = Segment.objects.get_or_create(
            name=name,
            defaults={
                "description": description,
                "rules": {"version": 1, "all": conditions},
            },
        )
        segments.refresh(segment_id=segment.pk, now=now)
        made[name] = segment
    return made


def plan_broadcasts(
    *, published: Mapping[str, Template], made: Mapping[str, Segment]
) -> list[Campaign]:
    """Make the drafts; nothing is launched."""
    drafts = []
    for name, template, channel, chosen, excluded, holdout in DRAFTS:
        campaign, new = Campaign.objects.get_or_create(
            name=name, defaults={"holdout_percent": holdout}
        )
        if new:
            campaign.segments.set([made[segment] for segment in chosen])
            campaign.excluded_segments.set([made[segment] for segment in excluded])
            Step.objects.create(campaign=campaign, channel=channel, template=published[template])
        drafts.append(campaign)
    return drafts
