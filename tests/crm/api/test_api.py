"""Shops tell us what happened, with a key, in batches, as often as they like."""

import json
from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from crm import keys
from crm.choices import ApiScope, Channel
from crm.models import ApiKey, Customer, Event, Order, Product
from tests import making

pytestmark = pytest.mark.django_db

ADA = {"external_id": "7", "email": "Ada@shop.example", "first_name": "Ada"}
ORDER = {
    "number": "A-1",
    "customer": ADA,
    "placed_at": "2026-04-01T12:00:00Z",
    "currency": "EUR",
    "lines": [{"sku": "TEA-1", "quantity": 2, "unit_price": "12.50"}],
}


class Shop:
    """A shop that calls us with a key."""

    def __init__(self, *scopes: str) -> None:
        new = keys.create(name="Shop", scopes=scopes or ApiScope.values, now=timezone.now())
        self.key = new.key
        self._client = Client(headers={"authorization": f"Bearer {new.secret}"})

    def post(self, path: str, data: Any) -> Any:
        return self._client.post(f"/api/v1/{path}/", data, content_type="application/json")

    def call(self, method: str, path: str, data: Any) -> Any:
        return self._client.generic(
            method, f"/api/v1/{path}/", json.dumps(data), content_type="application/json"
        )

    def get(self, path: str, **query: str) -> Any:
        return self._client.get(f"/api/v1/{path}/", query)


@pytest.fixture
def shop() -> Shop:
    """A shop with every scope."""
    cache.clear()
    return Shop()


def test_a_line_break_behind_an_address_does_no_harm(shop: Shop) -> None:
    answer = shop.post("customers", {"customers": [{"email": "ann@shop.example\n"}]})

    assert answer.status_code == 200, answer.content
    assert Customer.objects.get().email == "ann@shop.example"


def test_a_batch_of_people_becomes_customers(shop: Shop) -> None:
    response = shop.post("customers", {"customers": [ADA, {"phone": "+441134960001"}, ADA]})

    first, second, third = response.json()["ids"]
    assert response.status_code == 200
    assert first == third != second
    assert Customer.objects.get(pk=first).email == "ada@shop.example"


def test_a_customer_is_found_by_a_handle_and_shown_whole(shop: Shop, now: datetime) -> None:
    customer = making.subscriber(now=now, email="ada@shop.example")
    making.customer(now=now)

    (found,) = shop.get("customers", email="ADA@shop.example").json()["results"]
    whole = shop.get(f"customers/{found['id']}").json()

    assert found["id"] == customer.pk
    assert {consent["channel"] for consent in whole["consents"]} == set(Channel.values)
    assert {identity["kind"] for identity in whole["identities"]} == {"external", "email", "phone"}
    assert whole["order_statistics"] is None


def test_pages_follow_one_another(shop: Shop, now: datetime) -> None:
    ids = [making.customer(now=now).pk for _ in range(5)]

    first = shop.get("customers", limit="3").json()
    cursor = first["next"].partition("cursor=")[2].partition("&")[0]
    second = shop.get("customers", limit="3", cursor=cursor.replace("%3D", "=")).json()

    seen = [customer["id"] for page in (first, second) for customer in page["results"]]
    assert seen == sorted(ids, reverse=True)


def test_an_event_told_twice_is_recorded_once(shop: Shop) -> None:
    event = {
        "customer": {"anonymous_id": "browser-1"},
        "name": "product.viewed",
        "occurred_at": "2026-04-01T12:00:00Z",
        "key": "e-1",
        "properties": {"sku": "TEA-1"},
    }

    counts = [shop.post("events", {"events": [event]}).json()["recorded"] for _ in range(2)]

    assert counts == [1, 0]
    assert Event.objects.get().properties == {"sku": "TEA-1"}


def test_orders_come_in_after_their_products(shop: Shop) -> None:
    product = {"sku": "TEA-1", "name": "Tea", "price": "12.50", "currency": "EUR"}
    refused = shop.post("orders", {"orders": [ORDER]})

    shop.post("products", {"products": [product]})
    taken = shop.post("orders", {"orders": [ORDER]})

    assert (refused.status_code, taken.status_code) == (422, 200)
    assert "TEA-1" in refused.json()["detail"]
    assert Product.objects.get().name == "Tea"
    assert Order.objects.get().total == 25


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("customers", {"customers": [{"first_name": "Ada"}]}),
        ("customers", {"customers": [{"email": "no address"}]}),
        ("customers", {"customers": []}),
        ("customers", {"customers": [{"external_id": "a\x00b"}]}),
        ("customers", {"customers": [{"external_id": "7", "attributes": {"a": "\x00"}}]}),
        ("customers", '{"customers": [{"external_id": "7", "attributes": {"a": "\\ud800"}}]}'),
        ("customers", '{"customers": [{"external_id": "7", "attributes": {"a": 1e999}}]}'),
        ("customers", '{"customers": ' + "[" * 100_000),
        ("customers", "no json"),
        ("orders", {"orders": [{**ORDER, "lines": []}]}),
        ("events", {"events": [{"customer": ADA, "name": "Shouting", "key": "1"}]}),
    ],
)
def test_what_is_not_valid_is_told_as_a_problem(shop: Shop, path: str, data: Any) -> None:
    response = shop.post(path, data)

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == 400
    assert not Customer.objects.exists()


