"""Shops ask what a customer may like next, and are told why."""

from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from crm import customers, keys
from crm.choices import ApiScope
from marketing.choices import RunKind, RunState
from marketing.models import Bestseller, ProductNeighbour, TrainingRun
from tests.marketing.recommendations import shopping

pytestmark = pytest.mark.django_db


def shop(scope: str = ApiScope.READ) -> Client:
    cache.clear()
    secret = keys.create(name=f"Shop that may {scope}", scopes=[scope], now=timezone.now()).secret
    return Client(headers={"authorization": f"Bearer {secret}"})


def address(customer_id: int) -> str:
    return f"/api/v1/customers/{customer_id}/recommendations/"


@pytest.fixture
def reader() -> int:
    now = timezone.now()
    ids = shopping.products(["cup", "tea", "pot"], now=now)
    run = TrainingRun.objects.create(
        kind=RunKind.RECOMMENDATIONS,
        state=RunState.USED,
        as_of_date=now.date(),
        requested_at=now,
        finished_at=now,
    )
    ProductNeighbour.objects.create(
        run=run, product_id=ids["cup"], other_id=ids["tea"], rank=1, weight=0.5, support=9
    )
    Bestseller.objects.create(product_id=ids["pot"], rank=1, buyers=9, weight=3)
    return shopping.people([[("cup", 3)]], now=now)[0]


def test_each_product_comes_with_what_led_to_it(reader: int) -> None:
    answer = shop().get(address(reader))

    assert answer.status_code == 200
    told = [
        {name: one[name] for name in ("sku", "because", "led_by")}
        for one in answer.json()["results"]
    ]
    assert told == [
        {"sku": "tea", "because": "bought", "led_by": "cup"},
        {"sku": "pot", "because": "bestseller", "led_by": None},
    ]


def test_as_many_are_told_as_are_wanted(reader: int) -> None:
    client = shop()

    found = client.get(address(reader), {"limit": "1"}).json()["results"]

    assert [one["name"] for one in found] == ["tea of ours"]
    assert client.get(address(reader), {"limit": "21"}).status_code == 400
    assert client.get(address(reader), {"colour": "red"}).status_code == 400


def test_a_number_from_before_a_merge_still_leads_there(reader: int, now: datetime) -> None:
    (other,) = shopping.people([[]], now=now - timedelta(days=900))
    customers.merge(kept_id=reader, merged_id=other, cause="staff", reason="", by=None, now=now)

    found = shop().get(address(other)).json()["results"]

    assert found[0]["led_by"] == "cup"


def test_who_may_not_read_is_told_nothing(reader: int) -> None:
    assert shop(ApiScope.WRITE).get(address(reader)).status_code == 403
    assert Client().get(address(reader)).status_code == 401
    assert shop().get(address(2**40)).status_code == 404
