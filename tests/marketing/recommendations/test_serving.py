"""What is recommended to many people at once, and why."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm import customers, events
from crm.models import Customer, Product
from marketing import recommendations
from marketing.choices import Because, RunKind, RunState
from marketing.models import Bestseller, ProductNeighbour, TrainingRun
from marketing.recommendations import pasts, shelves

from . import shopping

pytestmark = pytest.mark.django_db

NAMES = ["cup", "tea", "pot", "book", "pen"]


@pytest.fixture
def ids(now: datetime) -> dict[str, int]:
    """A shop where a cup leads to tea, tea to a pot and a book to a pen; pens sell best."""
    made = shopping.products(NAMES, now=now)
    run = TrainingRun.objects.create(
        kind=RunKind.RECOMMENDATIONS,
        state=RunState.USED,
        as_of_date=now.date(),
        requested_at=now,
        finished_at=now,
    )
    pairs = [("cup", "tea", 0.9), ("cup", "pot", 0.2), ("tea", "pot", 0.8), ("book", "pen", 0.7)]
    ProductNeighbour.objects.bulk_create(
        ProductNeighbour(
            run=run, product_id=made[one], other_id=made[other], rank=rank, weight=w, support=5
        )
        for rank, (one, other, w) in enumerate(pairs, start=1)
    )
    Bestseller.objects.bulk_create(
        Bestseller(product_id=made[name], rank=rank, buyers=9, weight=9 - rank)
        for rank, name in enumerate(reversed(NAMES), start=1)
    )
    return made


def names(customer_id: int, now: datetime, count: int = 20) -> list[str]:
    found = recommendations.recommend_many(customer_ids=[customer_id], now=now, count=count)
    skus = dict(Product.objects.values_list("pk", "sku"))
    return [skus[one.product_id] for one in found[customer_id]]


def test_each_product_says_what_led_to_it(ids: dict[str, int], now: datetime) -> None:
    (reader,) = shopping.people([[("cup", 3)]], now=now)

    found = recommendations.recommend_many(customer_ids=[reader], now=now)[reader]

    assert found == [
        recommendations.Recommendation(ids["tea"], Because.BOUGHT, ids["cup"]),
        recommendations.Recommendation(ids["pot"], Because.BOUGHT, ids["cup"]),
        recommendations.Recommendation(ids["pen"], Because.BESTSELLER),
        recommendations.Recommendation(ids["book"], Because.BESTSELLER),
    ]


def test_what_was_bought_lately_leads_more_than_what_was_bought_long_ago(
    ids: dict[str, int], now: datetime
) -> None:
    late, early = shopping.people(
        [[("book", 200), ("cup", 2)], [("book", 2), ("cup", 200)]], now=now
    )

    assert names(late, now, 1) == ["tea"]
    assert names(early, now, 1) == ["pen"]


def test_what_was_bought_is_not_recommended_again_for_a_while(
    ids: dict[str, int], now: datetime
) -> None:
    lately, long_ago = shopping.people(
        [[("cup", 1), ("tea", 30)], [("cup", 1), ("tea", pasts.NOT_AGAIN_DAYS + 1)]], now=now
    )

    assert "tea" not in names(lately, now)
    assert "tea" in names(long_ago, now)


def test_what_was_given_back_was_not_bought(ids: dict[str, int], now: datetime) -> None:
    (reader,) = shopping.people([[("cup", 9)]], now=now)
    shopping.give_back(reader, ("cup", 2), now=now)

    assert names(reader, now) == list(reversed(NAMES))


def test_a_stranger_gets_the_bestsellers(ids: dict[str, int], now: datetime) -> None:
    (stranger,) = shopping.people([[]], now=now)

    found = recommendations.recommend_many(customer_ids=[stranger], now=now, count=2)

    assert [one.because for one in found[stranger]] == [Because.BESTSELLER] * 2


def viewed(customer_id: int, sku: object, at: datetime, name: str = "product.viewed") -> None:
    new = events.NewEvent(customer_id, name, at, f"{customer_id}:{sku}:{name}", {"sku": sku})
    events.record(event=new, now=at)


def test_what_was_looked_at_leads_too_and_says_so(ids: dict[str, int], now: datetime) -> None:
    (reader,) = shopping.people([[]], now=now)
    viewed(reader, "cup", now - timedelta(days=1))
    viewed(reader, ["no", "sku"], now - timedelta(days=1))

    found = recommendations.recommend_many(customer_ids=[reader], now=now, count=1)[reader]

    assert found == [recommendations.Recommendation(ids["tea"], Because.VIEWED, ids["cup"])]


def test_the_cart_counts_for_more_than_a_look_and_old_looks_for_nothing(
    ids: dict[str, int], now: datetime
) -> None:
    reader, earlier = shopping.people([[], []], now=now)
    viewed(reader, "cup", now - timedelta(days=1))
    viewed(reader, "book", now - timedelta(days=1), "cart.product_added")
    viewed(earlier, "cup", now - timedelta(days=40))

    assert names(reader, now, 2) == ["pen", "tea"]
    assert names(earlier, now) == list(reversed(NAMES))


def test_what_went_off_sale_since_is_passed_over(ids: dict[str, int], now: datetime) -> None:
    (reader,) = shopping.people([[("cup", 1)]], now=now)
    Product.objects.filter(sku__in=["tea", "pen"]).update(is_active=False)

    assert names(reader, now) == ["pot", "book"]
    shown = recommendations.show_many(customer_ids=[reader], now=now)[reader]
    assert [one["sku"] for one in shown] == ["pot", "book"]


def test_without_a_run_nothing_is_recommended(now: datetime) -> None:
    shopping.products(NAMES, now=now)
    (reader,) = shopping.people([[("cup", 1)]], now=now)

    assert recommendations.show_many(customer_ids=[reader], now=now) == {reader: []}


def test_a_run_that_is_not_used_leaves_the_bestsellers_of_all(
    ids: dict[str, int], now: datetime
) -> None:
    (reader,) = shopping.people([[("cup", 1)]], now=now)
    TrainingRun.objects.update(state=RunState.NOT_USED)

    assert names(reader, now) == ["pen", "book", "pot", "tea"]


def test_another_run_is_taken_up_at_once(ids: dict[str, int], now: datetime) -> None:
    (reader,) = shopping.people([[("cup", 1)]], now=now)
    assert names(reader, now, 1) == ["tea"]
    TrainingRun.objects.update(state=RunState.REPLACED)
    run = TrainingRun.objects.create(
        kind=RunKind.RECOMMENDATIONS, state=RunState.USED, requested_at=now, finished_at=now
    )
    ProductNeighbour.objects.update(run=run)
    ProductNeighbour.objects.filter(other_id=ids["tea"]).delete()

    assert names(reader, now, 1) == ["pot"]


def test_who_reads_while_a_run_is_replaced_gets_the_whole_of_the_new_one(
    ids: dict[str, int], now: datetime
) -> None:
    before = shelves.stand(now=now)
    TrainingRun.objects.update(state=RunState.REPLACED)
    run = TrainingRun.objects.create(
        kind=RunKind.RECOMMENDATIONS, state=RunState.USED, requested_at=now, finished_at=now
    )
    ProductNeighbour.objects.filter(product_id=ids["cup"]).update(run=run)

    shelf = shelves.take(standing=before, seeds=[ids["cup"], ids["book"]], now=now)

    assert {product_id: list(near) for product_id, near in shelf.neighbours.items()} == {
        ids["cup"]: [ids["tea"], ids["pot"]]
    }


def test_a_product_that_was_deleted_meanwhile_is_asked_for_once(
    ids: dict[str, int], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = max(ids.values()) + 1
    standing = shelves.stand(now=now)
    looks = iter([standing, standing])
    monkeypatch.setattr(shelves, "stand", lambda *, now: next(looks))

    shelf = shelves.take(standing=standing, seeds=[gone], now=now)

    assert gone not in shelf.neighbours


def test_a_run_that_failed_changes_nothing(ids: dict[str, int], now: datetime) -> None:
    (reader,) = shopping.people([[("cup", 1)]], now=now)
    TrainingRun.objects.create(
        kind=RunKind.RECOMMENDATIONS,
        state=RunState.FAILED,
        requested_at=now,
        finished_at=now + timedelta(hours=1),
    )

    assert names(reader, now, 1) == ["tea"]


def test_a_batch_takes_few_statements_however_many_people(
    ids: dict[str, int], now: datetime
) -> None:
    readers = shopping.people(
        [[("cup", 1)], [("book", 1)], [], [("tea", 9), ("pen", 2)]] * 10, now=now
    )
    recommendations.show_many(customer_ids=readers, now=now)

    with CaptureQueriesContext(connection) as asked:
        found = recommendations.show_many(customer_ids=readers, now=now)

    assert len(asked) == 3
    assert len(found) == 40


def test_what_is_shown_is_the_same_object_for_everybody(ids: dict[str, int], now: datetime) -> None:
    one, other = shopping.people([[("cup", 1)], [("cup", 5)]], now=now)

    found = recommendations.show_many(customer_ids=[one, other], now=now)

    assert found[one][0] is found[other][0]
    assert found[one][0] == {
        "sku": "tea",
        "name": "tea of ours",
        "url": "https://shop.example/tea",
        "image_url": "",
        "category": "Tea",
        "price": 11.0,
        "currency": "EUR",
    }


def test_a_product_that_changed_is_shown_as_it_is_now(ids: dict[str, int], now: datetime) -> None:
    (reader,) = shopping.people([[("cup", 1)]], now=now)
    before = recommendations.show_many(customer_ids=[reader], now=now)[reader][0]
    Product.objects.filter(sku="tea").update(price=5)

    after = recommendations.show_many(customer_ids=[reader], now=now)[reader][0]

    assert (before["price"], after["price"]) == (11.0, 5.0)


def test_two_who_become_one_are_recommended_to_as_one(ids: dict[str, int], now: datetime) -> None:
    kept, merged = shopping.people([[("cup", 1)], [("tea", 1)]], now=now)
    customers.merge(kept_id=kept, merged_id=merged, cause="staff", reason="", by=None, now=now)

    found = recommendations.recommend_many(customer_ids=[kept], now=now)[kept]

    assert found[0] == recommendations.Recommendation(ids["pot"], Because.BOUGHT, ids["tea"])


def test_who_was_forgotten_leaves_no_trace_in_what_was_learnt(
    ids: dict[str, int], now: datetime
) -> None:
    (reader,) = shopping.people([[("cup", 1)]], now=now)
    before = list(ProductNeighbour.objects.values_list("product_id", "other_id", "weight"))
    Customer.objects.filter(pk=reader).delete()

    assert recommendations.show_many(customer_ids=[reader], now=now)[reader][0]["sku"] == "pen"
    assert list(ProductNeighbour.objects.values_list("product_id", "other_id", "weight")) == before
    holders = {field.name for field in (*ProductNeighbour._meta.fields, *Bestseller._meta.fields)}
    assert not {"customer", "person"} & holders
