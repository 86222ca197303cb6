"""A batch from claim to hand-over: nobody twice, nobody forgotten, every no with its reason."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from campaigns import broadcasts, sending
from campaigns.models import Campaign, Claim, Delivery
from campaigns.sending import batch, claims
from crm import accounts, consent, customers, messages
from crm.accounts import NewAccount
from crm.channels.base import Outcome
from crm.messages import stopping
from crm.models import Customer, Message, SendingDomain
from tests import making
from tests.campaigns import staging

pytestmark = pytest.mark.django_db

BOMB = (
    "{% set n = 1000 if customer.first_name == 'Bomb' else 1 %}"
    "{% for i in range(n) %}{% for j in range(n) %}{{ customer.first_name }}{% endfor %}"
    "{% endfor %}{{ unsubscribe_url }}"
)
POISONED = "<p>{{ 1 // (customer.first_name|length) }} {{ unsubscribe_url }}</p>"


@pytest.fixture
def people(now: datetime) -> list[Customer]:
    """Three people who allow marketing."""
    return [making.subscriber(now=now) for _ in range(3)]


@pytest.fixture
def campaign(people: list[Customer], now: datetime) -> Campaign:
    """A campaign that runs, its deliveries planned."""
    return staging.running(customers=people, now=now)


def recipients() -> list[str]:
    return sorted(outgoing.recipient for outgoing in staging.provider().sent)


def answering(**answer: Any) -> None:
    """The provider gives the next mail this answer."""
    staging.provider().script.append(Outcome(0, "failed", **answer))


def test_everybody_gets_one_personal_mail(
    campaign: Campaign, people: list[Customer], now: datetime
) -> None:
    result = staging.send(campaign=campaign, now=now)

    assert (result.claimed, result.outcomes) == (3, {"sent": 3})
    assert recipients() == sorted(person.email for person in people)
    assert "Hello Ada" in staging.provider().sent[0].html
    assert staging.states(campaign=campaign) == [("handed_over", "")] * 3
    assert set(Message.objects.values_list("state", flat=True)) == {"sent"}
    assert staging.is_even(campaign=campaign)


def test_a_marketing_mail_carries_one_click_unsubscribe(campaign: Campaign, now: datetime) -> None:
    staging.send(campaign=campaign, now=now, size=1)

    headers = dict(staging.provider().sent[0].headers)

    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["List-Unsubscribe"].strip("<>") in staging.provider().sent[0].html


def test_what_a_customer_got_can_be_shown_again_exactly(campaign: Campaign, now: datetime) -> None:
    staging.send(campaign=campaign, now=now, size=1)

    shown = messages.show(message=Message.objects.get())

    assert shown.is_exact
    assert shown.html == staging.provider().sent[0].html


def test_a_second_batch_takes_only_what_is_left(campaign: Campaign, now: datetime) -> None:
    sizes = [staging.send(campaign=campaign, now=now, size=2).claimed for _ in range(3)]

    assert sizes == [2, 1, 0]
    assert len(set(recipients())) == 3


@pytest.mark.parametrize("verb", [broadcasts.pause, broadcasts.cancel])
def test_a_stopped_campaign_claims_nothing(campaign: Campaign, now: datetime, verb: Any) -> None:
    verb(campaign_id=campaign.pk, by=None, reason="Wait", now=now)

    assert staging.send(campaign=campaign, now=now).is_empty


def interrupting(monkeypatch: pytest.MonkeyPatch, what: Any) -> None:
    """Let something happen after a batch was rendered and before it is written."""
    real = batch._render

    def prepare(*args: Any) -> Any:
        prepared = real(*args)
        what()
        return prepared

    monkeypatch.setattr(batch, "_render", prepare)


def test_a_pause_stops_what_is_claimed_and_gives_the_try_back(
    campaign: Campaign, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pause() -> None:
        broadcasts.pause(campaign_id=campaign.pk, by=None, reason="Wait", now=now)

    interrupting(monkeypatch, pause)

    staging.send(campaign=campaign, now=now)

    assert recipients() == []
    assert staging.states(campaign=campaign) == [("planned", "")] * 3
    assert set(Delivery.objects.values_list("strikes", flat=True)) == {0}
    assert not Claim.objects.exists()


def test_a_cancel_stops_what_is_claimed(
    campaign: Campaign, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancel() -> None:
        broadcasts.cancel(campaign_id=campaign.pk, by=None, reason="No", now=now)

    interrupting(monkeypatch, cancel)

    staging.send(campaign=campaign, now=now)

    assert recipients() == []
    assert staging.states(campaign=campaign) == [("cancelled", "campaign_cancelled")] * 3


def test_who_unsubscribes_while_the_mail_is_rendered_gets_none(
    campaign: Campaign, people: list[Customer], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsubscribe() -> None:
        consent.withdraw(customer_id=people[0].pk, channel="email", source="one_click", now=now)

    interrupting(monkeypatch, unsubscribe)

    staging.send(campaign=campaign, now=now)

    assert people[0].email not in recipients()
    assert staging.states(campaign=campaign)[0] == ("skipped", "unsubscribed")


@pytest.mark.parametrize("is_in_it", [False, True])
def test_who_is_merged_while_the_mail_is_rendered_gets_it_once(
    now: datetime, monkeypatch: pytest.MonkeyPatch, is_in_it: bool
) -> None:
    kept, merged = making.subscriber(now=now), making.subscriber(now=now)
    campaign = staging.running(customers=[kept, merged] if is_in_it else [merged], now=now)

    def merge() -> None:
        monkeypatch.undo()
        customers.merge(
            kept_id=kept.pk, merged_id=merged.pk, cause="staff", reason="", by=None, now=now
        )

    interrupting(monkeypatch, merge)

    staging.send(campaign=campaign, now=now)
    staging.send(campaign=campaign, now=now)

    assert recipients() == [kept.email]
    assert staging.states(campaign=campaign) == [("handed_over", "")]
    assert staging.is_even(campaign=campaign)


def test_a_worker_that_lost_its_claim_hands_nothing_over(
    campaign: Campaign, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = now + claims.LEASE * 2

    def freeze() -> None:
        monkeypatch.undo()
        sending.release_expired(now=later)
        sending.send_batch(campaign_id=campaign.pk, owner="another", now=later)

    interrupting(monkeypatch, freeze)

    staging.send(campaign=campaign, now=now)

    assert len(recipients()) == 3
    assert Message.objects.count() == 3


def test_the_refused_are_skipped_with_their_reason(now: datetime) -> None:
    silent, written_off = making.customer(now=now), making.subscriber(now=now)
    willing = making.subscriber(now=now)
    campaign = staging.running(customers=[silent, written_off, willing], now=now)
    suppression = consent.NewSuppression("email", written_off.email, "hard_bounce")
    consent.suppress(suppression=suppression, now=now)

    staging.send(campaign=campaign, now=now)

    assert staging.states(campaign=campaign) == [
        ("skipped", "no_consent"),
        ("skipped", "suppressed"),
        ("handed_over", ""),
    ]
    assert recipients() == [willing.email]


def test_a_poisoned_recipient_fails_alone_with_the_reason(now: datetime) -> None:
    people = [making.subscriber(now=now) for _ in range(3)]
    campaign = staging.running(customers=people, now=now, html=POISONED)
    Customer.objects.filter(pk=people[1].pk).update(first_name="")

    staging.send(campaign=campaign, now=now)

    failed = Delivery.objects.get(customer=people[1])
    assert (failed.state, failed.reason) == ("failed", "render_error")
    assert "division" in failed.detail
    assert len(recipients()) == 2
    assert staging.is_even(campaign=campaign)


def test_one_whose_data_makes_a_bomb_is_parked_and_all_others_get_their_mail(now: datetime) -> None:
    people = staging.crowd(count=claims.SHARE, now=now)
    campaign = staging.running(customers=people, now=now, html=BOMB)
    Customer.objects.filter(pk=people[100].pk).update(first_name="Bomb")

    result = staging.send(campaign=campaign, now=now)

    parked = Delivery.objects.get(customer=people[100])
    assert (parked.state, parked.reason) == ("failed", "render_error")
    assert "1,000,000 characters" in parked.detail
    assert result.outcomes == {"sent": claims.SHARE - 1}
    assert people[100].email not in recipients()
    assert staging.is_even(campaign=campaign)


def taken(campaign: Campaign, owner: str, now: datetime, *, size: int) -> list[int]:
    """The deliveries that a worker claims."""
    made = claims.claim(campaign_id=campaign.pk, owner=owner, now=now, size=size)
    return [each.delivery_id for claim in made for each in claim.deliveries]


def test_what_is_left_in_the_end_is_shared_among_workers(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "SHARE", 2)
    campaign = staging.running(customers=staging.crowd(count=20, now=now), now=now)

    batches = [taken(campaign, f"worker {number}", now, size=8) for number in range(6)]

    assert [len(batch) for batch in batches] == [8, 6, 3, 2, 1, 0]
    assert len({delivery_id for batch in batches for delivery_id in batch}) == 20


def test_a_claim_whose_worker_died_is_planned_again(campaign: Campaign, now: datetime) -> None:
    claims.claim(campaign_id=campaign.pk, owner="dead", now=now, size=2)

    early = sending.release_expired(now=now + claims.LEASE)
    late = sending.release_expired(now=now + claims.LEASE + timedelta(seconds=1))

    assert (early, late) == (0, 2)
    assert staging.states(campaign=campaign) == [("planned", "")] * 3


def test_a_batch_that_failed_is_free_when_its_worker_claims_again(
    campaign: Campaign, now: datetime
) -> None:
    claims.claim(campaign_id=campaign.pk, owner="living", now=now, size=2)

    fresh = claims.claim(campaign_id=campaign.pk, owner="living", now=now, size=500)
    again = claims.claim(campaign_id=campaign.pk, owner="another", now=now, size=500)

    assert [len(one.deliveries) for one in (*fresh, *again)] == [1, 2]


def test_a_claim_of_a_worker_that_died_here_does_not_wait_for_its_lease(
    campaign: Campaign, now: datetime
) -> None:
    here = messages.owner().split(":")[0]
    claims.claim(campaign_id=campaign.pk, owner=f"{here}:1:gone", now=now, size=2)
    claims.claim(campaign_id=campaign.pk, owner=messages.owner(), now=now, size=1)

    released = sending.release_expired(now=now)

    assert released == 2
    (kept,) = Claim.objects.all()
    assert (kept.owner, len(kept.delivery_ids)) == (messages.owner(), 1)


def test_what_was_tried_already_waits_behind_the_others(campaign: Campaign, now: datetime) -> None:
    (tried,) = taken(campaign, "dead", now, size=1)
    later = now + 2 * claims.LEASE
    sending.release_expired(now=later)

    order = [
        delivery_id
        for owner in ("one", "two", "three")
        for delivery_id in taken(campaign, owner, later, size=1)
    ]

    assert len(order) == 3
    assert order[-1] == tried


def test_a_delivery_that_stops_workers_is_parked_and_takes_no_other_along(
    campaign: Campaign, now: datetime
) -> None:
    poison, *others = campaign.deliveries.order_by("customer_id")
    moment = now

    while campaign.deliveries.filter(state="planned").exists():
        moment += 2 * claims.LEASE
        held = taken(campaign, "dead", moment, size=500)
        if poison.pk in held:
            sending.release_expired(now=moment + claims.LEASE * 1.5)
            continue
        campaign.deliveries.filter(pk__in=held).update(state="skipped", reason="paused")

    assert staging.states(campaign=campaign) == [
        ("failed", "three_strikes"),
        *[("skipped", "paused")] * len(others),
    ]
    assert staging.is_even(campaign=campaign)


def test_kills_at_random_are_no_fault_of_those_who_wait(now: datetime) -> None:
    campaign = staging.running(customers=staging.crowd(count=200, now=now), now=now)

    sizes = []
    for kill in range(8):
        moment = now + kill * 2 * claims.LEASE
        sizes.append(len(taken(campaign, "dead", moment, size=500)))
        sending.release_expired(now=moment + claims.LEASE * 1.5)

    assert sizes == [200, 50, 50, 50, 50, 5, 5, 5]
    assert set(staging.states(campaign=campaign)) == {("planned", "")}


def test_a_message_that_never_left_is_sent_anew_under_another_key(
    campaign: Campaign, people: list[Customer], now: datetime
) -> None:
    answering(reason="unreachable")
    result = staging.send(campaign=campaign, now=now)

    replanned = sending.replan_unsent(now=now)
    staging.send(campaign=campaign, now=now)

    assert result.is_unreachable
    assert replanned == 1
    assert recipients() == sorted(person.email for person in people)
    assert Message.objects.count() == 4
    assert set(Delivery.objects.values_list("message__state", flat=True)) == {"sent"}


def test_an_unreachable_provider_wears_out_no_delivery(now: datetime) -> None:
    campaign = staging.running(customers=[making.subscriber(now=now)], now=now)

    for _ in range(5):
        answering(reason="unreachable")
        staging.send(campaign=campaign, now=now)
        sending.replan_unsent(now=now)

    assert Delivery.objects.get().strikes == 0
    assert staging.states(campaign=campaign) == [("planned", "")]


def test_a_provider_that_asks_for_pauses_wears_out_no_delivery(now: datetime) -> None:
    campaign = staging.running(customers=[making.subscriber(now=now)], now=now)

    for minute in range(5):
        answering(reason="rate_limited", retry_after=30.0)
        moment = now + timedelta(minutes=minute)
        staging.send(campaign=campaign, now=moment)
        assert sending.replan_unsent(now=moment + timedelta(seconds=31)) == 1

    assert staging.states(campaign=campaign) == [("planned", "")]
    assert Delivery.objects.get().strikes == 0


def test_a_campaign_rests_while_its_provider_is_away(campaign: Campaign, now: datetime) -> None:
    answering(reason="unreachable")
    staging.send(campaign=campaign, now=now)

    assert sending.resting(now=now + timedelta(seconds=10)) == {campaign.pk}
    assert sending.resting(now=now + timedelta(seconds=30)) == set()


def test_a_message_put_off_waits_and_gives_up_after_three_tries(now: datetime) -> None:
    campaign = staging.running(customers=[making.subscriber(now=now)], now=now)

    for attempt in range(3):
        answering(reason="deferred")
        moment = now + timedelta(minutes=10 * attempt)
        staging.send(campaign=campaign, now=moment)
        assert sending.replan_unsent(now=moment + timedelta(minutes=1)) == 0
        assert sending.replan_unsent(now=moment + timedelta(minutes=3)) == 1

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reason) == ("failed", "three_strikes")
    assert delivery.detail == "deferred"
    assert delivery.message is not None
    assert staging.is_even(campaign=campaign)


def test_what_was_refused_for_good_is_not_tried_again(now: datetime) -> None:
    campaign = staging.running(customers=[making.subscriber(now=now)], now=now)
    answering(reason="rejected", detail="550 no")
    staging.send(campaign=campaign, now=now)

    assert sending.replan_unsent(now=now + timedelta(hours=1)) == 0
    assert broadcasts.finish_done(now=now) == [campaign.pk]


def test_what_is_in_doubt_is_shown_and_never_sent_again(now: datetime) -> None:
    campaign = staging.running(customers=[making.subscriber(now=now)], now=now)
    staging.provider().script.append(Outcome(0, "in_doubt", reason="unanswered"))
    staging.send(campaign=campaign, now=now)

    replanned = sending.replan_unsent(now=now + timedelta(hours=1))

    assert replanned == 0
    assert Message.objects.get().state == "in_doubt"
    assert broadcasts.finish_done(now=now) == [campaign.pk]


def test_nothing_of_a_cancelled_campaign_is_planned_anew(now: datetime) -> None:
    campaign = staging.running(customers=[making.subscriber(now=now)], now=now)
    answering(reason="unreachable")
    staging.send(campaign=campaign, now=now)

    broadcasts.cancel(campaign_id=campaign.pk, by=None, reason="No", now=now)

    assert sending.replan_unsent(now=now) == 0


def test_a_batch_costs_the_same_number_of_statements_for_any_size(
    now: datetime, django_assert_max_num_queries: Any, settings: Settings
) -> None:
    people = [making.subscriber(now=now) for _ in range(30)]
    campaign = staging.running(customers=people, now=now)
    staging.send(campaign=campaign, now=now, size=1)

    with django_assert_max_num_queries(40):
        result = staging.send(campaign=campaign, now=now)

    assert result.claimed == 29


def gmail(now: datetime, count: int) -> list[Customer]:
    return [making.subscriber(now=now, email=f"g{number}@gmail.com") for number in range(count)]


@pytest.fixture
def _limited(settings: Any) -> None:
    settings.EMAIL_FROM = "Shop <shop@shop.example>"
    SendingDomain.objects.create(domain="shop.example", recipient_limits={"gmail.com": 20})


@pytest.mark.usefixtures("_limited")
def test_who_waits_for_a_limit_is_held_in_the_plan_and_holds_nobody_up(now: datetime) -> None:
    people = [*gmail(now, 4), making.subscriber(now=now)]
    campaign = staging.running(customers=people, now=now)

    first = staging.send(campaign=campaign, now=now)
    early = staging.send(campaign=campaign, now=now)

    waiting = Delivery.objects.filter(campaign=campaign, state="planned").order_by("id")
    assert (first.claimed, first.held, len(staging.provider().sent)) == (5, 3, 2)
    assert early.is_empty
    assert set(waiting.values_list("strikes", flat=True)) == {0}
    assert sending.next_held(campaign_id=campaign.pk) == waiting[0].held_until_at
    assert staging.is_even(campaign=campaign)
    assert staging.send(campaign=campaign, now=now + timedelta(seconds=1)).claimed == 3


def test_a_batch_goes_by_one_account_and_none_without_any(now: datetime) -> None:
    told = {"url": "memory://"}
    made = accounts.keep(new=NewAccount("relay", "email", "memory", told), now=now)
    campaign = staging.running(customers=[making.subscriber(now=now) for _ in range(2)], now=now)

    staging.send(campaign=campaign, now=now, size=1)
    accounts.stop(account_id=made.pk)
    staging.send(campaign=campaign, now=now)

    assert list(Message.objects.values_list("provider", flat=True)) == ["relay"]
    assert sorted(staging.states(campaign=campaign)) == [("handed_over", ""), ("planned", "")]


@pytest.mark.parametrize(
    ("verb", "state", "count"), [("pause", "planned", 2), ("cancel", "cancelled", 0)]
)
def test_a_batch_on_its_way_stops_with_its_campaign(
    now: datetime, monkeypatch: pytest.MonkeyPatch, verb: str, state: str, count: int
) -> None:
    campaign = staging.running(customers=[making.subscriber(now=now) for _ in range(3)], now=now)
    monkeypatch.setattr(stopping, "LOOK_EVERY", 0.0)
    answer = staging.provider()._answer

    def answer_and_stop(outgoing: Any) -> Any:
        getattr(broadcasts, verb)(campaign_id=campaign.pk, by=None, reason="Wait", now=now)
        return answer(outgoing)

    monkeypatch.setattr(staging.provider(), "_answer", answer_and_stop)

    staging.send(campaign=campaign, now=now)
    sending.replan_unsent(now=now)

    again = Delivery.objects.filter(campaign=campaign, state="planned", strikes=0)
    assert len(staging.provider().sent) == 1
    assert again.count() == count
    assert Message.objects.filter(state="failed", reason="stopped").count() == 2
    assert staging.is_even(campaign=campaign)
