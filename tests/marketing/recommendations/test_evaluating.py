"""Recommendations are held against what was bought next, and against the bestsellers."""

from datetime import datetime, timedelta
from math import log2

import pytest

from marketing.recommendations import evaluating, learning
from marketing.recommendations.ranking import Past, Shelf

from . import shopping

CUP, TEA, POT, BOOK = range(1, 5)


def test_a_hit_counts_less_the_later_it_comes() -> None:
    shelf = Shelf(neighbours={CUP: {TEA: 0.9, POT: 0.5}}, bestsellers=[BOOK, TEA, POT])
    pasts = {7: Past([(CUP, 1.0)], {CUP})}

    verdict = evaluating.judge(pasts=pasts, later={7: {POT}}, shelf=shelf)

    assert verdict.people == 1
    assert (verdict.ours.hit_rate, verdict.bestsellers.hit_rate) == (1, 1)
    assert verdict.ours.ndcg == pytest.approx(1 / log2(3))
    assert verdict.bestsellers.ndcg == pytest.approx(1 / log2(4))
    assert verdict.gain == pytest.approx(1 / log2(3) - 1 / log2(4))


def test_all_that_was_bought_next_in_front_is_the_best_there_is() -> None:
    shelf = Shelf(neighbours={CUP: {TEA: 0.9, POT: 0.5}}, bestsellers=[BOOK])
    pasts = {7: Past([(CUP, 1.0)], {CUP})}

    verdict = evaluating.judge(pasts=pasts, later={7: {POT, TEA}}, shelf=shelf)

    assert verdict.ours.ndcg == pytest.approx(1)
    assert verdict.bestsellers == evaluating.Rated(0, 0)


def test_better_for_some_and_worse_for_others_is_not_better() -> None:
    shelf = Shelf(neighbours={CUP: {TEA: 0.9}}, bestsellers=[BOOK])
    pasts = {one: Past([(CUP, 1.0)], {CUP}) for one in range(2)}
    few = Shelf(neighbours={CUP: {one: 1.0 for one in range(10, 20)}}, bestsellers=[BOOK])

    both = evaluating.judge(pasts=pasts, later={0: {TEA}, 1: {TEA}}, shelf=shelf)
    mixed = evaluating.judge(pasts=pasts, later={0: {10}, 1: {BOOK}}, shelf=few)

    assert both.gain_low == both.gain == both.gain_high == 1
    assert mixed.gain_low < 0 == mixed.gain < mixed.gain_high


def test_nobody_to_test_on_is_no_gain() -> None:
    verdict = evaluating.judge(pasts={}, later={}, shelf=Shelf())

    assert (verdict.people, verdict.gain, verdict.gain_low) == (0, 0, 0)


@pytest.mark.django_db
def test_what_is_held_out_is_new_and_of_people_who_bought_before(now: datetime) -> None:
    ids = shopping.products(["cup", "tea", "pot"], now=now)
    before = [("cup", 50.0)]
    old, _, again = shopping.people(
        [[*before, ("tea", 3)], [("tea", 3)], [*before, ("cup", 2)]], now=now
    )
    shopping.buy(again, ("pot", -1), now=now)
    cut = now - timedelta(days=10)
    learning.learn(until=cut)

    found = evaluating.held_out(since=cut, until=now)

    assert found == {old: {ids["tea"]}}


@pytest.mark.django_db
def test_the_cut_leaves_a_tenth_of_the_orders_for_later(now: datetime) -> None:
    shopping.products(["cup"], now=now)
    shopping.people([[("cup", day + 0.5) for day in range(20)]], now=now)

    cut = evaluating.cut(since=now - timedelta(days=99), until=now)

    assert cut == now - timedelta(days=2.5)
    assert evaluating.cut(since=now, until=now) is None
