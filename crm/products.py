"""Products: add and renew them, and tell whom it concerns when one moves to another category."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from crm import changes
from crm.models import Product

# Who bought one of these products is asked for by its category or brand.
_BUYERS = """
    SELECT o.customer_id FROM crm_orderline l JOIN crm_order o ON o.id = l.order_id
    WHERE l.product_id = ANY(%s::bigint[]) AND o.customer_id IS NOT NULL
"""
_RENEWED = [
    "name",
    "description",
    "category",
    "brand",
    "price",
    "currency",
    "url",
    "image_url",
    "is_active",
]


@dataclass(frozen=True, slots=True)
class NewProduct:
    """A product as the shop describes it."""

    sku: str
    name: str
    price: Decimal
    currency: str
    description: str = ""
    category: str = ""
    brand: str = ""
    url: str = ""
    image_url: str = ""
    is_active: bool = True
    created_at: datetime | None = None


@transaction.atomic
def record_products(*, products: Sequence[NewProduct], now: datetime) -> dict[str, int]:
    """Add or renew products and give their ids by SKU."""
    latest = {product.sku: product for product in products}
    moved = _recategorised(latest)
    rows = Product.objects.bulk_create(
        [
            Product(
                sku=product.sku,
                name=product.name,
                description=product.description,
                category=product.category,
                brand=product.brand,
                price=product.price,
                currency=product.currency,
                url=product.url,
                image_url=product.image_url,
                is_active=product.is_active,
                created_at=product.created_at or now,
            )
            for _, product in sorted(latest.items())
        ],
        update_conflicts=True,
        unique_fields=["sku"],
        update_fields=_RENEWED,
        batch_size=2000,
    )
    if moved:
        note_moved(product_ids=moved, now=now)
    return {row.sku: row.pk for row in rows}


def note_moved(*, product_ids: Collection[int], now: datetime) -> None:
    """Tell whoever asks what people bought that products changed category or brand."""
    ids = list(product_ids)
    changes.note_selected(select=_BUYERS, params=[ids], subjects=(changes.ORDER,), now=now)


def _recategorised(latest: Mapping[str, NewProduct]) -> list[int]:
    """The known products that come with another category or brand than they had."""
    known = Product.objects.filter(sku__in=latest).values_list("pk", "sku", "category", "brand")
    return [
        pk
        for pk, sku, category, brand in known
        if (category, brand) != (latest[sku].category, latest[sku].brand)
    ]
