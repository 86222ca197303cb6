"""Segment's e-commerce events in our words, and the products and orders that follow from them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import Any, Final

from django.conf import settings

from crm import orders, products
from crm.choices import OrderState
from crm.models import Order, Product

COMPLETED: Final = "checkout.order_completed"
UPDATED: Final = "checkout.order_updated"
REFUNDED: Final = "checkout.order_refunded"
CANCELLED: Final = "checkout.order_cancelled"
# Their names in small letters, and ours.
NAMES: Final = {
    "products searched": "product.searched",
    "product list viewed": "product.list_viewed",
    "product list filtered": "product.list_filtered",
    "product clicked": "product.clicked",
    "product viewed": "product.viewed",
    "product shared": "product.shared",
    "product reviewed": "product.reviewed",
    "promotion viewed": "promotion.viewed",
    "promotion clicked": "promotion.clicked",
    "product added": "cart.product_added",
    "product removed": "cart.product_removed",
    "cart viewed": "cart.viewed",
    "cart shared": "cart.shared",
    "checkout started": "checkout.started",
    "checkout step viewed": "checkout.step_viewed",
    "checkout step completed": "checkout.step_completed",
    "payment info entered": "checkout.payment_entered",
    "coupon entered": "coupon.entered",
    "coupon applied": "coupon.applied",
    "coupon denied": "coupon.denied",
    "coupon removed": "coupon.removed",
    "product added to wishlist": "wishlist.product_added",
    "product removed from wishlist": "wishlist.product_removed",
    "wishlist product added to cart": "wishlist.product_moved_to_cart",
    "order completed": COMPLETED,
    "order updated": UPDATED,
    "order refunded": REFUNDED,
    "order cancelled": CANCELLED,
    "order canceled": CANCELLED,
}
# Those that say more than that they happened.
ABOUT_ORDERS: Final = frozenset({COMPLETED, UPDATED, REFUNDED, CANCELLED})
TELLING: Final = ABOUT_ORDERS | {
    *("product.viewed", "product.clicked", "product.list_viewed"),
    *("cart.product_added", "cart.viewed", "checkout.started"),
}
_LONGEST_SKU = 100
_PRODUCT = tuple(field.name for field in fields(products.NewProduct))
_LARGEST_AMOUNT = Decimal(10) ** 9
_CENT = Decimal("0.01")


class NotAnOrder(ValueError):  # noqa: N818 - it says what the event is not
    """An event about an order does not say which, or speaks of one that is not known."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One e-commerce event that has just been recorded."""

    customer_id: int
    name: str
    occurred_at: datetime
    key: str
    properties: Mapping[str, Any]


