"""How a rule tree would come out now, and who is in a segment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from crm import consent
from crm.choices import Channel, Purpose
from crm.models import Customer
from marketing import rules as rule_trees
from marketing.models import Membership

from .base import queryset, time_limit

SAMPLE = 5


@dataclass(frozen=True, slots=True)
class Preview:
    """How a rule tree would come out now."""

    total: int
    reach: Mapping[str, consent.Reach]
    sample: list[Customer]
    computed_at: datetime


def preview(*, rules: Any, now: datetime) -> Preview:
    """Count a rule tree, its reach per channel and five people, without keeping anything."""
    compiled = rule_trees.compile_rules(rules=rules, now=now)
    found = queryset(compiled=compiled)
    with transaction.atomic(), time_limit():
        reach = {
            channel.value: consent.count_reach(
                customers=found, channel=channel, purpose=Purpose.MARKETING, now=now
            )
            for channel in Channel
        }
        sample = list(found.order_by("bucket", "id")[:SAMPLE])
        total = next(iter(reach.values())).total
    return Preview(total, reach, sample, now)


def members(*, segment_id: int) -> QuerySet[Customer]:
    """The customers who are in a segment, as last computed."""
    return Customer.objects.filter(
        pk__in=Membership.objects.filter(segment_id=segment_id).values("customer_id")
    )
