"""Staff see how recommendations stand, what is recommended and why, and set some by hand."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from crm.models import Customer, Product
from marketing import recommendations
from marketing.choices import RecommendationMode, RunKind, RunState
from marketing.models import Bestseller, ProductNeighbour, RecommendationOverride, TrainingRun
from tests.marketing.recommendations import shopping

PAGE = "admin:marketing_recommendationoverride_changelist"


@pytest.fixture
def ids(db: None, now: datetime) -> dict[str, int]:
    return shopping.products(["cup", "tea", "pot"], now=now)


@pytest.fixture
def run(ids: dict[str, int], now: datetime) -> TrainingRun:
    made = TrainingRun.objects.create(
        kind=RunKind.RECOMMENDATIONS,
        state=RunState.USED,
        rows=1234,
        metrics={"ndcg": 0.09, "hit_rate": 0.42},
        baseline={"ndcg": 0.06, "hit_rate": 0.345},
        parameters={"pairs": 2, "products": 3},
        as_of_date=now.date(),
        requested_at=now,
        finished_at=now,
    )
    ProductNeighbour.objects.create(
        run=made, product_id=ids["cup"], other_id=ids["tea"], rank=1, weight=0.25, support=17
    )
    Bestseller.objects.create(product_id=ids["pot"], rank=1, buyers=40, weight=9)
    return made


def text(client: Client, name: str, *args: Any) -> str:
    response = client.get(reverse(name, args=args))
    assert response.status_code == 200
    return response.content.decode()


def test_an_empty_shop_says_what_to_do(admin: Client, db: None) -> None:
    page = text(admin, PAGE)

    assert "Nothing has been learnt yet" in page
    assert "Learn now" in page


def test_the_run_in_use_is_told_in_words(admin: Client, run: TrainingRun) -> None:
    page = text(admin, PAGE)

    assert "42.0 % bought one of ten shown, 34.5 % one of ten bestsellers" in page
    assert "2 pairs of 3 products, learnt from what 1,234 customers bought." in page
    assert "pot of ours" in page
    told = text(admin, "admin:marketing_trainingrun_change", run.pk)
    assert "Share who bought one of the ten shown" in told


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RunState.NOT_USED, "did not foresee purchases better than the bestsellers"),
        (RunState.REFUSED, "There is not enough to learn from yet"),
        (RunState.FAILED, "What was learnt before stays in use."),
    ],
)
def test_what_is_recommended_instead_is_said(
    admin: Client, run: TrainingRun, state: str, words: str
) -> None:
    TrainingRun.objects.update(state=state)

    assert words in text(admin, PAGE)


def test_staff_ask_for_a_run_and_a_worker_is_rung(
    admin: Client, db: None, rung: list[object]
) -> None:
    admin.post(reverse("admin:marketing_recommendation_learn"))

    assert TrainingRun.objects.get().kind == RunKind.RECOMMENDATIONS
    assert rung == [("train_due",)]
    assert "A worker learns now" in text(admin, PAGE)


def test_a_product_is_set_by_hand_on_the_list_and_lifted_on_its_page(
    admin: Client, maria: User, ids: dict[str, int]
) -> None:
    added = admin.post(
        reverse("admin:marketing_recommendationoverride_add"),
        {"product": ids["tea"], "mode": "first", "reason": "New harvest"},
    )

    made = RecommendationOverride.objects.get()
    assert added.status_code == 302
    assert (made.product_id, made.mode, made.set_by) == (ids["tea"], "first", maria)
    assert "New harvest" in text(admin, PAGE)
    product_page = text(admin, "admin:crm_product_change", ids["tea"])
    assert "Among the first" in product_page
    assert "New harvest" in product_page
    admin.post(reverse("admin:marketing_recommendation_lift", args=[ids["tea"]]))
    made.refresh_from_db()
    assert made.lifted_by == maria
    assert "New harvest" not in text(admin, "admin:crm_product_change", ids["tea"])


def test_a_product_is_set_by_hand_on_its_page(admin: Client, ids: dict[str, int]) -> None:
    address = reverse("admin:marketing_recommendation_choose", args=[ids["cup"]])

    admin.post(address, {"mode": "never", "reason": "Sold badly"})
    admin.post(address, {"mode": "always", "reason": "x"})
    admin.post(address, {"mode": "first", "reason": ""})

    made = RecommendationOverride.objects.get()
    assert (made.mode, made.reason) == (RecommendationMode.NEVER, "Sold badly")


def test_the_page_of_a_product_says_what_goes_with_it(
    admin: Client, run: TrainingRun, ids: dict[str, int]
) -> None:
    page = text(admin, "admin:crm_product_change", ids["cup"])

    assert "tea of ours" in page
    assert "17" in page
    assert "Nothing is known to go with it" in text(admin, "admin:crm_product_change", ids["pot"])


def test_the_page_of_a_customer_says_what_is_recommended_and_why(
    admin: Client, run: TrainingRun, greta: Customer, now: datetime
) -> None:
    shopping.buy(greta.pk, ("cup", 2), now=now)

    page = text(admin, "admin:crm_customer_change", greta.pk)

    assert "tea of ours" in page
    assert "because “cup of ours” was bought" in page
    assert "Bestseller" in page


def test_the_page_of_a_customer_says_that_there_is_nothing_yet(
    admin: Client, greta: Customer
) -> None:
    assert "Nothing to recommend yet" in text(admin, "admin:crm_customer_change", greta.pk)


def test_bestsellers_can_be_looked_at(admin: Client, run: TrainingRun) -> None:
    page = text(admin, "admin:marketing_bestseller_changelist")

    assert "pot of ours" in page
    assert "9.0" in page


def test_who_lacks_the_right_changes_and_sees_nothing(
    newcomer: Client, ids: dict[str, int], rung: list[object]
) -> None:
    verbs = [
        reverse("admin:marketing_recommendation_learn"),
        reverse("admin:marketing_recommendation_choose", args=[ids["cup"]]),
        reverse("admin:marketing_recommendation_lift", args=[ids["cup"]]),
        reverse("admin:marketing_recommendationoverride_add"),
    ]

    answers = [newcomer.post(one, {"mode": "never", "reason": "x"}).status_code for one in verbs]

    assert answers == [403] * 4
    assert newcomer.get(reverse(PAGE)).status_code == 403
    assert newcomer.get(reverse("admin:marketing_bestseller_changelist")).status_code == 403
    assert not RecommendationOverride.objects.exists()
    assert not TrainingRun.objects.exists()
    assert rung == []


def test_who_may_not_see_orders_is_not_told_what_they_led_to(
    newcomer: Client, run: TrainingRun, greta: Customer, now: datetime
) -> None:
    shopping.buy(greta.pk, ("cup", 2), now=now)
    noah = User.objects.get(username="noah")
    noah.user_permissions.add(Permission.objects.get(codename="view_customer"))

    page = text(newcomer, "admin:crm_customer_change", greta.pk)

    assert "You may not see recommendations." in page
    assert "cup of ours” was bought" not in page


def test_a_lookup_only_member_of_staff_sees_no_buttons(
    newcomer: Client, run: TrainingRun, ids: dict[str, int], now: datetime
) -> None:
    noah = User.objects.get(username="noah")
    codes = ["view_product", "view_recommendationoverride"]
    noah.user_permissions.add(*Permission.objects.filter(codename__in=codes))
    recommendations.choose(
        product_id=ids["cup"],
        mode="never",
        reason="Old",
        by=None,
        now=now,
        expires_at=now + timedelta(days=3),
    )

    page = text(newcomer, "admin:crm_product_change", ids["cup"])

    assert "Old" in page
    assert "Recommend it by hand" not in page
    assert "Learn now" not in text(newcomer, PAGE)
    assert Product.objects.count() == 3
