"""Recommendations: whether what goes with what foresees purchases better than the bestsellers do.

It is learnt until the last tenth of the orders and held against them; then anew from everything.
"""

from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

from django.db import connection, transaction

from marketing.choices import RunState
from marketing.models import TrainingRun
from marketing.recommendations import evaluating, learning, pasts, shelves
from marketing.recommendations.evaluating import Rated, Verdict

from .gate import Demand
from .outcome import Outcome

MIN_BUYERS_OF_SEVERAL = 100
MIN_PRODUCTS = 10
MIN_TESTED = 50

_REPLACE = (
    "DELETE FROM marketing_productneighbour",
    "DELETE FROM marketing_bestseller",
    """
    INSERT INTO marketing_bestseller (product_id, rank, buyers, weight)
    SELECT product_id, rank, buyers, weight FROM recommendation_bestseller
    """,
)
_KEEP_NEIGHBOURS = """
    INSERT INTO marketing_productneighbour (run_id, product_id, other_id, rank, weight, support)
    SELECT %s, product_id, other_id, rank, weight, support FROM recommendation_neighbour
"""


def fit(*, now: datetime) -> Outcome:
    """Pass the gate, and compare with the bestsellers on purchases that were held out."""
    until = learning.moment(now=now)
    started = perf_counter()
    with transaction.atomic():
        counts, verdict = _tested(until)
    demands = [
        Demand("several_products", MIN_BUYERS_OF_SEVERAL, counts.buyers_of_several),
        Demand("products_bought", MIN_PRODUCTS, counts.products),
        Demand("tested_buyers", MIN_TESTED, verdict.people if verdict else 0),
    ]
    day, buyers = until.date(), counts.buyers
    if verdict is None or not all(demand.is_met for demand in demands):
        return Outcome(RunState.REFUSED, day, buyers, demands)
    return Outcome(
        # Better by chance is not better: the whole interval must lie above the bestsellers.
        RunState.USED if verdict.gain_low > 0 else RunState.NOT_USED,
        day,
        buyers,
        demands,
        metrics=_measured(verdict.ours) | {"rows": verdict.people},
        baseline=_measured(verdict.bestsellers),
        parameters={
            "ndcg_gain": verdict.gain,
            "ndcg_gain_low": verdict.gain_low,
            "ndcg_gain_high": verdict.gain_high,
            "tested_in_seconds": round(perf_counter() - started, 2),
        },
    )


def keep(*, run: TrainingRun, now: datetime) -> None:
    """Learn from everything and put it in the place of all that was learnt before.

    In one transaction: who reads meanwhile sees the whole of the one or of the other. Without the
    neighbours where they may not be used; the bestsellers are what is recommended then.
    """
    started = perf_counter()
    counts = learning.learn(until=learning.moment(now=now))
    pairs = 0
    with connection.cursor() as cursor:
        for statement in _REPLACE:
            cursor.execute(statement)
        if run.state == RunState.USED:
            cursor.execute(_KEEP_NEIGHBOURS, [run.pk])
            pairs = cursor.rowcount
    run.parameters |= {
        "products": counts.products,
        "pairs": pairs,
        "learnt_in_seconds": round(perf_counter() - started, 2),
        **learning.settings(),
    }
    run.save(update_fields=["parameters"])


def _tested(until: datetime) -> tuple[learning.Counts, Verdict | None]:
    """What there is before the cut, and how well the rest was foreseen."""
    cut = evaluating.cut(since=until - timedelta(days=learning.HISTORY_DAYS), until=until)
    if cut is None:
        return learning.Counts(0, 0, 0), None
    counts = learning.learn(until=cut)
    later = evaluating.held_out(since=cut, until=until)
    known = pasts.learnt(customer_ids=later, until=cut)
    return counts, evaluating.judge(pasts=known, later=later, shelf=shelves.learnt())


def _measured(rated: Rated) -> dict[str, Any]:
    return {"ndcg": rated.ndcg, "hit_rate": rated.hit_rate}
