"""Variables: what templates may know about a customer, as plain data, gathered for many at once."""

import json
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from difflib import get_close_matches
from itertools import chain
from typing import Any

from django.conf import settings
from django.db import connection

from crm import accounts
from crm.arrays import numbers
from crm.channels.mime import parse_address
from crm.choices import Channel
from crm.extensions import template_variables
from crm.models import Customer, veil
from crm.models.customer import written_name
from crm.rendering import PROVIDED_VARIABLES, Plain, check_plain, share

_FACTS = (
    "first_name",
    "last_name",
    "email",
    "phone",
    "country",
    "city",
    "language",
    "time_zone",
)
_MASKED = frozenset({*_FACTS, "attributes"})
_SHOWN = ("sku", "name", "url", "image_url", "category")

_PEOPLE = """
    SELECT c.id, c.first_name, c.last_name, c.email, c.phone, c.country, c.city, c.language,
           c.time_zone, c.attributes, coalesce(s.orders, 0), coalesce(s.revenue, 0)::float8
    FROM crm_customer c LEFT JOIN crm_orderstatistics s ON s.customer_id = c.id
    WHERE c.id = ANY(%s::bigint[])
"""
_LAST_ORDERS = """
    SELECT asked.id, o.number, o.placed_at AT TIME ZONE 'UTC', o.total::float8, o.currency,
           lines.products, lines.quantities, lines.prices
    FROM unnest(%s::bigint[]) AS asked (id)
    CROSS JOIN LATERAL (
        SELECT id, number, placed_at, total, currency FROM crm_order
        WHERE customer_id = asked.id AND state = 'placed'
        ORDER BY placed_at DESC, id DESC LIMIT 1
    ) AS o
    CROSS JOIN LATERAL (
        SELECT array_agg(product_id) AS products, array_agg(quantity) AS quantities,
               array_agg(unit_price::float8) AS prices
        FROM (SELECT product_id, quantity, unit_price FROM crm_orderline
              WHERE order_id = o.id AND quantity > 0 ORDER BY id) AS line
    ) AS lines
"""
_PRODUCTS = """
    SELECT id, sku, name, url, image_url, category FROM crm_product
    WHERE id = ANY(%s::bigint[])
"""
# What templates may name; under None lies a value, a list, or what differs from shop to shop.
_LAST: dict[str, Any] = dict.fromkeys(("number", "date", "total", "currency", "products"))
_DECLARED: dict[str, Any] = {
    "customer": dict.fromkeys((*_FACTS, "id", "full_name", "attributes")),
    "orders": {"count": None, "revenue": None, "last": _LAST},
    "shop": dict.fromkeys(("name", "url", "currency")),
    "currency": None,
    **dict.fromkeys(PROVIDED_VARIABLES),
}
_METHODS = frozenset({"get", "items", "keys", "values"})
# Products as orders show them: the same for everybody who bought them at that price.
_MAX_SHOWN = 20_000
_shown: dict[tuple[Any, ...], dict[str, Any]] = {}

_Line = tuple[int, int, float]


def gather_many(
    *, customer_ids: Collection[int], now: datetime, wanted: Collection[str] | None = None
) -> dict[int, dict[str, Any]]:
    """Give each customer's variables; who does not exist is not in the answer.

    `wanted` names the paths that will be read (`orders.last`); what is not among them is not
    asked of the database. Products are shared between customers and must not be changed.
    """
    ids = list(customer_ids)
    last = _last_orders(ids) if _is_wanted("orders.last", wanted) else {}
    with_name = _is_wanted("customer.full_name", wanted)
    same = {"shop": shop(), "currency": settings.SHOP_CURRENCY}
    masks = {name: mask for name, mask in Customer.VEILED.items() if name in _MASKED}
    decode, is_veiled = json.JSONDecoder().raw_decode, veil.is_drawn()
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, [numbers(of=ids)])
        rows = cursor.fetchall()
    # Columns and JSON are plain as they come. Each is named here: a person put together from names
    # and values takes twice as long.
    gathered: dict[int, dict[str, Any]] = {}
    for row in rows:
        key, first, family, email, phone, country, city, language, zone, more, count, revenue = row
        person = {
            "first_name": first,
            "last_name": family,
            "email": email,
            "phone": phone,
            "country": country,
            "city": city,
            "language": language,
            "time_zone": zone,
            "id": key,
            "attributes": decode(more)[0],
        }
        if is_veiled:
            person |= {name: mask(person[name]) for name, mask in masks.items()}
        if with_name:
            names = (person["first_name"], person["last_name"])
            person["full_name"] = written_name(*names, language=person["language"])
        known = gathered[key] = Plain(same)
        known["customer"] = person
        known["orders"] = {"count": count, "revenue": revenue, "last": last.get(key)}
        known["language"], known["timezone"] = person["language"], person["time_zone"]
    _provide(gathered, ids, now, wanted)
    return gathered


