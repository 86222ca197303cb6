"""Variables: what templates may know about a customer, as plain data, gathered for many at once."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from crm import accounts
from crm.channels.mime import parse_address
from crm.choices import Channel
from crm.extensions import template_variables
from crm.models import Customer, OrderStatistics

_LAST_ORDERS = """
    SELECT DISTINCT ON (o.customer_id) o.customer_id, o.id, o.number, o.placed_at, o.total,
           o.currency
    FROM crm_order o
    WHERE o.customer_id = ANY(%s) AND o.state = 'placed'
    ORDER BY o.customer_id, o.placed_at DESC, o.id DESC
"""
_PRODUCTS = """
    SELECT l.order_id, p.sku, p.name, p.url, p.image_url, p.category, l.quantity, l.unit_price
    FROM crm_orderline l JOIN crm_product p ON p.id = l.product_id
    WHERE l.order_id = ANY(%s) AND l.quantity > 0
    ORDER BY l.order_id, l.id
"""


def gather_many(*, customer_ids: Collection[int], now: datetime) -> dict[int, dict[str, Any]]:
    """Give each customer's variables; who does not exist is not in the answer."""
    ids = list(customer_ids)
    orders = _orders(ids)
    nothing = {"count": 0, "revenue": 0.0, "last": None}
    gathered: dict[int, dict[str, Any]] = {}
    for customer in Customer.objects.filter(pk__in=ids).order_by():
        gathered[customer.pk] = {
            "customer": _customer(customer),
            "orders": orders.get(customer.pk, nothing),
            "shop": shop(),
            "currency": settings.SHOP_CURRENCY,
            "language": customer.language,
            "timezone": customer.time_zone,
        }
    for name in template_variables.names():
        provided = template_variables.get(name)(customer_ids=ids, now=now)
        for customer_id, variables in gathered.items():
            variables[name] = provided.get(customer_id)
    return gathered


def shop() -> dict[str, Any]:
    """What templates know about us."""
    mailbox = parse_address(accounts.sender(channel=Channel.EMAIL))
    return {
        "name": mailbox.name or mailbox.address.rpartition("@")[2],
        "url": settings.PUBLIC_URL,
        "currency": settings.SHOP_CURRENCY,
    }


def _customer(customer: Customer) -> dict[str, Any]:
    return {
        "id": customer.pk,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "full_name": customer.full_name,
        "email": customer.email,
        "phone": customer.phone,
        "country": customer.country,
        "city": customer.city,
        "language": customer.language,
        "time_zone": customer.time_zone,
        "attributes": customer.attributes,
    }


def _orders(ids: list[int]) -> dict[int, dict[str, Any]]:
    last = _last_orders(ids)
    return {
        row.customer_id: {
            "count": row.orders,
            "revenue": float(row.revenue),
            "last": last.get(row.customer_id),
        }
        for row in OrderStatistics.objects.filter(customer_id__in=ids)
    }


def _last_orders(ids: list[int]) -> dict[int, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(_LAST_ORDERS, [ids])
        orders = cursor.fetchall()
        products = _products(cursor, [row[1] for row in orders])
    return {
        customer_id: {
            "number": number,
            "date": placed_at,
            "total": float(total),
            "currency": currency,
            "products": products.get(order_id, []),
        }
        for customer_id, order_id, number, placed_at, total, currency in orders
    }


def _products(cursor: Any, order_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    cursor.execute(_PRODUCTS, [order_ids])
    found: dict[int, list[dict[str, Any]]] = {}
    for order_id, sku, name, url, image_url, category, quantity, price in cursor.fetchall():
        product = {
            "sku": sku,
            "name": name,
            "url": url,
            "image_url": image_url,
            "category": category,
            "quantity": quantity,
            "price": float(price),
        }
        found.setdefault(order_id, []).append(product)
    return found
