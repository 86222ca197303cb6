"""How fast an audience becomes deliveries, beside a bare INSERT … SELECT of as many rows."""

import time
from statistics import median
from typing import Any

from django.db import connection
from django.utils import timezone

from benchmarks import letter, scratch, shop
from campaigns import planning
from campaigns.models import Campaign, Delivery

LEAST_RATIO = 0.9

# The same columns and the same indexes, of everybody, with nothing asked.
_BARE = """
    INSERT INTO campaigns_delivery (campaign_id, step_id, customer_id, state, reason, detail,
                                    tries, strikes, planned_at)
    SELECT %s, %s, id, 'planned', '', '', 0, 0, %s FROM crm_customer
"""


def run(*, deliveries: int, rounds: int) -> dict[str, Any]:
    """Fill a throw-away database with customers, then plan and insert in turns."""
    ours: list[float] = []
    bare: list[float] = []
    with scratch.database():
        shop.fill_people(count=deliveries, now=timezone.now())
        for number in range(rounds):
            first, second = (_launched(f"Round {number} {which}") for which in ("ours", "bare"))
            # Who goes first alternates, so that neither always finds the warmer machine.
            for turn in (0, 1) if number % 2 == 0 else (1, 0):
                (ours if turn == 0 else bare).append(_plan(first) if turn == 0 else _insert(second))
                _empty(deliveries)
    ratio = round(median(b / o for o, b in zip(ours, bare, strict=True)), 3)
    return {
        "bench": "plan",
        "deliveries": deliveries,
        "seconds": round(median(ours), 2),
        "bare_seconds": round(median(bare), 2),
        "per_second": round(deliveries / median(ours)),
        "ratio": ratio,
        "rounds": [{"ours": o, "bare": b} for o, b in zip(ours, bare, strict=True)],
        "limit": {"ratio": LEAST_RATIO},
        "is_within_limit": ratio >= LEAST_RATIO,
    }


def _launched(name: str) -> Campaign:
    return shop.launch(name=name, letter=letter.FIELDS, now=timezone.now())


def _plan(campaign: Campaign) -> float:
    step = campaign.steps.get()
    started = time.perf_counter()
    planning.plan(campaign=campaign, step=step, now=timezone.now())
    return time.perf_counter() - started


def _insert(campaign: Campaign) -> float:
    step = campaign.steps.get()
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(_BARE, [campaign.pk, step.pk, timezone.now()])
    return time.perf_counter() - started


def _empty(deliveries: int) -> None:
    """Both find the table empty; a count that is not right would make the ratio worthless."""
    if (count := Delivery.objects.count()) != deliveries:
        raise RuntimeError(f"{count} deliveries were planned, not {deliveries}.")
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE campaigns_delivery")
        cursor.execute("CHECKPOINT")
