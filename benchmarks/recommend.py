"""How soon it is learnt what goes with what, and what a recommendation costs each person.

A shop made by PostgreSQL: products in groups, people with two groups they like and a few they do
not, orders over two years, the heaviest of them wholesalers. Beside the recommendations the
bestsellers are tested in the same run, on the same people.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from django.db import connection
from django.utils import timezone

from benchmarks import scratch, shop
from crm.models import Customer
from marketing import recommendations, training
from marketing.choices import RunKind, RunState

LIMITS = {"learning_seconds": 60.0, "microseconds_a_person": 150.0, "times_ndcg": 1.0}
BATCH = 1_000
PRODUCTS, GROUPS = 5_000, 100
# Every so manieth customer buys as much as thirty others.
WHOLESALER = 200

_PRODUCTS = """
    INSERT INTO crm_product (sku, name, description, category, brand, price, currency, url,
        image_url, is_active, created_at)
    SELECT 's' || n, 'Product ' || n, '', 'Group ' || n %% %(groups)s, '', 5 + n %% 90, 'EUR',
        'https://shop.example/p/' || n, '', true, now()
    FROM generate_series(1, %(products)s) AS n
"""
# Half of the orders are of the last half year; who orders, orders again.
_ORDERS = """
    INSERT INTO crm_order (number, customer_id, state, placed_at, currency, total)
    SELECT 'o' || n, CASE WHEN n %% 8 = 0
            THEN 1 + floor(random() * (%(customers)s / %(every)s))::int * 7919 %% %(customers)s
            ELSE 1 + floor(%(customers)s * random() ^ 1.5)::int END,
        'placed', now() - 730 * random() * random() * interval '1 day', 'EUR', 30
    FROM generate_series(1, %(orders)s) AS n
"""
# Of three lines two are of the groups that the person likes, and popular ones come more often.
_LINES = """
    INSERT INTO crm_orderline (order_id, product_id, quantity, unit_price)
    SELECT o.id, 1 + (
        CASE WHEN random() < 0.67 THEN (o.customer_id * (1 + line %% 2) * 7) %% %(groups)s
            ELSE floor(%(groups)s * random() ^ 2)::int END
        + %(groups)s * floor((%(products)s / %(groups)s) * random() ^ 2)::int
    ) %% %(products)s, 1, 10
    FROM crm_order o CROSS JOIN generate_series(1, 3) AS line
"""


def run(*, customers: int, lines: int, rounds: int) -> dict[str, Any]:
    """Fill a database, learn, and recommend to batch after batch."""
    with scratch.database():
        _fill(customers=customers, lines=lines)
        started = time.perf_counter()
        made = training.run(run_id=_asked(), now=timezone.now())
        seconds = time.perf_counter() - started
        if made.state not in {RunState.USED, RunState.NOT_USED}:
            raise RuntimeError(f"The run is {made.state}: {made.error or made.gate}")
        batches = _batches(rounds)
        shown = _microseconds(recommendations.show_many, batches)
        reasoned = _microseconds(recommendations.recommend_many, batches)
    times = made.metrics["ndcg"] / (made.baseline["ndcg"] or 1)
    measured = {
        "learning_seconds": round(seconds, 1),
        "microseconds_a_person": shown["wall"],
        "times_ndcg": round(times, 2),
    }
    return {
        "bench": "recommend",
        "customers": customers,
        "lines": lines,
        **measured,
        "state": made.state,
        "pairs": made.parameters["pairs"],
        "tested_in_seconds": made.parameters["tested_in_seconds"],
        "learnt_in_seconds": made.parameters["learnt_in_seconds"],
        "hit_rate": round(made.metrics["hit_rate"], 4),
        "bestsellers_hit_rate": round(made.baseline["hit_rate"], 4),
        "ndcg": round(made.metrics["ndcg"], 4),
        "bestsellers_ndcg": round(made.baseline["ndcg"], 4),
        "own_processor_microseconds": shown["processor"],
        "microseconds_with_reasons": reasoned["wall"],
        "limit": LIMITS,
        "is_within_limit": measured["learning_seconds"] <= LIMITS["learning_seconds"]
        and measured["microseconds_a_person"] <= LIMITS["microseconds_a_person"]
        and times > LIMITS["times_ndcg"],
    }


def _fill(*, customers: int, lines: int) -> None:
    shop.fill_people(count=customers, now=timezone.now())
    values = {
        "customers": customers,
        "orders": lines // 3,
        "products": PRODUCTS,
        "groups": GROUPS,
        "every": min(WHOLESALER, customers),
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        for statement in (_PRODUCTS, _ORDERS, _LINES):
            cursor.execute(statement, values)
        cursor.execute("ANALYZE")


def _asked() -> int:
    return training.request(kind=RunKind.RECOMMENDATIONS, now=timezone.now()).pk


def _batches(rounds: int) -> list[list[int]]:
    """As many batches as rounds, of people drawn once and for all."""
    drawn = Customer.objects.order_by("bucket", "pk").values_list("pk", flat=True)
    people = list(drawn[: BATCH * rounds])
    return [people[start : start + BATCH] for start in range(0, len(people), BATCH)]


def _microseconds(recommend: Callable[..., object], batches: list[list[int]]) -> dict[str, float]:
    """What one person costs, on the clock and of our processor: medians over the batches."""
    now, walls, processors = timezone.now(), [], []
    for people in (batches[0], *batches):
        wall, processor = time.perf_counter(), time.process_time()
        recommend(customer_ids=people, now=now)
        walls.append((time.perf_counter() - wall) / len(people))
        processors.append((time.process_time() - processor) / len(people))
    # The first one reads what is learnt into memory.
    return {
        "wall": round(median(walls[1:]) * 1e6, 1),
        "processor": round(median(processors[1:]) * 1e6, 1),
    }
