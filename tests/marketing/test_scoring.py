"""Scores come with reasons, and what staff set by hand stands beside them and wins."""

from datetime import datetime, timedelta

import pytest
from django.utils import translation

from marketing import scoring
from marketing.models import Score, TrainingRun
from marketing.wording import cluster_name
from tests import making

pytestmark = pytest.mark.django_db

KIND = "buys_90_days"


def test_the_hand_wins_and_the_machine_goes_on_beside_it(now: datetime) -> None:
    customer = making.customer(now=now)
    run = TrainingRun.objects.create(kind=KIND, state="used", requested_at=now)
    reasons = [
        {"feature": "recency_days", "value": 1.0, "effect": 0.8},
        {"feature": "gap_days", "value": None, "effect": -0.3},
    ]
    Score.objects.create(
        customer=customer, kind=KIND, value=0.8, reasons=reasons, run=run, computed_at=now
    )

    scoring.set_by_hand(
        customer_id=customer.pk, kind=KIND, value=0.1, reason="moved away", by=None, now=now
    )

    with translation.override("en"):
        score = scoring.effective(customer_id=customer.pk, kind=KIND, now=now)
    assert (score.value, score.automatic, score.by_hand) == (0.1, 0.8, 0.1)
    assert score.reasons == (
        "Raises it: last ordered 1 day ago",
        "Lowers it: has ordered too seldom to know the usual days between orders",
    )


def test_a_score_set_by_hand_ends_when_lifted_or_expired(now: datetime) -> None:
    customer = making.customer(now=now)
    why = {"reason": "for a week", "by": None, "now": now}
    ask = {"customer_id": customer.pk, "kind": KIND}
    scoring.set_by_hand(**ask, value=0.4, **why, expires_at=now + timedelta(days=7))

    assert scoring.effective(**ask, now=now).value == 0.4
    assert scoring.effective(**ask, now=now + timedelta(days=8)).value is None
    assert scoring.lift_by_hand(**ask, by=None, now=now)
    assert scoring.effective(**ask, now=now).value is None
    assert not scoring.lift_by_hand(**ask, by=None, now=now)


def test_a_score_is_a_probability(now: datetime) -> None:
    customer = making.customer(now=now)

    with pytest.raises(ValueError, match="from 0 to 1"):
        scoring.set_by_hand(
            customer_id=customer.pk, kind=KIND, value=40, reason="in percent", by=None, now=now
        )


def test_without_a_run_in_use_nobody_is_scored(now: datetime) -> None:
    making.customer(now=now)

    assert scoring.score_all(kind=KIND, now=now) == 0


@pytest.mark.parametrize(
    ("traits", "name"),
    [
        (["big_spender", "loyal", "recent"], "Recent loyal big spenders"),
        (["one_time", "lapsed", "buyer"], "Lapsed one-time buyers"),
        (["small_spender"], "Small spenders"),
        ([], "Buyers"),
    ],
)
def test_a_cluster_has_a_readable_name(traits: list[str], name: str) -> None:
    with translation.override("en"):
        assert cluster_name(traits) == name
