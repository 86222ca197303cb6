"""Whatever is done to a campaign in whatever order, its books come out even."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns import broadcasts, sending
from campaigns.choices import CampaignState, DeliveryState
from campaigns.models import Campaign, Delivery
from campaigns.sending import claims
from crm import consent
from crm.channels.base import Outcome
from tests.campaigns import staging

pytestmark = pytest.mark.django_db

ANSWERS = {
    "rejected": ("failed", "rejected"),
    "unreachable": ("failed", "unreachable"),
    "deferred": ("failed", "deferred"),
    "in_doubt": ("in_doubt", "unanswered"),
}
ANY_STEP = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 4)),
    st.tuples(st.just("answer"), st.sampled_from(sorted(ANSWERS))),
    st.tuples(st.just("die"), st.integers(1, 3)),
    st.tuples(st.just("withdraw"), st.integers(0, 7)),
    st.tuples(st.just("cancel_one"), st.integers(0, 7)),
    st.tuples(st.sampled_from(["pause", "resume", "sweep", "finish"]), st.just(0)),
)


class Walk:
    """One campaign to eight people, and what may happen to it."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.customers = staging.crowd(count=8, now=now)
        self.campaign = staging.running(customers=self.customers, now=now, holdout_percent=20)

    def take(self, step: str, argument: Any) -> None:
        """Do one thing; a verb that does not apply now changes nothing."""
        self.now += timedelta(minutes=1)
        with suppress(broadcasts.WrongState):
            getattr(self, step)(argument)

    def send(self, size: int) -> None:
        staging.send(campaign=self.campaign, now=self.now, size=size)

    def answer(self, kind: str) -> None:
        state, reason = ANSWERS[kind]
        staging.provider().script.append(Outcome(0, state, reason=reason))

    def die(self, size: int) -> None:
        claims.claim(campaign_id=self.campaign.pk, owner="dead", now=self.now, size=size)

    def withdraw(self, number: int) -> None:
        customer = self.customers[number]
        consent.withdraw(customer_id=customer.pk, channel="email", source="staff", now=self.now)

    def cancel_one(self, number: int) -> None:
        delivery = Delivery.objects.get(customer=self.customers[number])
        broadcasts.cancel_delivery(delivery_id=delivery.pk, by=None, reason="Asked", now=self.now)

    def pause(self, _: int) -> None:
        broadcasts.pause(campaign_id=self.campaign.pk, by=None, reason="Wait", now=self.now)

    def resume(self, _: int) -> None:
        broadcasts.resume(campaign_id=self.campaign.pk, by=None, now=self.now)

    def sweep(self, _: int) -> None:
        self.now += 2 * claims.LEASE
        sending.release_expired(now=self.now)
        sending.replan_unsent(now=self.now)

    def finish(self, _: int) -> None:
        broadcasts.finish_done(now=self.now)

    def to_the_end(self) -> Campaign:
        """Let the beat and the workers do what is left."""
        staging.provider().script.clear()
        if Campaign.objects.get(pk=self.campaign.pk).state == CampaignState.PAUSED:
            self.resume(0)
        for _ in range(4):
            self.sweep(0)
            self.send(500)
        self.finish(0)
        return Campaign.objects.get(pk=self.campaign.pk)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(ANY_STEP, max_size=12))
def test_the_books_balance_after_every_step_and_the_campaign_ends(
    now: datetime, steps: list[tuple[str, Any]]
) -> None:
    with transaction.atomic():
        walk = Walk(now)
        staging.provider().sent.clear()

        for step, argument in steps:
            walk.take(step, argument)
            assert staging.is_even(campaign=walk.campaign), step
        ended = walk.to_the_end()

        recipients = [outgoing.recipient for outgoing in staging.provider().sent]
        waiting = ended.deliveries.filter(state=DeliveryState.PLANNED)
        assert staging.is_even(campaign=walk.campaign)
        assert ended.state == CampaignState.FINISHED
        assert not waiting.exists()
        assert len(recipients) == len(set(recipients))
        # The next example begins with an empty house.
        transaction.set_rollback(True)
