"""What some did on the site lately, step by step: pages, searches, carts, checkouts."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from crm.events import NewEvent

from .catalogue import Catalogue
from .people import Shopper

EVERY = 12
DAYS = 21
SEARCHES = ("teapot", "green tea", "candle", "gift", "blanket", "notebook")
Step = tuple[str, dict[str, Any]]


def walk(
    *, shoppers: list[Shopper], ids: list[int], shop: Catalogue, now: datetime
) -> list[NewEvent]:
    """A visit of every twelfth customer within three weeks; the further, the fewer go on."""
    told = []
    for nth, (shopper, customer_id) in enumerate(zip(shoppers, ids, strict=True)):
        if nth % EVERY:
            continue
        began = now - timedelta(hours=1 + nth * 37 % (24 * DAYS))
        if began < shopper.joined_at:
            continue
        for step, (name, properties) in enumerate(_steps(nth, shop, shopper)):
            at = began + timedelta(seconds=70 * step)
            key = f"demo:session:{shopper.person.external_id}:{step}"
            told.append(NewEvent(customer_id, name, at, key, properties))
    return told


def _steps(nth: int, shop: Catalogue, shopper: Shopper) -> Iterator[Step]:
    skus = shop.by_taste[shopper.taste]
    sku = skus[nth % len(skus)]
    product = {"sku": sku, "category": shop.categories[sku]}
    yield "page.viewed", {"name": "Home", "path": "/"}
    yield "product.searched", {"query": SEARCHES[nth % len(SEARCHES)]}
    yield "product.list_viewed", {"category": shop.categories[sku]}
    if nth % 3 == 0:
        yield "cart.product_added", {**product, "quantity": 1}
        yield "cart.viewed", {"items": 1}
    if nth % 4 == 0:
        yield "coupon.applied", {"coupon": "SPRING10"}
        yield "checkout.started", {"items": 1}
    if nth % 5 == 0:
        yield "wishlist.product_added", product
