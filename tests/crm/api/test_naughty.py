"""Hostile and odd texts through every writable field: never a 5xx, and back as they came."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from crm.models import Customer, Product
from tests.crm.api.test_api import Shop

pytestmark = pytest.mark.django_db

CUSTOMER = ("first_name", "last_name", "city", "postcode", "street")
HANDLES = ("anonymous_id", "telegram_id", "whatsapp_id", "webchat_id")
FORMED = ("email", "phone", "country", "language", "time_zone", "created_at")
PRODUCT = ("name", "description", "category", "brand")


@pytest.fixture
def shop(settings: Any) -> Shop:
    """A shop with every scope and no limit."""
    settings.API_RATE = "100000000/min"
    cache.clear()
    return Shop()


@pytest.fixture
def texts(shared_corpora: Path) -> list[str]:
    """The naughty strings and every attack."""
    files = [shared_corpora / "naughty_strings" / "blns.json"]
    files += sorted((shared_corpora / "attack_payloads").glob("*.json"))
    found = [text for file in files for text in _strings(json.loads(file.read_text("utf-8")))]
    assert len(found) > 1_000
    return found


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for one in inner for text in _strings(one)]


def _storable(text: str) -> bool:
    return bool(text) and "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def test_facts_and_attributes_come_back_as_they_came(shop: Shop, texts: list[str]) -> None:
    kept = [text for text in texts if _storable(text)]
    people = [
        {"external_id": f"n-{number}", "attributes": {"note": text, text[:90]: "key"}}
        | {name: text[:20] for name in CUSTOMER}
        for number, text in enumerate(kept)
    ]

    ids: list[int] = []
    for start in range(0, len(people), 500):
        answer = shop.post("customers", {"customers": people[start : start + 500]})
        assert answer.status_code == 200, answer.content
        ids += answer.json()["ids"]

    known = Customer.objects.in_bulk(ids)
    for pk, person in zip(ids, people, strict=True):
        assert known[pk].attributes == person["attributes"]
        assert [getattr(known[pk], name) for name in CUSTOMER] == [
            str(person[name]).strip() for name in CUSTOMER
        ]
    shown = shop.get(f"customers/{ids[7]}").json()
    assert shown["attributes"] == people[7]["attributes"]


def test_products_come_back_as_they_came(shop: Shop, texts: list[str]) -> None:
    kept = [text[:100] for text in texts if _storable(text)]
    products = [
        {"sku": f"n-{number}", "price": 1, "currency": "EUR"} | dict.fromkeys(PRODUCT, text)
        for number, text in enumerate(kept)
    ]

    for start in range(0, len(products), 500):
        assert shop.post("products", {"products": products[start : start + 500]}).status_code == 200

    known = {product.sku: product for product in Product.objects.all()}
    for product in products:
        assert [getattr(known[product["sku"]], name) for name in PRODUCT] == [
            product[name] for name in PRODUCT
        ]


def test_no_text_in_any_field_breaks_the_api(shop: Shop, texts: list[str]) -> None:
    statuses: set[int] = set()

    for number, text in enumerate(texts[:: max(1, len(texts) // 60)]):
        person = {"external_id": f"b-{number}"}
        bodies: list[tuple[str, Any]] = [
            ("customers", {"customers": [{**person, **dict.fromkeys(HANDLES, text)}]}),
            *(("customers", {"customers": [{**person, name: text}]}) for name in FORMED),
            ("events", {"events": [_event(person, name=text)]}),
            ("events", {"events": [_event(person, key=text, properties={"a": text})]}),
            ("orders", {"orders": [_order(number=text, sku=text)]}),
            ("companies", {"companies": [{"key": text, "name": text, "domain": text}]}),
            ("consents", {"consents": [_decision(person, text)]}),
            ("suppressions", {"channel": "email", "address": text, "reason": "staff"}),
            ("suppressions/lift", {"channel": "sms", "address": text}),
            ("attributes", {"name": text, "label": text, "type": "text"}),
            ("webhooks", {"name": text, "url": text, "events": [text]}),
        ]
        for path, body in bodies:
            statuses.add(shop.post(path, body).status_code)

    assert statuses <= {200, 201, 204, 400, 404, 409, 422}


@pytest.mark.parametrize("text", ["a\\u0000b", "\\ud800", "\\udfff x"])
def test_what_cannot_be_stored_is_refused_with_a_reason(shop: Shop, text: str) -> None:
    for field in (*CUSTOMER, *HANDLES, "external_id"):
        body = f'{{"customers": [{{"external_id": "7", "{field}": "{text}"}}]}}'

        answer = shop.post("customers", body)

        assert answer.status_code == 400
        assert field in str(answer.json()["errors"])


def _event(person: dict[str, Any], **facts: Any) -> dict[str, Any]:
    moment = "2026-04-01T12:00:00Z"
    return {"customer": person, "name": "a.b", "occurred_at": moment, "key": "k", **facts}


def _order(*, number: str, sku: str) -> dict[str, Any]:
    line = {"sku": sku, "quantity": 1, "unit_price": 1}
    moment = "2026-04-01T12:00:00Z"
    return {"number": number, "placed_at": moment, "currency": "EUR", "lines": [line]}


def _decision(person: dict[str, Any], text: str) -> dict[str, Any]:
    return {
        "customer": person,
        "channel": "email",
        "purpose": "marketing",
        "state": "granted",
        "source": "api",
        "decided_at": "2026-04-01T12:00:00Z",
        "proof": {"text": text},
        "text_shown": text,
    }