@pytest.mark.parametrize("name", ["message.opened", "consent.granted", "order.placed"])
def test_others_cannot_tell_what_only_we_record(shop: Shop, name: str) -> None:
    event = {"customer": ADA, "name": name, "occurred_at": "2026-04-01T12:00:00Z", "key": "1"}

    assert shop.post("events", {"events": [event]}).status_code == 400


def test_a_caller_without_a_key_is_turned_away(client: Client) -> None:
    for headers in ({}, {"authorization": "Bearer rk_guessed"}, {"authorization": "Bearer é"}):
        response = client.get("/api/v1/customers/", headers=headers)

        assert response.status_code == 401
        assert response["WWW-Authenticate"] == "Bearer"


def test_a_key_may_do_only_what_its_scopes_say() -> None:
    reader = Shop(ApiScope.READ)

    assert reader.get("customers").status_code == 200
    assert reader.post("customers", {"customers": [ADA]}).status_code == 403


def test_a_revoked_key_opens_nothing(shop: Shop) -> None:
    keys.revoke(key_id=shop.key.pk, now=timezone.now())

    assert shop.get("customers").status_code == 401


def test_the_use_of_a_key_is_noted(shop: Shop) -> None:
    shop.get("customers")

    assert ApiKey.objects.get().last_used_at is not None


def test_a_caller_that_calls_too_often_waits(shop: Shop, settings: object) -> None:
    settings.API_RATE = "2/min"  # type: ignore[attr-defined]

    statuses = [shop.get("customers").status_code for _ in range(3)]

    assert statuses == [200, 200, 429]


def test_a_shop_is_heard_while_calls_cannot_be_counted(shop: Shop, settings: Any) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "unix:///nowhere/valkey.sock",
        }
    }

    answer = shop.get("customers")

    assert answer.status_code == 200


def test_staff_who_may_see_customers_may_look(client: Client) -> None:
    staff = User.objects.create_user("grace")
    client.force_login(staff)
    assert client.get("/api/v1/customers/").status_code == 403

    staff.user_permissions.add(Permission.objects.get(codename="view_customer"))

    assert client.get("/api/v1/customers/").status_code == 200
    assert client.post("/api/v1/customers/", {}, "application/json").status_code == 403


def test_the_api_describes_itself(client: Client) -> None:
    assert b"/api/v1/customers/" in client.get("/api/v1/schema/").content
    assert client.get("/api/v1/docs/").status_code == 200


def test_a_key_is_made_by_a_command_and_shown_once(client: Client) -> None:
    said = StringIO()
    call_command("create_api_key", "Web shop", stdout=said, stderr=StringIO())
    secret = said.getvalue().strip()

    response = client.get("/api/v1/customers/", headers={"authorization": f"Bearer {secret}"})

    assert response.status_code == 200
    assert secret not in str(ApiKey.objects.values().get())
    with pytest.raises(CommandError, match="exists already"):
        call_command("create_api_key", "Web shop", stdout=StringIO(), stderr=StringIO())


def test_a_value_that_does_not_fit_its_attribute_is_refused_with_what_would(shop: Shop) -> None:
    shop.post("attributes", {"name": "shoe", "type": "number"})
    told = {"customers": [{"external_id": "7"}, {"external_id": "8", "attributes": {"shoe": "M"}}]}

    answer = shop.post("customers", told)
    batch = answer.json()["errors"]["customers"]
    person = shop.post("customers", {"customers": [{"external_id": "7"}]}).json()["ids"][0]
    changed = shop.call("PATCH", f"customers/{person}", {"attributes": {"shoe": "M"}})

    assert answer.status_code == changed.status_code == 400
    assert batch["1"]["attributes"]["shoe"] == ["A number is expected, such as 12.5."]
    assert changed.json()["errors"]["attributes"]["shoe"]
