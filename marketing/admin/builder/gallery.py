"""Where one may start from: groups of customers that every shop asks for."""

from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.utils.translation import gettext as _

from crm.models import AttributeDefinition

Rules = dict[str, Any]
Starter = dict[str, Any]

KEPT_SECONDS = 600
USUAL_SPENDING = 500
BIRTHDAYS = ("birthday", "birth_date", "date_of_birth", "birthdate", "dob")


def offered() -> list[Starter]:
    """All starters in the reader's language."""
    return [starter for shelf in (_newcomers, _buyers, _leaving) for starter in shelf()]


def _newcomers() -> list[Starter]:
    return [
        _starter(
            "waving_hand",
            _("New customers"),
            _("Came in the last 30 days"),
            [{"field": "created_at", "op": "within_days", "value": 30}],
        ),
        _starter(
            "mail",
            _("Readers who never bought"),
            _("May get e-mail, and have no order yet"),
            [{"reach": "email"}, {"orders": "count", "op": "is", "value": 0}],
        ),
        _starter(
            "visibility",
            _("Lookers"),
            _("Looked at products three times in two weeks and did not order"),
            [
                {"event": "product.viewed", "at_least": 3, "within_days": 14},
                _no_order(days=14),
            ],
        ),
        _starter(
            "shopping_cart",
            _("Cart left"),
            _("Put something in the cart this week and did not order"),
            [
                {
                    "any": [
                        {"event": "cart.product_added", "within_days": 7},
                        {"event": "checkout.started", "within_days": 7},
                        {"event": "cart.left", "within_days": 7},
                    ]
                },
                _no_order(days=7),
            ],
        ),
    ]


def _buyers() -> list[Starter]:
    return [
        _starter(
            "diamond",
            _("VIPs"),
            _("Among the tenth who spent most, and bought in the last year"),
            [
                {"orders": "revenue", "op": "at_least", "value": _top_spending()},
                {"orders": "recency_days", "op": "at_most", "value": 365},
            ],
        ),
        _starter(
            "looks_one",
            _("Bought once"),
            _("One order, a month ago or longer"),
            [
                {"orders": "count", "op": "is", "value": 1},
                {"orders": "recency_days", "op": "at_least", "value": 30},
            ],
        ),
        _starter(
            "cake",
            _("Birthday this week"),
            _("Today or within the next seven days"),
            [{"attribute": _birthday(), "op": "anniversary", "value": 7}],
        ),
        _starter(
            "casino",
            _("A random tenth"),
            _("The same people every time, for a test"),
            [{"share": 10}],
        ),
    ]


def _leaving() -> list[Starter]:
    return [
        _starter(
            "trending_down",
            _("About to churn"),
            _("Bought at least twice, and are quiet for two to six months"),
            [
                {"orders": "count", "op": "at_least", "value": 2},
                {"orders": "recency_days", "op": "at_least", "value": 60},
                {"orders": "recency_days", "op": "at_most", "value": 180},
            ],
        ),
        _starter(
            "drafts",
            _("Never opened"),
            _("Got three messages or more in 90 days, and opened none"),
            [
                {"message": "delivered", "at_least": 3, "within_days": 90},
                {"message": "opened", "at_most": 0, "within_days": 90},
            ],
        ),
        _starter(
            "bedtime",
            _("Lapsed"),
            _("Bought before, and not in the last half year"),
            [{"orders": "recency_days", "op": "more_than", "value": 180}],
        ),
    ]


def _starter(icon: str, name: str, what: str, conditions: list[Rules]) -> Starter:
    return {"icon": icon, "name": name, "what": what, "rules": {"version": 1, "all": conditions}}


def _no_order(*, days: int) -> Rules:
    return {"orders": "count", "op": "is", "value": 0, "within_days": days}


def _birthday() -> str:
    """Under which name this shop keeps birthdays."""
    known = set(
        AttributeDefinition.objects.filter(name__in=BIRTHDAYS).values_list("name", flat=True)
    )
    return next((name for name in BIRTHDAYS if name in known), BIRTHDAYS[0])


def _top_spending() -> int:
    """What the tenth who spent most came to at least, told from a few thousand customers."""
    return _kept("gallery:spending", _ask_spending) or USUAL_SPENDING


def _ask_spending() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY revenue) FROM"
            " (SELECT revenue FROM crm_orderstatistics WHERE revenue > 0 LIMIT 5000) AS buyers"
        )
        found = cursor.fetchone()[0] or 0
    return _rounded(float(found))


def _rounded(amount: float) -> int:
    """Two digits, as people choose bounds."""
    whole = int(amount)
    step = 10 ** max(0, len(str(whole)) - 2)
    return whole // step * step


def _kept(key: str, ask: Callable[[], int]) -> int:
    return int(cache.get_or_set(key, ask, KEPT_SECONDS) or 0)
