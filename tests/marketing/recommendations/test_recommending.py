"""A run passes the gate, beats the bestsellers or leaves them in use, and replaces everything."""

from datetime import datetime, timedelta
from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from marketing import recommendations, training
from marketing.choices import RunKind, RunState
from marketing.models import Bestseller, ProductNeighbour, TrainingRun
from marketing.training import forgetting, recommending

from . import shopping

pytestmark = pytest.mark.django_db


def test_habits_are_found_and_used(now: datetime) -> None:
    ids = shopping.products(shopping.SKUS, now=now)
    readers = shopping.people(shopping.habits(), now=now)

    run = shopping.learnt(now=now)

    assert (run.state, run.error) == (RunState.USED, "")
    assert run.metrics["ndcg"] > 1.5 * run.baseline["ndcg"]
    assert run.parameters["ndcg_gain_low"] > 0
    assert run.parameters["pairs"] == ProductNeighbour.objects.filter(run=run).count() > 0
    assert all(demand["is_met"] for demand in run.gate)
    own = {pk for sku, pk in ids.items() if sku.startswith("0-")}
    first = recommendations.recommend_many(customer_ids=readers[:1], now=now, count=3)[readers[0]]
    assert {one.product_id for one in first} <= own


def test_too_little_is_refused_and_the_bestsellers_are_there_all_the_same(now: datetime) -> None:
    shopping.products(["cup", "tea"], now=now)
    shopping.people([[("cup", 1), ("tea", 1)]] * 5, now=now)

    run = shopping.learnt(now=now)

    assert run.state == RunState.REFUSED
    assert {row["code"]: (row["needed"], row["is_met"]) for row in run.gate} == {
        "several_products": (100, False),
        "products_bought": (10, False),
        "tested_buyers": (50, False),
    }
    assert Bestseller.objects.count() == 2
    assert not ProductNeighbour.objects.exists()


def chance(people: int) -> list[list[shopping.Bought]]:
    """Everybody buys by the same lot: nothing goes with anything."""
    drawn = Random(3)
    weights = [1 / (place + 1) for place in range(len(shopping.SKUS))]
    return [
        [(sku, drawn.uniform(0, 300)) for sku in drawn.choices(shopping.SKUS, weights, k=5)]
        for _ in range(people)
    ]


def test_what_is_no_better_than_the_bestsellers_is_not_used(now: datetime) -> None:
    shopping.products(shopping.SKUS, now=now)
    shopping.people(chance(200), now=now)

    run = shopping.learnt(now=now)

    assert run.state == RunState.NOT_USED
    assert run.parameters["ndcg_gain_low"] <= 0
    assert not ProductNeighbour.objects.exists()
    assert Bestseller.objects.exists()


def test_a_run_that_is_not_used_takes_the_one_before_out_of_use(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    shopping.products(shopping.SKUS, now=now)
    readers = shopping.people(shopping.habits(), now=now)
    first = shopping.learnt(now=now)
    monkeypatch.setattr(recommending, "MIN_TESTED", 10_000)

    second = shopping.learnt(now=now + timedelta(days=1))

    first.refresh_from_db()
    assert (first.state, second.state) == (RunState.REPLACED, RunState.REFUSED)
    assert not ProductNeighbour.objects.exists()
    found = recommendations.recommend_many(customer_ids=readers[:1], now=now)[readers[0]]
    assert {one.because for one in found} == {"bestseller"}


def test_a_run_replaces_all_or_nothing(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    shopping.products(shopping.SKUS, now=now)
    shopping.people(shopping.habits(), now=now)
    first = shopping.learnt(now=now)
    before = list(ProductNeighbour.objects.values_list("product_id", "other_id", "weight"))
    bestsellers = list(Bestseller.objects.values_list("product_id", "weight"))
    monkeypatch.setattr(recommending, "_KEEP_NEIGHBOURS", "SELECT 1 / 0, %s")

    second = shopping.learnt(now=now + timedelta(days=1))

    first.refresh_from_db()
    assert (first.state, second.state) == (RunState.USED, RunState.FAILED)
    assert list(ProductNeighbour.objects.values_list("product_id", "other_id", "weight")) == before
    assert list(Bestseller.objects.values_list("product_id", "weight")) == bestsellers


def test_two_runs_that_end_at_once_follow_one_another(now: datetime) -> None:
    shopping.products(["cup"], now=now)
    shopping.people([[("cup", 1)]], now=now)

    with CaptureQueriesContext(connection) as asked:
        shopping.learnt(now=now)

    said = [one["sql"] for one in asked]
    lock = next(place for place, sql in enumerate(said) if "pg_advisory_xact_lock" in sql)
    writes = [
        place
        for place, sql in enumerate(said)
        if sql.strip().startswith(("DELETE FROM marketing_", "INSERT INTO marketing_"))
        or "'replaced'" in sql
    ]
    assert len(writes) == 4
    assert min(writes) > lock


def test_it_is_learnt_once_a_day_from_the_first_order_on(
    now: datetime,
) -> None:
    assert training.run_due(now=now) == []
    shopping.products(["cup"], now=now)
    shopping.people([[("cup", 1)]], now=now)

    made = [
        [run.kind for run in training.run_due(now=now + timedelta(hours=hours))]
        for hours in (0, 1, 22, 24)
    ]

    assert made == [[RunKind.RECOMMENDATIONS], [], [], [RunKind.RECOMMENDATIONS]]


def test_what_was_learnt_from_the_erased_is_said(now: datetime) -> None:
    shopping.products(["cup"], now=now)
    shopping.people([[("cup", 1)]], now=now)
    run = shopping.learnt(now=now)

    forgetting.note_erased(people=1, known_since_at=now - timedelta(days=1))

    run.refresh_from_db()
    assert run.erased_people == 1


def test_nothing_temporary_is_left(now: datetime) -> None:
    shopping.products(["cup"], now=now)
    shopping.people([[("cup", 1)]], now=now)
    shopping.learnt(now=now)

    shopping.learnt(now=now)

    assert TrainingRun.objects.filter(error="").count() == 2
