"""Random rule trees over the words that random people use."""

from collections.abc import Callable
from random import Random
from typing import Any

from .worlds import EVENTS, PRODUCTS, TRAITS

TEXTS = ("is", "is_not", "in", "not_in", "contains", "starts_with", "matches", "known", "unknown")
NUMBERS = ("is", "at_least", "at_most", "more_than", "less_than")
MOMENTS = (
    "before",
    "after",
    "within_days",
    "not_within_days",
    "in_next_days",
    "anniversary",
    "known",
    "unknown",
)
PATTERNS = ("^a", "b.r", "e$", "(gold|Golden)", r"^\d+$", "[上-中]", "li?n", "x|12")
DATES = ("2026-03-15", "2026-04-10")
DAYS = (1, 2, 7, 30, 60)
WORDS = ("DE", "CN", "ber", "Berlin", "上", "gold", "ada", "e", "12", "true")


def tree(random: Random, segments: list[int], depth: int = 0) -> dict[str, Any]:
    """A group or a condition; groups grow rarer with depth."""
    if random.random() < 0.6 - depth * 0.15:
        how = random.choice(("all", "all", "any", "not"))
        nodes = [tree(random, segments, depth + 1) for _ in range(random.choice((1, 2, 2, 3, 4)))]
        return {how: nodes}
    return random.choice(KINDS)(random, segments)


def rules(random: Random, segments: list[int]) -> dict[str, Any]:
    """A whole rule tree."""
    found = tree(random, segments)
    how = next(iter(found))
    return {"version": 1, **(found if how in ("all", "any", "not") else {"all": [found]})}


def _text(random: Random) -> dict[str, Any]:
    op = random.choice(TEXTS)
    if op in ("known", "unknown"):
        return {"op": op}
    if op == "matches":
        return {"op": op, "value": random.choice(PATTERNS)}
    word = random.choice(WORDS)
    return {"op": op, "value": [word, random.choice(WORDS)] if op.endswith("in") else word}


def _number(random: Random, *values: float) -> dict[str, Any]:
    return {"op": random.choice(NUMBERS), "value": random.choice(values)}


def _moment(random: Random) -> dict[str, Any]:
    op = random.choice(MOMENTS)
    if op in ("known", "unknown"):
        return {"op": op}
    if op in ("before", "after"):
        return {"op": op, "value": random.choice(DATES)}
    return {"op": op, "value": random.choice(DAYS)}


def _free(random: Random) -> dict[str, Any]:
    choices: list[Callable[[Random], dict[str, Any]]] = [
        _text,
        _moment,
        lambda random: _number(random, 5, 12, 0.5),
        lambda random: {"op": random.choice(("is", "is_not")), "value": random.choice((True, 12))},
    ]
    return random.choice(choices)(random)


def _window(random: Random, share: float = 0.6) -> dict[str, Any]:
    if random.random() > share:
        return {}
    if random.random() < 0.7:
        return {"within_days": random.choice(DAYS)}
    return {
        **({"since": DATES[0]} if random.random() < 0.7 else {}),
        **({"until": DATES[1]} if random.random() < 0.7 else {}),
    }


def _field(random: Random, segments: list[int]) -> dict[str, Any]:
    if random.random() < 0.4:
        return {"field": random.choice(("created_at", "last_seen_at")), **_moment(random)}
    name = random.choice(("country", "city", "first_name", "email", "time_zone"))
    return {"field": name, **_text(random)}


def _attribute(random: Random, segments: list[int]) -> dict[str, Any]:
    return {"attribute": random.choice(("plan", "points", "renews")), **_free(random)}


def _permission(random: Random, segments: list[int]) -> dict[str, Any]:
    channel = random.choice(("email", "sms"))
    if random.random() < 0.4:
        return {"reach": channel}
    if random.random() < 0.3:
        kind = random.choice(("email", "phone", "telegram"))
        return {"identity": kind, "op": random.choice(("known", "unknown"))}
    state = random.choice(("granted", "pending", "withdrawn", "never"))
    return {"consent": state, "channel": channel, "purpose": random.choice(("marketing", "survey"))}


def _bounds(random: Random) -> dict[str, int]:
    return random.choice(
        (
            {},
            {"at_least": 1},
            {"at_least": 2},
            {"at_most": 0},
            {"at_most": 1},
            {"at_least": 1, "at_most": 2},
        )
    )


def _event(random: Random, segments: list[int]) -> dict[str, Any]:
    asked = {"event": random.choice(EVENTS), **_bounds(random), **_window(random)}
    if random.random() < 0.3:
        filtered = _free(random)
        if filtered["op"] != "anniversary":
            asked["where"] = [{"property": random.choice(("plan", "price")), **filtered}]
    return asked


def _figure(random: Random, segments: list[int]) -> dict[str, Any]:
    if random.random() < 0.4:
        names = random.sample(EVENTS, 2)
        return {"sequence": names, "days": random.choice(DAYS), **_window(random)}
    figure = random.choice(("sum", "average", "least", "most", "first", "last"))
    asked = {"event_figure": figure, "of": random.choice(EVENTS), "property": "price"}
    return {**asked, **_number(random, 5, 12, 20), **_window(random)}


def _said(random: Random, segments: list[int]) -> dict[str, Any]:
    if random.random() < 0.3:
        intent = random.choice(("refund", "greeting"))
        return {"insight": intent, **_bounds(random), **_window(random)}
    fates = ("sent", "delivered", "opened", "clicked", "bounced", "complained", "failed", "replied")
    channel = {"channel": random.choice(("email", "sms"))} if random.random() < 0.4 else {}
    return {"message": random.choice(fates), **channel, **_bounds(random), **_window(random)}


def _company(random: Random, segments: list[int]) -> dict[str, Any]:
    name = random.choice(("any", "industry", "country", "domain", "employees"))
    if name == "any":
        return {"company": "any"}
    asked = _number(random, 5, 100) if name == "employees" else _text(random)
    return {"company": name, **asked}


def _commerce(random: Random, segments: list[int]) -> dict[str, Any]:
    if random.random() < 0.3:
        by = random.choice(("product", "category", "brand"))
        key = "sku" if by == "product" else by
        wanted = [random.choice(PRODUCTS)[key] or "Tea" for _ in range(2)]
        least = {"at_least": random.choice((1, 2))}
        return {"bought": by, "value": wanted, **least, **_window(random)}
    figure = random.choice(("count", "revenue", "average", "recency_days", "tenure_days"))
    if figure.endswith("_days"):
        return {"orders": figure, **_number(random, 0, 1, 7, 30, 0.5)}
    values = (0, 1, 2) if figure == "count" else (0, 50, 99.5, 500)
    return {"orders": figure, **_number(random, *values), **_window(random, 0.4)}


def _understood(random: Random, segments: list[int]) -> dict[str, Any]:
    if random.random() < 0.4:
        return {"score": "buys_90_days", **_number(random, 0.1, 0.5, 0.9)}
    if random.random() < 0.5:
        return {"cluster": random.sample(TRAITS, random.choice((1, 2)))}
    return {"segment": random.choice(segments), "op": random.choice(("in", "not_in"))}


def _share(random: Random, segments: list[int]) -> dict[str, Any]:
    return {"share": random.choice((10, 50)), "from": random.choice((0, 20))}


KINDS: list[Callable[[Random, list[int]], dict[str, Any]]] = [
    _field,
    _attribute,
    _permission,
    _event,
    _event,
    _figure,
    _said,
    _company,
    _commerce,
    _understood,
    _share,
]
