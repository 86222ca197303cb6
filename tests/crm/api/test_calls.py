"""Calls that are repeated, limited, masked, and errors that all look alike."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from crm import calls, customers, keys
from crm.choices import ApiScope, MergeCause
from crm.models import ApiKey, Customer, IdempotentCall, Suppression, Webhook
from tests import making
from tests.crm.api.test_api import ADA, Shop

pytestmark = pytest.mark.django_db

BATCH = {"customers": [ADA]}


@pytest.fixture
def shop() -> Shop:
    """A shop with every scope."""
    cache.clear()
    return Shop()


def call(shop: Shop, method: str, path: str, data: Any = None, **headers: str) -> Any:
    """Call an address with headers."""
    return shop._client.generic(
        method, f"/api/v1/{path}", data or "", "application/json", headers=headers
    )


def post_once(shop: Shop, data: Any, key: str = "k-1", path: str = "customers") -> Any:
    return shop._client.post(
        f"/api/v1/{path}/", data, "application/json", headers={"idempotency-key": key}
    )


def test_a_repeated_call_gets_the_same_answer_and_does_nothing(shop: Shop) -> None:
    new = {"name": "Shop", "url": "http://127.0.0.1/", "events": ["*"]}
    product = {"products": [{"sku": "T", "name": "Tea", "price": 1, "currency": "EUR"}]}

    first, second = (post_once(shop, product, path="products") for _ in range(2))
    other = post_once(shop, new, path="products")

    assert first.json() == second.json()
    assert second["Idempotent-Replayed"] == "true"
    assert other.status_code == 422


def test_a_call_that_is_still_at_work_is_not_begun_again(shop: Shop, monkeypatch: Any) -> None:
    def busy(**_: Any) -> None:
        raise calls.StillRunning

    monkeypatch.setattr("crm.api.base.calls.begin", busy)

    assert post_once(shop, BATCH).status_code == 409
    assert not Customer.objects.exists()


def test_a_kept_answer_is_sealed_and_forgotten_after_a_day(shop: Shop) -> None:
    post_once(shop, {"customers": [{"email": "no address"}]})
    post_once(shop, BATCH, key="k-2")
    kept = str(list(IdempotentCall.objects.values()))

    forgotten = calls.forget_old(now=timezone.now() + calls.KEPT)

    assert "ids" not in kept
    assert forgotten == 2


def test_a_key_that_is_none_is_refused(shop: Shop) -> None:
    assert post_once(shop, BATCH, key="a b").status_code == 400


def test_a_reader_sees_personal_data_masked(now: Any) -> None:
    ada = making.subscriber(now=now, email="ada@shop.example", attributes={"vat": "GB1"})
    reader = Shop(ApiScope.READ)

    shown = reader.get(f"customers/{ada.pk}").json()

    text = str(shown)
    assert shown["email"] == "a•••@•••.example"
    assert not [word for word in ("ada@", "Lovelace", ada.phone, "GB1") if word in text]


def test_the_number_of_a_merged_customer_leads_to_who_they_are(shop: Shop, now: Any) -> None:
    kept, merged = making.customer(now=now), making.customer(now=now)
    customers.merge(
        kept_id=kept.pk, merged_id=merged.pk, cause=MergeCause.API, reason="", by=None, now=now
    )

    answer = shop.get(f"customers/{merged.pk}")

    assert answer.json()["id"] == kept.pk
    assert answer.json()["former_ids"] == [merged.pk]
    assert answer["Content-Location"] == f"/api/v1/customers/{kept.pk}/"


def test_customers_are_merged_and_parted_over_the_api(shop: Shop, now: Any) -> None:
    kept, merged = making.customer(now=now), making.customer(now=now)

    made = shop.post("merges", {"kept_id": kept.pk, "merged_id": merged.pk})
    again = shop.post("merges", {"kept_id": kept.pk, "merged_id": merged.pk})
    parted = call(shop, "DELETE", f"merges/{made.json()['id']}/")

    assert (made.status_code, again.status_code, parted.status_code) == (201, 409, 200)
    assert Customer.objects.count() == 2


def test_a_customer_is_changed_and_the_rest_stays(shop: Shop, now: Any) -> None:
    ada = making.customer(now=now, attributes={"plan": "gold", "old": 1})

    answer = call(
        shop, "PATCH", f"customers/{ada.pk}/", '{"city": "Leeds", "attributes": {"old": null}}'
    )

    ada.refresh_from_db()
    assert answer.status_code == 200
    assert (ada.city, ada.first_name, ada.attributes) == ("Leeds", "Ada", {"plan": "gold"})


def test_only_wanted_fields_are_shown(shop: Shop, now: Any) -> None:
    making.customer(now=now)

    (shown,) = shop.get("customers", fields="id,country").json()["results"]

    assert set(shown) == {"id", "country"}


def test_an_unknown_parameter_is_refused(shop: Shop) -> None:
    answer = shop.get("customers", emial="ada@shop.example")

    assert answer.status_code == 400
    assert "emial" in answer.json()["errors"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "nowhere/", 404), ("PUT", "customers/", 405), ("GET", "customers/0/", 404)],
)
def test_every_error_is_a_problem(shop: Shop, method: str, path: str, status: int) -> None:
    answer = call(shop, method, path)

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_other_media_types_are_neither_taken_nor_given(shop: Shop) -> None:
    taken = shop._client.post("/api/v1/customers/", "<a/>", "text/xml")
    given = shop._client.get("/api/v1/customers/", headers={"accept": "text/html"})

    assert (taken.status_code, given.status_code) == (415, 406)


def test_what_is_too_long_is_refused(shop: Shop, settings: Any) -> None:
    settings.API_MAX_BODY = 10

    assert shop.post("customers", BATCH).status_code == 413


def test_a_failure_tells_nothing(shop: Shop, monkeypatch: Any, caplog: Any) -> None:
    def fail(*, people: Any, **_: Any) -> None:
        raise RuntimeError(people[0].email.lower())

    monkeypatch.setattr("crm.customers.identify_many", fail)

    answer = shop.post("customers", BATCH)

    assert answer.status_code == 500
    assert b"ada@" not in answer.content
    assert "RuntimeError" in caplog.text
    assert "ada@" not in caplog.text


def test_a_key_has_a_rate_of_its_own_and_is_told(shop: Shop) -> None:
    ApiKey.objects.update(rate=2)

    first, _, third = (shop.get("customers") for _ in range(3))

    assert (first["RateLimit-Limit"], first["RateLimit-Remaining"]) == ("2", "1")
    assert third.status_code == 429
    assert 0 < int(third["Retry-After"]) <= 61


def test_an_expired_key_opens_nothing(shop: Shop) -> None:
    ApiKey.objects.update(expires_at=timezone.now())

    assert shop.get("customers").status_code == 401


def test_suppressions_come_back_as_hashes(shop: Shop) -> None:
    told = {"channel": "email", "address": "Ada@shop.example", "reason": "staff"}

    made = shop.post("suppressions", told)
    lifted = shop.post("suppressions/lift", {"channel": "email", "address": "ada@shop.example"})

    assert b"shop.example" not in made.content
    assert (made.status_code, lifted.status_code) == (201, 204)
    assert not Suppression.objects.exists()


def test_a_webhook_shows_its_secret_once(shop: Shop, settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    new = {"name": "Shop", "url": "http://127.0.0.1/", "events": ["*"]}

    made = shop.post("webhooks", new).json()
    shown = shop.get(f"webhooks/{made['id']}").json()

    assert made["secret"] == Webhook.objects.get().secrets
    assert "secret" not in shown
    assert shop.post("webhooks", new).status_code == 409


def test_staff_change_what_their_role_allows(client: Client) -> None:
    staff = User.objects.create_user("grace")
    staff.user_permissions.add(Permission.objects.get(codename="add_customer"))
    client.force_login(staff)

    assert client.post("/api/v1/customers/", BATCH, "application/json").status_code == 200
    assert client.post("/api/v1/products/", {}, "application/json").status_code == 403


def test_a_key_for_tracking_opens_nothing_here() -> None:
    tracker = Shop(ApiScope.TRACK)

    assert tracker.get("customers").status_code == 403
    assert keys.recognise(secret="", now=timezone.now()) is None
