"""What they did: orders with seasons, and the browsing that goes before and between them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from random import Random

from crm.choices import OrderState
from crm.events import NewEvent
from crm.orders import NewLine, NewOrder, Refund

from .catalogue import TASTES, Catalogue
from .people import Shopper

HEAVIEST = 3.2
# Monday to Sunday.
WEEKDAYS = (1.08, 1.0, 0.95, 0.95, 0.9, 1.0, 1.22)
# How much longer the pauses between visits grow when somebody has left.
AFTER_LEAVING = 2.2
VIEWS_KEPT = timedelta(days=560)
REFUND_EVERY, REFUNDED_WITHIN, REFUNDED_AFTER = 40, timedelta(days=180), timedelta(days=9)


@dataclass
class Diary:
    """Orders and events of everybody, ready to be recorded."""

    orders: list[NewOrder] = field(default_factory=list)
    events: list[NewEvent] = field(default_factory=list)


def live(
    *, drawn: Random, shoppers: list[Shopper], ids: list[int], shop: Catalogue, now: datetime
) -> Diary:
    """Let everybody live until now."""
    diary = Diary()
    for customer_id, shopper in zip(ids, shoppers, strict=True):
        _live_one(drawn, diary, shopper, customer_id, shop, now)
    diary.orders.sort(key=lambda order: order.placed_at)
    return diary


def refunds(*, diary: Diary, now: datetime) -> list[Refund]:
    """What was given back: every so manieth order lately, every third of these in full."""
    began, ended = now - REFUNDED_WITHIN, now - REFUNDED_AFTER
    lately = [one for one in diary.orders if began < one.placed_at < ended]
    chosen = [one for one in lately if one.state == OrderState.PLACED][REFUND_EVERY::REFUND_EVERY]
    return [
        Refund(
            order.number,
            order.placed_at + REFUNDED_AFTER,
            f"demo:{order.number}",
            amount=None if nth % 3 == 0 else order.lines[0].unit_price,
        )
        for nth, order in enumerate(chosen)
    ]


def _live_one(
    drawn: Random,
    diary: Diary,
    shopper: Shopper,
    customer_id: int,
    shop: Catalogue,
    now: datetime,
) -> None:
    end = min(now, shopper.leaves_at)
    for nth, at in enumerate(_order_moments(drawn, shopper, end)):
        order = _order(drawn, shopper, customer_id, nth, at, shop)
        diary.orders.append(order)
        _browse_before(drawn, diary, order, now, shop)
    _browse_between(drawn, diary, shopper, customer_id, shop, now)


def _order_moments(drawn: Random, shopper: Shopper, end: datetime) -> Iterator[datetime]:
    """The first order soon after joining, then a rhythm that the seasons thin out."""
    at = shopper.joined_at + timedelta(hours=drawn.expovariate(1 / 12))
    if at >= end or drawn.random() < 0.06:
        return
    yield _waking(drawn, shopper, at)
    # Drawn more often than wanted, because the season lets only some through.
    gap = shopper.rhythm.gap_days / HEAVIEST * 1.12
    while True:
        at += timedelta(days=drawn.gammavariate(1.6, gap / 1.6))
        if at >= end:
            return
        if drawn.random() < season(at.date(), shopper.place.country) / HEAVIEST:
            yield _waking(drawn, shopper, at)


@lru_cache(maxsize=10_000)
def season(day: date, country: str) -> float:
    """How busy a day is; 1 is an ordinary one."""
    weight = WEEKDAYS[day.weekday()]
    if day.month == 12 and day.day <= 21:
        weight *= 1.7
    elif day.month == 11 and day.day == 11:
        weight *= 2.9 if country == "CN" else 1.5
    elif day.month == 11 and day.day >= 23:
        weight *= 1.5
    elif day.month in (7, 8) or (day.month == 12 and day.day > 24):
        weight *= 0.75
    return min(weight, HEAVIEST)


def _waking(drawn: Random, shopper: Shopper, at: datetime) -> datetime:
    """The same day at an hour when people there are awake."""
    hour = min(23, max(7, int(drawn.gauss(16, 4)))) - shopper.place.hours_from_utc
    moment = at.replace(hour=0, minute=drawn.randrange(60), second=drawn.randrange(60))
    moved = moment + timedelta(hours=hour)
    return moved if moved <= at else at


def _order(
    drawn: Random, shopper: Shopper, customer_id: int, nth: int, at: datetime, shop: Catalogue
) -> NewOrder:
    size = 1 + min(7, int(drawn.expovariate(1 / shopper.rhythm.basket)))
    skus = {_choose(drawn, shopper.taste, shop) for _ in range(size)}
    lines = tuple(
        NewLine(sku, 1 + int(drawn.random() < 0.2) + int(drawn.random() < 0.05), shop.prices[sku])
        for sku in sorted(skus)
    )
    number = f"{shopper.person.external_id.removeprefix('shop-')}-{nth + 1:03d}"
    return NewOrder(
        number=f"R{number}",
        customer_id=customer_id,
        placed_at=at,
        currency=shop.products[0].currency,
        lines=lines,
        state=OrderState.CANCELLED if drawn.random() < 0.02 else OrderState.PLACED,
    )


def _choose(drawn: Random, taste: str, shop: Catalogue) -> str:
    """Mostly what one likes, and of that mostly the best sellers."""
    chosen = taste if drawn.random() < 0.82 else drawn.choice(TASTES)
    skus = shop.by_taste[chosen]
    return skus[int(len(skus) * drawn.random() ** 1.9)]


def _browse_before(
    drawn: Random, diary: Diary, order: NewOrder, now: datetime, shop: Catalogue
) -> None:
    if now - order.placed_at > VIEWS_KEPT:
        return
    for nth, line in enumerate(order.lines[:3]):
        at = order.placed_at - timedelta(minutes=drawn.expovariate(1 / 900) + 2)
        diary.events.append(_viewed(order.customer_id, line.sku, at, f"{order.number}:{nth}", shop))


def _browse_between(
    drawn: Random,
    diary: Diary,
    shopper: Shopper,
    customer_id: int,
    shop: Catalogue,
    now: datetime,
) -> None:
    """Who is still there looks around; who has left does so less, and that is a sign."""
    at = max(shopper.joined_at, now - VIEWS_KEPT)
    gap = 14 + min(shopper.rhythm.gap_days, 260) / 3.4
    nth = 0
    while True:
        slower = 1 if at < shopper.leaves_at else AFTER_LEAVING
        at += timedelta(days=drawn.expovariate(1 / (gap * slower)))
        if at >= now:
            return
        nth += 1
        sku = _choose(drawn, shopper.taste, shop)
        key = f"{shopper.person.external_id}:{nth}"
        diary.events.append(_viewed(customer_id, sku, at, key, shop))
        if drawn.random() < 0.09:
            name = "cart.left"
            later = min(at + timedelta(minutes=4), now)
            diary.events.append(
                NewEvent(customer_id, name, later, f"demo:cart:{key}", {"sku": sku, "items": 1})
            )


def _viewed(customer_id: int | None, sku: str, at: datetime, key: str, shop: Catalogue) -> NewEvent:
    properties = {"sku": sku, "category": shop.categories[sku]}
    return NewEvent(customer_id or 0, "product.viewed", at, f"demo:view:{key}", properties)
