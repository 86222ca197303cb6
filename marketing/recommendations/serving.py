"""Recommendations for many people at once, with the reason for each, and as templates see them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from functools import lru_cache
from itertools import chain
from typing import Any

from marketing.choices import Because

from . import pasts, shelves, showing
from .ranking import Past, Shelf, leaders, rank

MOST = 20


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A product, why it is recommended, and the product that led to it where one did."""

    product_id: int
    because: Because
    led_by_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Served:
    """What a batch comes to: products by customer, and what is shown of each product."""

    ranked: Mapping[int, Sequence[int]]
    pasts: Mapping[int, Past]
    shelf: Shelf
    shown: Mapping[int, dict[str, Any]]


def recommend_many(
    *, customer_ids: Collection[int], now: datetime, count: int = MOST
) -> dict[int, list[Recommendation]]:
    """The products for each customer, best first, each with its reason."""
    served = _serve(customer_ids, now, count)
    nothing, first = Past(), frozenset(served.shelf.first)
    return {
        customer_id: _reasons(ranked, served.pasts.get(customer_id, nothing), served.shelf, first)
        for customer_id, ranked in served.ranked.items()
    }


def show_many(*, customer_ids: Collection[int], now: datetime) -> dict[int, list[dict[str, Any]]]:
    """The template variable `recommended`: the products for each customer as plain data.

    Reasons differ from person to person and stay out, so that what is printed can be shared.
    """
    served = _serve(customer_ids, now, MOST)
    shown = served.shown
    return {
        customer_id: [shown[product_id] for product_id in ranked]
        for customer_id, ranked in served.ranked.items()
    }


def _serve(customer_ids: Collection[int], now: datetime, count: int) -> _Served:
    """Rank for a batch: three statements, and a fourth for products nobody was led by before.

    What went off sale since the run is noticed when it is shown, and whoever had it ranked anew.
    """
    standing = shelves.stand(now=now)
    learnt = standing.as_of_date or now.date()
    known = pasts.read(
        customer_ids=customer_ids, now=now, learnt_at=datetime.combine(learnt, time.max, UTC)
    )
    seeds = {product_id for past in known.values() for product_id, _ in past.seeds}
    shelf = shelves.take(standing=standing, seeds=seeds, now=now)
    nothing = Past()
    ranked = {
        one: rank(past=known.get(one, nothing), shelf=shelf, count=count) for one in customer_ids
    }
    shown: dict[int, dict[str, Any]] = {}
    while True:
        wanted = set(chain.from_iterable(ranked.values()))
        shown |= showing.read(product_ids=wanted - shown.keys())
        missing = wanted - shown.keys()
        if not missing:
            return _Served(ranked, known, shelf, shown)
        shelf = replace(shelf, never={*shelf.never, *missing})
        for one, products in ranked.items():
            if not missing.isdisjoint(products):
                ranked[one] = rank(past=known.get(one, nothing), shelf=shelf, count=count)


def _reasons(
    ranked: Sequence[int], past: Past, shelf: Shelf, first: Collection[int]
) -> list[Recommendation]:
    led = leaders(products=ranked, past=past, shelf=shelf)
    viewed = past.viewed
    found = []
    for product_id in ranked:
        leader = led.get(product_id)
        if product_id in first:
            found.append(_made(product_id, Because.CHOSEN, None))
        elif leader is None:
            found.append(_made(product_id, Because.BESTSELLER, None))
        else:
            because = Because.VIEWED if leader in viewed else Because.BOUGHT
            found.append(_made(product_id, because, leader))
    return found


# The same product for the same reason is recommended to many.
_made = lru_cache(maxsize=20_000)(Recommendation)