def _provide(
    gathered: dict[int, dict[str, Any]],
    ids: list[int],
    now: datetime,
    wanted: Collection[str] | None,
) -> None:
    """Add what apps above know about each."""
    for name in template_variables.names():
        if _is_wanted(name, wanted):
            provided = template_variables.get(name)(customer_ids=ids, now=now)
            check_plain(provided)
            for customer_id, variables in gathered.items():
                variables[name] = provided.get(customer_id)


def _is_wanted(path: str, wanted: Collection[str] | None) -> bool:
    """Whether a path, something in it or something around it is among those wanted."""
    if wanted is None:
        return True
    return any(f"{path}.".startswith(f"{one}.") or one.startswith(f"{path}.") for one in wanted)


def undeclared(*, paths: Collection[str]) -> dict[str, str]:
    """Those of the paths that no customer has, each with the declared one that is most like it."""
    declared = _DECLARED | dict.fromkeys(template_variables.names())
    known = list(_paths(declared))
    wrong = sorted(path for path in paths if not _is_declared(path, declared))
    alike = {path: get_close_matches(path, known, n=1) for path in wrong}
    return {path: found[0] if found else "" for path, found in alike.items()}


def _is_declared(path: str, declared: dict[str, Any]) -> bool:
    inner: dict[str, Any] | None = declared
    for name in path.split("."):
        if inner is None or (inner is not declared and name in _METHODS):
            return True
        if name not in inner:
            return False
        inner = inner[name]
    return True


def _paths(declared: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, inner in declared.items():
        yield f"{prefix}{name}"
        yield from _paths(inner or {}, f"{prefix}{name}.")


def shop() -> dict[str, Any]:
    """What templates know about us."""
    mailbox = parse_address(accounts.sender(channel=Channel.EMAIL))
    return {
        "name": mailbox.name or mailbox.address.rpartition("@")[2],
        "url": settings.PUBLIC_URL,
        "currency": settings.SHOP_CURRENCY,
    }


def _last_orders(ids: list[int]) -> dict[int, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(_LAST_ORDERS, [numbers(of=ids)])
        orders = cursor.fetchall()
        # Each line as (product, quantity, price); an order of returns alone has none.
        lines = [
            list(zip(products, quantities, prices, strict=True)) if products else []
            for *_, products, quantities, prices in orders
        ]
        shown = _products(cursor, set(chain.from_iterable(lines)))
    return {
        customer_id: {
            "number": number,
            # Without its zone a moment is read in a tenth of the time.
            "date": placed_at.replace(tzinfo=UTC),
            "total": total,
            "currency": currency,
            "products": [shown[line] for line in bought],
        }
        for (customer_id, number, placed_at, total, currency, *_), bought in zip(
            orders, lines, strict=True
        )
    }


def _products(cursor: Any, lines: Collection[_Line]) -> dict[_Line, dict[str, Any]]:
    """What is shown of every product that was bought so."""
    cursor.execute(_PRODUCTS, [numbers(of={product_id for product_id, *_ in lines})])
    facts = {row[0]: row[1:] for row in cursor.fetchall()}
    return {line: _show(facts[line[0]], *line[1:]) for line in lines}


def _show(facts: tuple[str, ...], quantity: int, price: float) -> dict[str, Any]:
    """One and the same object for the same facts, so that what it prints is printed once."""
    key = (facts, quantity, price)
    shown = _shown.get(key)
    if shown is None:
        if len(_shown) >= _MAX_SHOWN:
            _shown.clear()
        shown = dict(zip(_SHOWN, facts, strict=True), quantity=quantity, price=price)
        _shown[key] = share(shown)
    return shown
