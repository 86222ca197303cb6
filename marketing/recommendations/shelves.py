"""What this process knows of the latest run, read piece by piece as it is asked for."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django.db import connection

from crm.arrays import numbers
from marketing.choices import RecommendationMode, RunKind, RunState

from .ranking import Shelf

# Products whose neighbours are kept in memory: about 2 kB each.
_MOST_KEPT = 8_000

_LATEST = f"""
    SELECT id, state = '{RunState.USED}', as_of_date FROM marketing_trainingrun
    WHERE kind = '{RunKind.RECOMMENDATIONS}' AND finished_at IS NOT NULL
      AND state <> '{RunState.FAILED}'
    ORDER BY finished_at DESC, id DESC LIMIT 1
"""  # noqa: S608 - made of constants
_BY_HAND = f"""
    SELECT array_agg(product_id ORDER BY created_at, id)
            FILTER (WHERE mode = '{RecommendationMode.FIRST}') AS first,
        array_agg(product_id) FILTER (WHERE mode = '{RecommendationMode.NEVER}') AS never
    FROM marketing_recommendationoverride
    WHERE lifted_at IS NULL AND (expires_at IS NULL OR expires_at > %s)
"""  # noqa: S608 - made of constants
_STANDING = f"""
    SELECT h.first, h.never, r.* FROM ({_BY_HAND}) AS h LEFT JOIN ({_LATEST}) AS r ON true
"""  # noqa: S608 - made of constants
_SEEDS = """
    SELECT p.id, p.category, n.others, n.weights
    FROM crm_product p LEFT JOIN LATERAL (
        SELECT array_agg(other_id ORDER BY rank) AS others,
            array_agg(weight ORDER BY rank) AS weights
        FROM marketing_productneighbour WHERE product_id = p.id AND run_id = %s
    ) AS n ON true
    WHERE p.id = ANY(%s::bigint[])
"""
_BESTSELLERS = """
    SELECT b.product_id, p.category FROM marketing_bestseller b
    JOIN crm_product p ON p.id = b.product_id ORDER BY b.rank
"""
_LEARNT_SEEDS = """
    SELECT p.id, p.category, n.others, n.weights
    FROM (SELECT DISTINCT product_id FROM recommendation_bought) AS b
    JOIN crm_product p ON p.id = b.product_id
    LEFT JOIN (
        SELECT product_id, array_agg(other_id ORDER BY rank) AS others,
            array_agg(weight ORDER BY rank) AS weights
        FROM recommendation_neighbour GROUP BY product_id
    ) AS n ON n.product_id = p.id
"""
_LEARNT_BESTSELLERS = """
    SELECT b.product_id, p.category FROM recommendation_bestseller b
    JOIN crm_product p ON p.id = b.product_id ORDER BY b.rank
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What staff set by hand, and the run that counts."""

    first: Sequence[int]
    never: frozenset[int]
    run_id: int | None
    is_used: bool
    as_of_date: date | None


@dataclass(slots=True)
class _Kept:
    """What was read of one run; threads that still hold an older one keep theirs."""

    run_id: int | None
    is_used: bool
    shelf: Shelf = field(default_factory=Shelf)
    has_bestsellers: bool = False

    def read(self, product_ids: Collection[int]) -> bool:
        """Read what is not known yet of these products; says whether that was anything."""
        is_new = not self.has_bestsellers and self.run_id is not None
        if is_new:
            # Categories beat the baseline as a part of what is used; without it they are not.
            _put_bestsellers(self.shelf, _rows(_BESTSELLERS), with_categories=self.is_used)
            self.has_bestsellers = True
        unknown = [one for one in product_ids if one not in self.shelf.categories]
        if not unknown or not self.is_used:
            return is_new
        _put_seeds(self.shelf, _rows(_SEEDS, self.run_id, numbers(of=unknown)))
        for one in unknown:
            # Deleted since it led somebody: to ask for it again and again would never end.
            self.shelf.categories.setdefault(one, "")
        return True


_kept: list[_Kept] = []


def stand(*, now: datetime) -> Standing:
    """The run that counts, and what staff set by hand as of now."""
    first, never, run_id, is_used, as_of_date = _rows(_STANDING, now)[0]
    return Standing(first or (), frozenset(never or ()), run_id, bool(is_used), as_of_date)


def take(*, standing: Standing, seeds: Collection[int], now: datetime) -> Shelf:
    """The shelf for people with these seeds, all of it from one run."""
    kept = _of_run(standing)
    while kept.read(seeds):
        # Whoever reads while a run is replaced begins again with the new one.
        standing = stand(now=now)
        kept = _of_run(standing)
    return replace(kept.shelf, first=standing.first, never=standing.never)


def learnt() -> Shelf:
    """The shelf of what was learnt in this transaction (`learning.learn`)."""
    shelf = Shelf()
    _put_bestsellers(shelf, _rows(_LEARNT_BESTSELLERS), with_categories=True)
    _put_seeds(shelf, _rows(_LEARNT_SEEDS))
    return shelf


def forget() -> None:
    """Read everything anew."""
    _kept.clear()


def _of_run(standing: Standing) -> _Kept:
    kept = _kept[0] if _kept else None
    is_same = kept and (kept.run_id, kept.is_used) == (standing.run_id, standing.is_used)
    if kept is None or not is_same or len(kept.shelf.categories) > _MOST_KEPT:
        kept = _Kept(standing.run_id, standing.is_used)
        _kept[:] = [kept]
    return kept


def _put_seeds(shelf: Shelf, rows: Iterable[tuple[Any, ...]]) -> None:
    for product_id, category, others, weights in rows:
        if others:
            shelf.neighbours[product_id] = dict(zip(others, weights, strict=True))
        shelf.categories[product_id] = category


def _put_bestsellers(
    shelf: Shelf, rows: Iterable[tuple[int, str]], *, with_categories: bool
) -> None:
    for product_id, category in rows:
        shelf.bestsellers.append(product_id)
        if with_categories and category:
            shelf.of_category.setdefault(category, []).append(product_id)


def _rows(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
