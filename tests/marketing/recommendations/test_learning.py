"""What goes with what is learnt from what the same people bought, and what sells from how many."""

from datetime import datetime

import pytest
from django.db import connection

from crm.models import Customer, Order, Product
from marketing.recommendations import learning

from . import shopping

pytestmark = pytest.mark.django_db


def neighbours(now: datetime) -> dict[str, dict[str, tuple[float, int]]]:
    """By SKU: what goes with it, with its weight and how many bought both."""
    learning.learn(until=now)
    skus = dict(Product.objects.values_list("pk", "sku"))
    found: dict[str, dict[str, tuple[float, int]]] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM recommendation_neighbour ORDER BY product_id, rank")
        for one, other, _, weight, support in cursor.fetchall():
            found.setdefault(skus[one], {})[skus[other]] = weight, support
    return found


def bestsellers(now: datetime) -> list[str]:
    learning.learn(until=now)
    skus = dict(Product.objects.values_list("pk", "sku"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT product_id FROM recommendation_bestseller ORDER BY rank")
        return [skus[one] for (one,) in cursor.fetchall()]


def test_the_weight_of_two_products_is_the_cosine_of_their_buyers_shrunk(now: datetime) -> None:
    shopping.products(["cup", "tea", "pot"], now=now)
    both, cups, teas = [("cup", 0), ("tea", 0)], [("cup", 0)], [("tea", 0)]
    shopping.people([both] * 4 + [cups] * 5 + [teas] * 12, now=now.replace(hour=11))

    found = neighbours(now)

    cosine = 4 / (9**0.5 * 16**0.5)
    weight, support = found["cup"]["tea"]
    assert support == 4
    assert weight == pytest.approx(cosine * 4 / (4 + learning.SHRINKAGE))
    assert found["tea"]["cup"] == found["cup"]["tea"]
    assert "pot" not in found


def test_too_few_who_bought_both_say_nothing(now: datetime) -> None:
    shopping.products(["cup", "tea"], now=now)
    few = learning.LEAST_SUPPORT - 1
    shopping.people([[("cup", 1), ("tea", 1)]] * few + [[("cup", 1)], [("tea", 1)]], now=now)

    assert neighbours(now) == {}


def test_what_was_bought_lately_weighs_more(now: datetime) -> None:
    shopping.products(["cup", "old", "new"], now=now)
    days = 2 * learning.HALF_LIFE_DAYS
    shopping.people([[("cup", 1), ("old", days)]] * 4 + [[("cup", 1), ("new", 2)]] * 4, now=now)
    shopping.people([[("old", 1)]] * 4 + [[("new", 1)]] * 4, now=now)

    found = neighbours(now)

    assert found["cup"]["new"][0] > 2 * found["cup"]["old"][0]


def test_what_was_given_back_or_cancelled_was_not_bought(now: datetime) -> None:
    shopping.products(["cup", "tea", "pot"], now=now)
    ids = shopping.people([[("cup", 9), ("tea", 9), ("pot", 9)]] * 4, now=now)
    for customer_id in ids[:2]:
        shopping.give_back(customer_id, ("tea", 3), now=now)
    Order.objects.filter(lines__product__sku="pot").update(state="cancelled")

    found = neighbours(now)

    assert found == {}
    assert bestsellers(now) == ["cup", "tea"]


def test_only_what_is_on_sale_is_recommended_but_all_that_was_bought_leads(now: datetime) -> None:
    shopping.products(["cup", "tea"], now=now)
    shopping.people([[("cup", 1), ("tea", 1)]] * 4, now=now)
    Product.objects.filter(sku="tea").update(is_active=False)

    found = neighbours(now)

    assert list(found) == ["tea"]
    assert list(found["tea"]) == ["cup"]
    assert bestsellers(now) == ["cup"]


def test_a_buyer_of_everything_counts_with_the_latest_only(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "MOST_OF_A_BUYER", 2)
    shopping.products(["old", "cup", "tea"], now=now)
    shopping.people([[("old", 9), ("cup", 2), ("tea", 1)]] * 4, now=now)

    assert list(neighbours(now)) == ["cup", "tea"]


def test_only_the_best_neighbours_are_kept(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "NEIGHBOURS", 1)
    shopping.products(["cup", "tea", "pot"], now=now)
    shopping.people([[("cup", 1), ("tea", 1)]] * 5 + [[("cup", 1), ("pot", 1)]] * 4, now=now)

    found = neighbours(now)

    assert {one: list(others) for one, others in found.items()} == {
        "cup": ["tea"],
        "tea": ["cup"],
        "pot": ["cup"],
    }


def test_bestsellers_are_counted_in_people_and_lately(now: datetime) -> None:
    shopping.products(["fashion", "classic", "bulk"], now=now)
    shopping.people([[("classic", 200)]] * 6 + [[("fashion", 5)]] * 3, now=now)
    shopping.people([[("bulk", day) for day in range(9)]], now=now)

    assert bestsellers(now) == ["fashion", "bulk", "classic"]


def test_orders_of_nobody_and_of_later_say_nothing(now: datetime) -> None:
    shopping.products(["cup", "tea"], now=now)
    shopping.people([[("cup", 1), ("tea", -1)]] * 4, now=now)
    Order.objects.filter(customer__in=Customer.objects.all()[:1]).update(customer=None)

    counts = learning.learn(until=now)

    assert counts == learning.Counts(buyers=3, buyers_of_several=0, products=1)


def test_a_shop_at_rest_is_learnt_until_its_last_order(now: datetime) -> None:
    shopping.products(["cup"], now=now)
    shopping.people([[("cup", 400)]], now=now)

    until = learning.moment(now=now)

    assert (now - until).days == 399
    assert learning.moment(now=until) == until
