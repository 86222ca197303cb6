"""A model is trained when there is enough, used when it beats the baseline, and says why."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from campaigns.management.demo.load import load
from crm import customers, orders
from crm.models import OrderStatistics
from marketing import features, segments, training
from marketing.choices import RunKind, RunState
from marketing.models import (
    Cluster,
    ClusterMembership,
    Feature,
    Score,
    Segment,
    TrainingRun,
)
from tests import making, sharing

pytestmark = pytest.mark.django_db
# As the tests have it.
NOW = datetime(2026, 4, 14, 12, 0, tzinfo=UTC)


def trained(kind: str, now: datetime) -> TrainingRun:
    return training.run(run_id=training.request(kind=kind, now=now).pk, now=now)


def demo_shop(now: datetime) -> None:
    load(seed=3, count=1300, now=now, progress=lambda stage, share: None)
    TrainingRun.objects.all().delete()


def ordered_before_today(now: datetime) -> int:
    today = features.moment(day=now.date())
    return OrderStatistics.objects.filter(first_order_at__lt=today).count()


def coin_flip_shop(now: datetime) -> None:
    """Everybody orders on days drawn by lot, with no memory and no habits: nothing to learn."""
    drawn = random.Random(1)
    making.product(now=now)
    people = [customers.Person(external_id=f"coin-{number}") for number in range(700)]
    ids = customers.identify_many(people=people, now=now)
    line = (orders.NewLine("TEA-1", 1, Decimal(10)),)
    found = []
    for customer_id in ids:
        at = now - timedelta(days=720)
        while (at := at + timedelta(days=drawn.expovariate(1 / 180))) < now:
            number = f"{customer_id}-{at.isoformat()}"
            found.append(orders.NewOrder(number, customer_id, at, "EUR", line))
    orders.record_many(orders=found, now=now)


@pytest.fixture(scope="class")
def _shop(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The demo shop at the moment of the tests."""
    with sharing.for_a_class(django_db_blocker):
        demo_shop(NOW)
        yield


@pytest.mark.usefixtures("_shop")
class TestADemoShop:
    """Habits were planted in it."""

    def test_a_shop_with_planted_habits_is_understood(self, now: datetime) -> None:
        run = trained(RunKind.BUYS_90_DAYS, now)

        assert (run.state, run.error) == (RunState.USED, "")
        assert run.metrics["auc"] > run.baseline["auc"]
        assert run.parameters["auc_gain_low"] > 0
        assert all(demand["is_met"] for demand in run.gate)
        scores = Score.objects.filter(run=run)
        assert scores.count() == ordered_before_today(now)
        assert all(0 < score.value < 1 and score.reasons for score in scores)
        # Calibrated: as many are expected to buy as have bought in the test.
        expected = sum(score.value for score in scores) / scores.count()
        assert expected == pytest.approx(run.metrics["positive_rate"], abs=0.1)

    def test_the_clusters_of_a_shop_have_names_and_everybody_is_in_one(self, now: datetime) -> None:
        run = trained(RunKind.CLUSTERS, now)

        clusters = list(Cluster.objects.filter(run=run))
        assert run.state == RunState.USED
        assert 3 <= len(clusters) <= 8
        assert len({cluster.name for cluster in clusters}) == len(clusters)
        assert sum(cluster.size for cluster in clusters) == ordered_before_today(now)
        assert ClusterMembership.objects.count() == ordered_before_today(now)

    def test_a_new_run_replaces_the_old_and_its_segments_follow(self, now: datetime) -> None:
        demo_shop(now)
        first = trained(RunKind.CLUSTERS, now)
        cluster = Cluster.objects.filter(run=first).order_by("-size")[0]
        segment = Segment.objects.create(name="The largest", kind="cluster", cluster=cluster)

        second = trained(RunKind.CLUSTERS, now)

        first.refresh_from_db()
        segment.refresh_from_db()
        assert (first.state, second.state) == (RunState.REPLACED, RunState.USED)
        assert segment.cluster is not None
        assert segment.cluster.run == second
        assert segment.cluster.traits == cluster.traits
        assert segments.refresh(segment_id=segment.pk, now=now).count == cluster.size


def test_a_model_that_is_no_better_than_the_baseline_is_not_used(now: datetime) -> None:
    coin_flip_shop(now)

    run = trained(RunKind.BUYS_90_DAYS, now)

    assert (run.state, run.error) == (RunState.NOT_USED, "")
    assert run.parameters["auc_gain_low"] <= 0
    assert run.artifact is None
    assert not Score.objects.exists()


@pytest.mark.parametrize("kind", RunKind.values)
def test_too_little_data_is_refused_and_shown(kind: str, now: datetime) -> None:
    making.customer(now=now)

    run = trained(kind, now)

    assert (run.state, run.error) == (RunState.REFUSED, "")
    assert not any(demand["is_met"] for demand in run.gate)
    assert run.gate[0]["found"] == 0


def test_a_run_is_made_once_however_often_it_is_rung_for(now: datetime) -> None:
    first = training.request(kind=RunKind.CLUSTERS, now=now)
    again = training.request(kind=RunKind.CLUSTERS, now=now)
    assert again == first
    training.run(run_id=first.pk, now=now)

    later = training.run(run_id=first.pk, now=now + timedelta(days=1))

    assert later.finished_at == now


def test_a_run_whose_worker_is_gone_is_given_up_and_asked_for_again(now: datetime) -> None:
    long_ago = now - timedelta(days=8)
    lost = TrainingRun.objects.create(
        kind=RunKind.CLUSTERS, state=RunState.RUNNING, requested_at=long_ago, started_at=long_ago
    )

    made = training.run_due(now=now)

    lost.refresh_from_db()
    assert lost.state == RunState.FAILED
    assert [run.state for run in made] == [RunState.REFUSED]
    assert training.run_due(now=now) == []


def test_a_run_that_breaks_keeps_its_error(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**known: object) -> None:
        raise ZeroDivisionError("of an apple")

    monkeypatch.setattr("marketing.training.clustering.fit", broken)

    run = trained(RunKind.CLUSTERS, now)

    assert (run.state, run.error) == (RunState.FAILED, "ZeroDivisionError: of an apple")
    assert not Feature.objects.exists()
