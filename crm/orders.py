"""Orders: take them in, cancel, give back, and keep each customer's statistics true."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from crm import changes, companies, events
from crm.choices import OrderState
from crm.models import Event, Order, OrderLine, Product
from crm.signals import announce, orders_recorded


class UnknownProduct(LookupError):  # noqa: N818 - it names what is missing
    """An order names a product that has not been recorded."""


@dataclass(frozen=True, slots=True)
class NewLine:
    """One product in an order; a return has a negative quantity."""

    sku: str
    quantity: int
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as the shop reports it; the same number again replaces what was known."""

    number: str
    customer_id: int | None
    placed_at: datetime
    currency: str
    lines: tuple[NewLine, ...]
    state: str = OrderState.PLACED
    # What the shop says it comes to, where shipping, taxes or discounts are in it.
    stated_total: Decimal | None = None

    @property
    def total(self) -> Decimal:
        """What the shop says, or else what the lines come to."""
        if self.stated_total is not None:
            return self.stated_total
        return sum((line.quantity * line.unit_price for line in self.lines), Decimal(0))


@dataclass(frozen=True, slots=True)
class Returned:
    """Pieces that came back; without a price, at the one they were sold for."""

    sku: str
    quantity: int
    unit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back, all of it where neither amount nor pieces say less; once per key."""

    number: str
    refunded_at: datetime
    key: str
    amount: Decimal | None = None
    returned: tuple[Returned, ...] = ()


@transaction.atomic
def record_many(*, orders: Sequence[NewOrder], now: datetime) -> dict[str, int]:
    """Take orders in with their lines and give their ids by number.

    Locks the orders it renews, refreshes the statistics of every customer touched and records
    `order.placed` (and `order.cancelled`) on their timelines.
    """
    latest = {order.number: order for order in orders}
    if not latest:
        return {}
    product_ids = _product_ids({line.sku for order in latest.values() for line in order.lines})
    before = _lock(latest)
    ids = _upsert(latest.values())
    OrderLine.objects.filter(order_id__in=[ids[number] for number in before]).delete()
    _insert_lines(latest.values(), ids, product_ids)
    touched = {order.customer_id for order in latest.values()} | set(before.values())
    _finish([latest[number] for number in sorted(latest)], touched, now)
    return ids


@transaction.atomic
def cancel_many(*, numbers: Collection[str], cancelled_at: datetime, now: datetime) -> int:
    """Cancel placed orders: they leave the statistics, the timeline says so."""
    placed = Order.objects.filter(number__in=numbers, state=OrderState.PLACED)
    orders = list(placed.order_by("pk").select_for_update())
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(state=OrderState.CANCELLED)
    events.record_many(
        events=[
            events.NewEvent(
                customer_id=order.customer_id,
                name="order.cancelled",
                occurred_at=cancelled_at,
                key=_event_key(order.number, OrderState.CANCELLED),
                properties={"number": order.number, "total": float(order.total)},
            )
            for order in orders
            if order.customer_id is not None
        ],
        now=now,
    )
    _refresh({order.customer_id for order in orders}, now)
    return len(orders)


@transaction.atomic
def refund_many(*, refunds: Sequence[Refund], now: datetime) -> int:
    """Give back all or a part of placed orders: totals and statistics shrink, timelines say so.

    Locks the orders. A refund told twice counts once; a part of an order leaves it placed.
    """
    keys = [_refund_key(refund) for refund in refunds]
    told = set(Event.objects.filter(key__in=keys).values_list("key", flat=True))
    placed = Order.objects.filter(number__in={one.number for one in refunds}, state="placed")
    known = {
        order.number: order
        for order in placed.order_by("pk").select_for_update().prefetch_related("lines__product")
    }
    recorded = []
    for refund, key in zip(refunds, keys, strict=True):
        order = known.get(refund.number)
        if order is None or key in told or order.state != OrderState.PLACED:
            continue
        told.add(key)
        recorded.append((order, _give_back(order, refund), refund.refunded_at, key))
    Order.objects.bulk_update(known.values(), ["state", "total"])
    events.record_many(events=[_refunded(*one) for one in recorded if one[0].customer_id], now=now)
    _refresh({order.customer_id for order, *_ in recorded}, now)
    return len(recorded)


def refresh_statistics(*, customer_ids: Collection[int]) -> None:
    """Count the placed orders of these customers again, and what their companies come to."""
    ids = list(customer_ids)
    with transaction.atomic(), connection.cursor() as cursor:
        # A statement of its own: the count below must see what the lock waited for.
        cursor.execute(_LOCK_CUSTOMERS, [ids])
        cursor.execute(_REFRESH, [ids])
        # Who has none is told apart here: a join would compare each with each where the planner
        # thinks the tables empty.
        if gone := set(ids).difference(customer_id for (customer_id,) in cursor.fetchall()):
            cursor.execute(_DROP, [list(gone)])
        companies.refresh_statistics(customer_ids=ids)


_LOCK_CUSTOMERS = (
    "SELECT id FROM crm_customer WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE"
)

_REFRESH = """
    INSERT INTO crm_orderstatistics (customer_id, orders, revenue, first_order_at, last_order_at)
    SELECT o.customer_id, count(*), sum(o.total), min(o.placed_at), max(o.placed_at)
    FROM crm_order o
    WHERE o.customer_id = ANY(%s::bigint[]) AND o.state = 'placed' GROUP BY o.customer_id
    ON CONFLICT (customer_id) DO UPDATE SET
        orders = excluded.orders, revenue = excluded.revenue,
        first_order_at = excluded.first_order_at, last_order_at = excluded.last_order_at
    RETURNING customer_id
