"""Random rule trees over the words that random people use."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from .worlds import EVENTS, HANDLES, PRODUCTS, PURPOSES, TRAITS

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
PATTERNS = ("^a", "b.r", "e$", "(gold|Golden)", r"^\d+$", "[上-中]", "li?n", "x|12", "^.$", "a.b")
PATTERNS += (
    r"\.",
    "^[+U]",
    "^(tea|K0|Comp|Ship)",
    "^[^a-z]+$",
    "[%{}-]",
    "(?:go|lden)",
    "^$|G",
    "[a-c-]{2,3}",
)
DATES = ("2026-03-15", "2026-04-10", "2026-04-14T12:00:00", "2026-04-14T14:00:00+02:00")
ENDS = ("0001-01-01", "9999-12-31T23:59:59-12:00", "2024-02-29")
DAYS = (1, 2, 7, 30, 60)
FAR = (365, 366, 36_500)
WORDS = ("DE", "CN", "ber", "Berlin", "上", "gold", "ada", "e", "12", "true")
ODD_WORDS = (
    *("", "null", "NaN", "0.5", "0.0", "e\u0301", "é", "i", "İ", "σ", "ΑΣ", "ß", "👍", "\u202e"),
    *("\n", "'", "'; DROP TABLE crm_customer; --", "%", "%s", "%%", "{}", "\\", "[", '["gold"]'),
    *("today", "0.0000001", "EUR", '{"amount": 12, "currency": "EUR"}', "Mars/Olympus"),
)
AMOUNTS = (-1, 0.1, 1e-7, 1e15, -1e15, 999_999.99)
FATES = ("sent", "delivered", "opened", "clicked", "bounced", "complained", "failed", "replied")
DEEPEST = 8

# What there is to speak of: ids of segments and campaigns, and texts of people and companies.
Known = dict[str, list[Any]]
Leaf = dict[str, Any]


def tree(random: Random, known: Known, depth: int = 0) -> dict[str, Any]:
    """A group or a condition; groups grow rarer with depth."""
    if random.random() < 0.6 - depth * 0.15:
        how = random.choice(("all", "all", "any", "not"))
        nodes = [tree(random, known, depth + 1) for _ in range(random.choice((1, 2, 2, 3, 4)))]
        return {how: nodes}
    return leaf(random, known)


def leaf(random: Random, known: Known) -> Leaf:
    """A condition of any kind."""
    return random.choice(KINDS)(random, known)


def deep(random: Random, known: Known) -> dict[str, Any]:
    """Groups in groups, as deep as they may be, with something beside them at each level."""
    found = leaf(random, known)
    for _ in range(random.randint(4, DEEPEST)):
        beside = [leaf(random, known) for _ in range(random.choice((0, 0, 1, 2)))]
        nodes = random.sample([found, *beside], 1 + len(beside))
        found = {random.choice(("all", "any", "not")): nodes}
    return found


def rules(random: Random, known: Known) -> dict[str, Any]:
    """A whole rule tree."""
    found = deep(random, known) if random.random() < 0.1 else tree(random, known)
    how = next(iter(found))
    if how == "not" and len(found["not"]) == 1 and random.random() < 0.3:
        found = {"not": found["not"][0]}
    return {"version": 1, **(found if how in ("all", "any", "not") else {"all": [found]})}


def _word(random: Random, there: Sequence[str] = ()) -> str:
    if there and random.random() < 0.4:
        return random.choice(there)
    return random.choice(WORDS if random.random() < 0.7 else ODD_WORDS) or "gold"


def _text(random: Random, there: Sequence[str] = ()) -> Leaf:
    op = random.choice(TEXTS)
    if op in ("known", "unknown"):
        return {"op": op}
    if op == "matches":
        return {"op": op, "value": random.choice(PATTERNS)}
    if not op.endswith("in"):
        return {"op": op, "value": _word(random, there)}
    return {"op": op, "value": [_word(random, there) for _ in range(random.choice((1, 2, 40)))]}


def _number(random: Random, *values: float) -> Leaf:
    chosen = values if random.random() < 0.85 else AMOUNTS
    return {"op": random.choice(NUMBERS), "value": random.choice(chosen)}


def _moment(random: Random) -> Leaf:
    op = random.choice(MOMENTS)
    if op in ("known", "unknown"):
        return {"op": op}
    if op in ("before", "after"):
        return {"op": op, "value": random.choice(DATES if random.random() < 0.8 else ENDS)}
    if op == "anniversary":
        return {"op": op, "value": random.choice((0, 1, 2, 7, 60, 366))}
    return {"op": op, "value": random.choice(DAYS if random.random() < 0.85 else FAR)}


def _free(random: Random) -> Leaf:
    choices: list[Callable[[Random], Leaf]] = [
        _text,
        _moment,
        lambda random: _number(random, 5, 12, 0.5),
        lambda random: {
            "op": random.choice(("is", "is_not")),
            "value": random.choice((True, False, 12, 0.5, 0)),
        },
    ]
    return random.choice(choices)(random)


def _window(random: Random, share: float = 0.6) -> Leaf:
    if random.random() > share:
        return {}
    if random.random() < 0.6:
        return {"within_days": random.choice(DAYS if random.random() < 0.85 else FAR)}
    since, until = sorted(random.sample(DATES[:3], 2))
    if random.random() < 0.2:
        since = ENDS[0]
    if random.random() < 0.2:
        until = ENDS[1]
    chosen = random.choice(({"since": since}, {"until": until}, {"since": since, "until": until}))
    return dict(chosen)


def _field(random: Random, known: Known) -> Leaf:
    if random.random() < 0.4:
        return {"field": random.choice(("created_at", "last_seen_at")), **_moment(random)}
    names = ("first_name", "last_name", "email", "phone")
    names += ("country", "city", "language", "time_zone")
    return {"field": random.choice(names), **_text(random, known["people"])}


def _attribute(random: Random, known: Known) -> Leaf:
    return {"attribute": random.choice(("plan", "points", "renews")), **_free(random)}


def _permission(random: Random, known: Known) -> Leaf:
    channel = random.choice(("email", "sms"))
    if random.random() < 0.3:
        return {"reach": channel}
    if random.random() < 0.2:
        reason = random.choice(({}, {"reason": "staff"}, {"reason": "complaint"}))
        return {"suppressed": channel, **reason}
    if random.random() < 0.4:
        op = random.choice(({}, {"op": "known"}, {"op": "unknown"}))
        return {"identity": random.choice(HANDLES), **op}
    state = random.choice(("granted", "pending", "withdrawn", "never"))
    purpose = random.choice(({}, *({"purpose": purpose} for purpose in PURPOSES)))
    return {"consent": state, "channel": channel, **purpose}


def _bounds(random: Random) -> dict[str, int]:
    return random.choice(
        (
            {},
            {"at_least": 1},
            {"at_least": 2},
            {"at_most": 0},
            {"at_most": 1},
            {"at_least": 1, "at_most": 2},
            {"at_least": 2, "at_most": 2},
        )
    )


def _where(random: Random) -> Leaf:
    filters = []
    for _ in range(random.choice((0, 0, 0, 1, 1, 2))):
        filtered = _free(random)
        if filtered["op"] != "anniversary":
            filters.append({"property": random.choice(("plan", "price")), **filtered})
    return {"where": filters} if filters else {}


def _event(random: Random, known: Known) -> Leaf:
    asked = {"event": random.choice(EVENTS), **_bounds(random), **_window(random)}
    return {**asked, **_where(random)}


def _figure(random: Random, known: Known) -> Leaf:
    if random.random() < 0.4:
        names = [random.choice(EVENTS), random.choice(EVENTS)]
        return {"sequence": names, "days": random.choice((*DAYS, *FAR)), **_window(random)}
    figure = random.choice(("sum", "average", "least", "most", "first", "last"))
    asked = {"event_figure": figure, "of": random.choice(EVENTS), "property": "price"}
    return {**asked, **_number(random, 5, 12, 20, 0.3), **_window(random), **_where(random)}


def _said(random: Random, known: Known) -> Leaf:
    counted = {**_bounds(random), **_window(random)}
    kind = random.random()
    if kind < 0.25:
        return {"insight": random.choice(("refund", "greeting", "nothing")), **counted}
    fate = random.choice(FATES)
    if kind < 0.6:
        channel = {"channel": random.choice(("email", "sms"))} if random.random() < 0.4 else {}
        return {"message": fate, **channel, **counted}
    if random.random() < 0.3:
        return {"campaign": "any", "fate": fate, **counted}
    step = {"step": random.choice((1, 2, 3))} if random.random() < 0.4 else {}
    return {"campaign": random.choice(known["campaigns"]), "fate": fate, **step, **counted}


def _company(random: Random, known: Known) -> Leaf:
    name = random.choice(("any", "key", "name", "industry", "country", "domain", "employees"))
    if name == "any":
        return {"company": "any"}
    is_text = name != "employees"
    asked = _text(random, known["companies"]) if is_text else _number(random, 5, 100)
    return {"company": name, **asked}


def _commerce(random: Random, known: Known) -> Leaf:
    if random.random() < 0.3:
        by = random.choice(("product", "category", "brand"))
        key = "sku" if by == "product" else by
        wanted = [random.choice(PRODUCTS)[key] or "Tea" for _ in range(2)]
        least = random.choice(({}, {"at_least": 1}, {"at_least": 2}))
        return {"bought": by, "value": wanted, **least, **_window(random)}
    figure = random.choice(("count", "revenue", "average", "recency_days", "tenure_days"))
    if figure.endswith("_days"):
        return {"orders": figure, **_number(random, 0, 1, 7, 30, 0.5, 739_000, -2_000_000)}
    values = (0, 1, 2) if figure == "count" else (0, 0.3, 50, 99.5, 500)
    return {"orders": figure, **_number(random, *values), **_window(random, 0.4)}


def _understood(random: Random, known: Known) -> Leaf:
    if random.random() < 0.4:
        return {"score": "buys_90_days", **_number(random, 0.1, 0.5, 0.9)}
    if random.random() < 0.5:
        return {"cluster": random.sample(TRAITS, random.choice((1, 2)))}
    op = random.choice(({}, {"op": "in"}, {"op": "not_in"}))
    return {"segment": random.choice([*known["segments"], 2**63 - 1]), **op}


def _share(random: Random, known: Known) -> Leaf:
    start = random.choice(({}, {"from": 0}, {"from": 20}, {"from": 49.5}))
    return {"share": random.choice((10, 50, 0.5, 12.25)), **start}


KINDS: list[Callable[[Random, Known], Leaf]] = [
    _field,
    _attribute,
    _permission,
    _event,
    _event,
    _figure,
    _said,
    _said,
    _company,
    _commerce,
    _understood,
    _share,
]
