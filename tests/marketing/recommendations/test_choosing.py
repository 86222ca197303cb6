"""What staff set by hand stands beside what is learnt, and no run changes it."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User

from marketing import recommendations
from marketing.choices import Because, RecommendationMode
from marketing.models import RecommendationOverride

from . import shopping

pytestmark = pytest.mark.django_db

FIRST, NEVER = RecommendationMode.FIRST, RecommendationMode.NEVER


def found(customer_id: int, now: datetime) -> list[recommendations.Recommendation]:
    return recommendations.recommend_many(customer_ids=[customer_id], now=now)[customer_id]


def test_staff_choose_what_comes_first_and_what_never_does(now: datetime) -> None:
    ids = shopping.products(["cup", "tea"], now=now)
    (reader,) = shopping.people([[("cup", 400)]], now=now)
    maria = User.objects.create(username="maria")

    made = recommendations.choose(
        product_id=ids["tea"], mode=FIRST, reason="New", by=maria, now=now
    )
    recommendations.choose(product_id=ids["cup"], mode=NEVER, reason="Old", by=maria, now=now)

    assert (made.set_by, made.created_at) == (maria, now)
    assert found(reader, now) == [recommendations.Recommendation(ids["tea"], Because.CHOSEN)]


def test_a_run_leaves_what_staff_set(now: datetime) -> None:
    ids = shopping.products(["cup", "tea"], now=now)
    reader, *_ = shopping.people([[("tea", 3)], [("cup", 1)], [("cup", 2)]], now=now)
    recommendations.choose(product_id=ids["cup"], mode=NEVER, reason="No", by=None, now=now)

    shopping.learnt(now=now)

    assert RecommendationOverride.objects.get().lifted_at is None
    assert found(reader, now) == []


def test_setting_a_product_anew_lifts_what_was_set(now: datetime) -> None:
    ids = shopping.products(["cup"], now=now)
    recommendations.choose(product_id=ids["cup"], mode=NEVER, reason="No", by=None, now=now)

    recommendations.choose(product_id=ids["cup"], mode=FIRST, reason="Yes", by=None, now=now)

    rows = RecommendationOverride.objects.order_by("pk").values_list("mode", "lifted_at")
    assert list(rows) == [(NEVER, now), (FIRST, None)]


def test_what_is_set_ends_when_it_is_lifted_or_expires(now: datetime) -> None:
    ids = shopping.products(["cup", "tea"], now=now)
    (reader,) = shopping.people([[]], now=now)
    recommendations.choose(product_id=ids["cup"], mode=FIRST, reason="x", by=None, now=now)
    recommendations.choose(
        product_id=ids["tea"],
        mode=FIRST,
        reason="x",
        by=None,
        now=now,
        expires_at=now + timedelta(days=1),
    )

    assert recommendations.lift(product_id=ids["cup"], by=None, now=now)
    assert not recommendations.lift(product_id=ids["cup"], by=None, now=now)
    assert [one.product_id for one in found(reader, now)] == [ids["tea"]]
    assert found(reader, now + timedelta(days=2)) == []