def tidied(*, name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties with `sku` where the shop only gave a product_id."""
    found = dict(properties)
    if name.startswith(("product.", "cart.", "wishlist.")) and (sku := _sku(properties)):
        found["sku"] = sku
    return found


def take_in(*, deeds: Sequence[Deed], now: datetime) -> None:
    """Make products and orders of what was told, in the order it was told."""
    _record_products(deeds, now)
    for name, told in groupby(deeds, key=lambda deed: deed.name):
        if take := _ORDERS.get(name):
            take(list(told), now)


# --- Products -----------------------------------------------------------------------------------


def _record_products(deeds: Iterable[Deed], now: datetime) -> None:
    """Add the unknown and renew the changed: a view of what is known writes nothing."""
    told: dict[str, tuple[Mapping[str, Any], Deed]] = {}
    for deed in deeds:
        if deed.name not in {REFUNDED, CANCELLED}:
            told.update({_sku(item): (item, deed) for item in _items(deed.properties)})
    told.pop("", None)
    known = _known(list(told))
    new = (_product(sku, item, known.get(sku), deed, now) for sku, (item, deed) in told.items())
    if changed := [product for product in new if product is not None]:
        products.record_products(products=changed, now=now)


def _known(skus: Sequence[str]) -> dict[str, products.NewProduct]:
    found = Product.objects.filter(sku__in=skus).values_list(*_PRODUCT)
    return {row[0]: products.NewProduct(*row) for row in found}


def _product(
    sku: str,
    item: Mapping[str, Any],
    before: products.NewProduct | None,
    deed: Deed,
    now: datetime,
) -> products.NewProduct | None:
    name, price = _text(item.get("name"), 255), _amount(item.get("price"))
    is_ordered = deed.name in {COMPLETED, UPDATED}
    if before is None and not (name and price is not None) and not is_ordered:
        return None
    said: dict[str, Any] = {
        "name": name,
        "price": price,
        "currency": _currency(item, deed) if price is not None else None,
        "category": _text(item.get("category"), 150),
        "brand": _text(item.get("brand"), 150),
        "url": _text(item.get("url"), 500),
        "image_url": _text(item.get("image_url"), 500),
    }
    if before is None:
        before = products.NewProduct(sku, sku, Decimal(0), settings.SHOP_CURRENCY, created_at=now)
        return replace(before, **{word: value for word, value in said.items() if value})
    # What an order says a piece cost may be a bargain: it is the price only of a new product.
    if is_ordered:
        said["price"] = said["currency"] = None
    changed = {
        word: value for word, value in said.items() if value and value != getattr(before, word)
    }
    return replace(before, **changed) if changed else None


# --- Orders -------------------------------------------------------------------------------------


def _complete(deeds: Sequence[Deed], now: datetime) -> None:
    """An order that is known already stays as it is: browser and shop may both tell of it."""
    first = {_number(deed): deed for deed in reversed(deeds)}
    known = set(Order.objects.filter(number__in=first).values_list("number", flat=True))
    new = [_order(deed, deed.occurred_at) for number, deed in first.items() if number not in known]
    orders.record_many(orders=new, now=now)


def _update(deeds: Sequence[Deed], now: datetime) -> None:
    """What is cancelled or refunded stays so; the moment of the order stays what it was."""
    latest = {_number(deed): deed for deed in deeds}
    known = {order.number: order for order in Order.objects.filter(number__in=latest)}
    changed = [
        _order(deed, known[number].placed_at if number in known else deed.occurred_at)
        for number, deed in latest.items()
        if number not in known or known[number].state == OrderState.PLACED
    ]
    orders.record_many(orders=changed, now=now)


def _refund(deeds: Sequence[Deed], now: datetime) -> None:
    _check_known(deeds)
    refunds = [
        orders.Refund(
            number=_number(deed),
            refunded_at=deed.occurred_at,
            key=deed.key,
            amount=_total(deed.properties),
            returned=_returned(deed.properties),
        )
        for deed in deeds
    ]
    orders.refund_many(refunds=refunds, now=now)


def _cancel(deeds: Sequence[Deed], now: datetime) -> None:
    _check_known(deeds)
    for deed in deeds:
        orders.cancel_many(numbers=[_number(deed)], cancelled_at=deed.occurred_at, now=now)


_ORDERS: Final[Mapping[str, Callable[[Sequence[Deed], datetime], None]]] = {
    COMPLETED: _complete,
    UPDATED: _update,
    REFUNDED: _refund,
    CANCELLED: _cancel,
}


def _check_known(deeds: Sequence[Deed]) -> None:
    numbers = {_number(deed) for deed in deeds}
    known = set(Order.objects.filter(number__in=numbers).values_list("number", flat=True))
    if missing := sorted(numbers - known):
        raise NotAnOrder(f"The order {missing[0]!r} is not known.")


def _order(deed: Deed, placed_at: datetime) -> orders.NewOrder:
    return orders.NewOrder(
        number=_number(deed),
        customer_id=deed.customer_id,
        placed_at=placed_at,
        currency=_currency({}, deed),
        lines=tuple(
            orders.NewLine(sku, _quantity(item), _amount(item.get("price")) or Decimal(0))
            for item in _items(deed.properties)
            if (sku := _sku(item))
        ),
        stated_total=_total(deed.properties),
    )


def _returned(properties: Mapping[str, Any]) -> tuple[orders.Returned, ...]:
    return tuple(
        orders.Returned(sku, _quantity(item), _amount(item.get("price")))
        for item in _items(properties)
        if (sku := _sku(item))
    )


def _number(deed: Deed) -> str:
    told = deed.properties
    number = _text(told.get("order_id", told.get("orderId")), 101)
    if not 0 < len(number) <= 100:
        raise NotAnOrder("An event about an order needs an order_id of at most 100 characters.")
    return number


# --- Reading properties -------------------------------------------------------------------------


def _items(properties: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The products of a list, or the one that the event itself describes."""
    listed = properties.get("products")
    if not isinstance(listed, list):
        return [properties] if "order_id" not in properties else []
    return [item for item in listed if isinstance(item, dict)]


def _sku(item: Mapping[str, Any]) -> str:
    return _text(item.get("sku"), _LONGEST_SKU) or _text(item.get("product_id"), _LONGEST_SKU)


def _quantity(item: Mapping[str, Any]) -> int:
    quantity = _amount(item.get("quantity"))
    return 1 if quantity is None else min(max(int(quantity), -1_000_000), 1_000_000)


def _total(properties: Mapping[str, Any]) -> Decimal | None:
    amounts = (_amount(properties.get(word)) for word in ("total", "revenue", "value"))
    return next((amount for amount in amounts if amount is not None), None)


def _currency(item: Mapping[str, Any], deed: Deed) -> str:
    told = _text(item.get("currency"), 4) or _text(deed.properties.get("currency"), 4)
    is_code = len(told) == 3 and told.isascii() and told.isalpha()
    return told.upper() if is_code else str(settings.SHOP_CURRENCY)


def _text(value: Any, longest: int) -> str:
    is_plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value).strip()[:longest] if is_plain else ""


def _amount(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        amount = Decimal(str(value).strip())
        is_usable = amount.is_finite() and abs(amount) < _LARGEST_AMOUNT
        return amount.quantize(_CENT) if is_usable else None
    except InvalidOperation:
        return None