"""
_DROP = "DELETE FROM crm_orderstatistics WHERE customer_id = ANY(%s::bigint[])"

_UPSERT = """
    INSERT INTO crm_order (number, customer_id, state, placed_at, currency, total)
    SELECT number, customer_id, state, placed_at, currency, total
    FROM jsonb_to_recordset(%s) AS new (number text, customer_id bigint, state text,
        placed_at timestamptz, currency text, total numeric)
    ON CONFLICT (number) DO UPDATE SET
        customer_id = excluded.customer_id, state = excluded.state,
        placed_at = excluded.placed_at, currency = excluded.currency, total = excluded.total
    RETURNING number, id
"""

_INSERT_LINES = """
    INSERT INTO crm_orderline (order_id, product_id, quantity, unit_price)
    SELECT order_id, product_id, quantity, unit_price
    FROM json_to_recordset(%s) AS new (order_id bigint, product_id bigint, quantity int,
        unit_price numeric)
"""


def _product_ids(skus: set[str]) -> dict[str, int]:
    found = dict(Product.objects.filter(sku__in=skus).values_list("sku", "pk"))
    if missing := sorted(skus - set(found)):
        raise UnknownProduct(
            f"{len(missing)} products are not known, {missing[0]!r} among them; "
            "record the products before their orders."
        )
    return found


def _lock(numbers: Iterable[str]) -> dict[str, int | None]:
    """The orders that exist already, and whose they were."""
    known = Order.objects.filter(number__in=list(numbers)).order_by("pk").select_for_update()
    return dict(known.values_list("number", "customer_id"))


def _upsert(orders: Iterable[NewOrder]) -> dict[str, int]:
    rows = [
        {
            "number": order.number,
            "customer_id": order.customer_id,
            "state": order.state,
            "placed_at": order.placed_at,
            "currency": order.currency,
            "total": order.total,
        }
        for order in sorted(orders, key=lambda order: order.number)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [json.dumps(rows, cls=DjangoJSONEncoder)])
        return dict(cursor.fetchall())


def _insert_lines(
    orders: Iterable[NewOrder], ids: Mapping[str, int], product_ids: Mapping[str, int]
) -> None:
    rows = [
        {
            "order_id": ids[order.number],
            "product_id": product_ids[line.sku],
            "quantity": line.quantity,
            "unit_price": str(line.unit_price),
        }
        for order in orders
        for line in order.lines
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_LINES, [json.dumps(rows)])


def _finish(orders: Sequence[NewOrder], touched: set[int | None], now: datetime) -> None:
    known = [order for order in orders if order.customer_id is not None]
    placed = [_event(order, OrderState.PLACED) for order in known]
    cancelled = [
        _event(order, OrderState.CANCELLED)
        for order in known
        if order.state == OrderState.CANCELLED
    ]
    events.record_many(events=placed + cancelled, now=now)
    _refresh(touched, now)


def _refresh(customer_ids: set[int | None], now: datetime) -> None:
    known = sorted(customer_id for customer_id in customer_ids if customer_id is not None)
    if not known:
        return
    refresh_statistics(customer_ids=known)
    changes.note(customer_ids=known, subjects=(changes.ORDER,), now=now)
    announce(orders_recorded, sender=Order, customer_ids=known)


def _event(order: NewOrder, state: OrderState) -> events.NewEvent:
    properties: dict[str, Any] = {
        "number": order.number,
        "total": float(order.total),
        "currency": order.currency,
        "products": [line.sku for line in order.lines],
    }
    return events.NewEvent(
        customer_id=order.customer_id or 0,
        name=f"order.{state.value}",
        occurred_at=order.placed_at,
        key=_event_key(order.number, state),
        properties=properties,
    )


def _give_back(order: Order, refund: Refund) -> Decimal:
    """Take a refund off an order; gives the amount."""
    lines = [line for line in order.lines.all() if line.quantity > 0]
    sold = {line.product.sku: line for line in lines}
    back = [
        (sold[one.sku].product_id, one.quantity, _price(one, sold[one.sku].unit_price))
        for one in refund.returned
        if one.sku in sold
    ]
    worth = sum((quantity * price for _, quantity, price in back), Decimal(0))
    amount = refund.amount
    if amount is None or (back and amount >= order.total):
        is_all = sum(quantity for _, quantity, _ in back) >= sum(line.quantity for line in lines)
        amount = worth if back and not is_all else order.total
    if amount >= order.total:
        order.state = OrderState.REFUNDED
        return order.total
    order.total -= amount
    OrderLine.objects.bulk_create(
        OrderLine(order=order, product_id=product_id, quantity=-quantity, unit_price=price)
        for product_id, quantity, price in back
    )
    return amount


def _price(returned: Returned, sold_for: Decimal) -> Decimal:
    return sold_for if returned.unit_price is None else returned.unit_price


def _refunded(order: Order, amount: Decimal, refunded_at: datetime, key: str) -> events.NewEvent:
    return events.NewEvent(
        customer_id=order.customer_id or 0,
        name="order.refunded",
        occurred_at=refunded_at,
        key=key,
        properties={
            "number": order.number,
            "amount": float(amount),
            "currency": order.currency,
            "is_partial": order.state == OrderState.PLACED,
        },
    )


def _refund_key(refund: Refund) -> str:
    # The reporter's own key may be long.
    told = hashlib.sha256(refund.key.encode()).hexdigest()[:32]
    return f"{_event_key(refund.number, OrderState.REFUNDED)}:{told}"


def _event_key(number: str, state: OrderState) -> str:
    return f"order:{number}:{state.value}"
