"""The customers a campaign resolves to: its segments in, minus the segments out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, CharField, Count, Exists, OuterRef, QuerySet, Value, When

from campaigns import eligibility
from campaigns.choices import Reason
from campaigns.models import Campaign, Step
from crm import consent
from crm.models import Customer
from marketing.models import Membership

SAMPLE_SIZE = 5


@dataclass(frozen=True, slots=True)
class AudienceCard:
    """Whom a campaign would reach; total = reachable + each kind of refusal + holdout."""

    total: int
    reachable: int
    refused: Mapping[Reason, int]
    holdout: int
    sample: tuple[Customer, ...]
    computed_at: datetime


def queryset(*, campaign: Campaign) -> QuerySet[Customer]:
    """Everybody in one of the campaign's segments and in none of those it excludes."""
    wanted = Membership.objects.filter(segment__in=campaign.segments.all())
    unwanted = Membership.objects.filter(
        segment__in=campaign.excluded_segments.all(), customer=OuterRef("pk")
    )
    members = Customer.objects.filter(pk__in=wanted.values("customer_id"))
    return members.exclude(Exists(unwanted)).order_by()


def card(*, campaign: Campaign, now: datetime) -> AudienceCard:
    """Count the audience as the gate, the holdout and the frequency cap would judge it now."""
    everybody = queryset(campaign=campaign)
    step = campaign.steps.order_by("position").first()
    total = everybody.count()
    candidates = _not_held_out(campaign, everybody)
    holdout = total - candidates.count()
    reachable, refused = _reach(step, candidates, now) if step else (0, {})
    return AudienceCard(
        total=total,
        reachable=reachable,
        refused=refused,
        holdout=holdout,
        # By the permanent random number, so that the same people are shown until they change.
        sample=tuple(candidates.order_by("bucket", "pk")[:SAMPLE_SIZE]),
        computed_at=now,
    )


def reached_by_number(
    *, campaign: Campaign, beginnings: Iterable[str], now: datetime
) -> dict[str, int]:
    """How many the first step reaches, by the longest of the beginnings that their phone has."""
    step = campaign.steps.order_by("position").first()
    if step is None:
        return {}
    people = _not_held_out(campaign, queryset(campaign=campaign))
    for _reason, rows in _held_back(step, now):
        people = people.exclude(Exists(rows.filter(customer=OuterRef("pk"))))
    people = consent.reachable(
        customers=people, channel=step.channel, purpose=campaign.purpose, now=now
    )
    longest_first = sorted(beginnings, key=len, reverse=True)
    which = [When(phone__startswith=one, then=Value(one)) for one in longest_first]
    fitting = people.annotate(beginning=Case(*which, output_field=CharField()))
    counted = fitting.values_list("beginning").annotate(people=Count("pk"))
    return {one: people for one, people in counted if one is not None}


def _not_held_out(campaign: Campaign, customers: QuerySet[Customer]) -> QuerySet[Customer]:
    if not campaign.holdout_percent:
        return customers
    held_out = eligibility.held_out_buckets(
        campaign_id=campaign.pk, percent=campaign.holdout_percent
    )
    return customers.exclude(bucket__in=held_out)


def _reach(
    step: Step, customers: QuerySet[Customer], now: datetime
) -> tuple[int, dict[Reason, int]]:
    purpose = step.campaign.purpose
    reach = consent.count_reach(customers=customers, channel=step.channel, purpose=purpose, now=now)
    refused = {Reason(refusal): count for refusal, count in reach.refused.items() if count}
    for reason, rows in _held_back(step, now):
        customers = customers.exclude(Exists(rows.filter(customer=OuterRef("pk"))))
        left = consent.count_reach(
            customers=customers, channel=step.channel, purpose=purpose, now=now
        )
        if reach.reachable > left.reachable:
            refused[reason] = reach.reachable - left.reachable
        reach = left
    return reach.reachable, refused


def _held_back(step: Step, now: datetime) -> tuple[tuple[Reason, QuerySet[Any]], ...]:
    """Whom a cap holds back, in the order in which a delivery is judged: their own goes first."""
    if not eligibility.is_capped(purpose=step.campaign.purpose):
        return ()
    return (
        (Reason.FREQUENCY_CHOICE, eligibility.at_their_choice(now=now)),
        (Reason.FREQUENCY_CAP, eligibility.at_their_cap(channel=step.channel, now=now)),
    )
