"""Products as recommendations show them: the same plain object for everybody."""

from collections.abc import Collection
from typing import Any

from django.db import connection

from crm.arrays import numbers
from crm.rendering import share

FACTS = ("sku", "name", "url", "image_url", "category", "price", "currency")
_PRODUCTS = """
    SELECT id, is_active, sku, name, url, image_url, category, price::float8, currency
    FROM crm_product WHERE id = ANY(%s::bigint[])
"""
_MOST_SHOWN = 20_000
_shown: dict[tuple[Any, ...], dict[str, Any]] = {}


def read(*, product_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """What is shown of each product that is on sale."""
    if not product_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_PRODUCTS, [numbers(of=product_ids)])
        return {row[0]: _show(row[2:]) for row in cursor.fetchall() if row[1]}


def _show(facts: tuple[Any, ...]) -> dict[str, Any]:
    """One and the same object for the same facts, so that what it prints is printed once."""
    shown = _shown.get(facts)
    if shown is None:
        if len(_shown) >= _MOST_SHOWN:
            _shown.clear()
        shown = _shown[facts] = share(dict(zip(FACTS, facts, strict=True)))
    return shown
