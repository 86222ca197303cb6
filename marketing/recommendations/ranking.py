"""Which products come first for one person: pure reckoning on what was learnt; no database."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import chain
from operator import itemgetter

# A person's latest products that lead to others, and categories whose bestsellers fill up.
SEEDS = 60
FAVOURITES = 2

_by_score = itemgetter(1)


@dataclass(frozen=True, slots=True)
class Past:
    """What leads a person to other products: product ids, each with its weight, latest first.

    `owned` was bought too lately to be recommended again; `viewed` was not bought at all.
    """

    seeds: Sequence[tuple[int, float]] = ()
    owned: Collection[int] = frozenset()
    viewed: Collection[int] = frozenset()


@dataclass(slots=True)
class Shelf:
    """What recommendations are made from: neighbours, bestsellers, and what staff chose."""

    neighbours: dict[int, dict[int, float]] = field(default_factory=dict)
    categories: dict[int, str] = field(default_factory=dict)
    bestsellers: list[int] = field(default_factory=list)
    of_category: dict[str, list[int]] = field(default_factory=dict)
    first: Sequence[int] = ()
    never: Collection[int] = frozenset()


def rank(*, past: Past, shelf: Shelf, count: int) -> list[int]:
    """The products for one person, best first: chosen by staff, neighbours, bestsellers.

    A product's score is the sum over the seeds of their weight times its weight beside them. Of
    equal scores the one that a later seed leads to comes first: the answer is always the same.
    """
    scores: dict[int, float] = {}
    neighbours, known = shelf.neighbours, scores.get
    for product_id, weight in past.seeds:
        near = neighbours.get(product_id)
        if near is not None:
            for other_id, likeness in near.items():
                scores[other_id] = known(other_id, 0.0) + weight * likeness
    for gone in chain(past.owned, shelf.never, shelf.first):
        scores.pop(gone, None)
    found = [one for one in shelf.first if one not in past.owned and one not in shelf.never]
    found += sorted(scores, key=known, reverse=True)[:count]  # type: ignore[arg-type]
    if len(found) < count:
        _fill(found, _fillers(past, shelf), {*past.owned, *shelf.never}, count)
    return found[:count]


def leaders(*, products: Collection[int], past: Past, shelf: Shelf) -> dict[int, int]:
    """The seed that did most for each product to be recommended; bestsellers have none."""
    most: dict[int, float] = {}
    found = {}
    for seed_id, weight in past.seeds:
        near = shelf.neighbours.get(seed_id)
        if near is None:
            continue
        for product_id in products:
            likeness = near.get(product_id)
            if likeness is not None and weight * likeness > most.get(product_id, 0.0):
                most[product_id] = weight * likeness
                found[product_id] = seed_id
    return found


def _fill(found: list[int], fillers: Iterable[int], unwanted: set[int], count: int) -> None:
    taken = unwanted.union(found)
    for product_id in fillers:
        if len(found) >= count:
            return
        if product_id not in taken:
            taken.add(product_id)
            found.append(product_id)


def _fillers(past: Past, shelf: Shelf) -> Iterator[int]:
    """Bestsellers of the categories the person likes most, then of all."""
    likes: dict[str, float] = {}
    for product_id, weight in past.seeds:
        category = shelf.categories.get(product_id, "")
        if category in shelf.of_category:
            likes[category] = likes.get(category, 0.0) + weight
    for category, _ in nlargest(FAVOURITES, likes.items(), key=_by_score):
        yield from shelf.of_category[category]
    yield from shelf.bestsellers
