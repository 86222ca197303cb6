"""What a rule tree means, in plain Python over plain people: knows nothing of the compiler."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from .oracle_values import (
    COMPARE,
    as_moment,
    comes_up,
    exactly,
    free,
    instant,
    is_number,
    moment,
    text,
)


@dataclass
class Told:
    """An event: its name, when, and its properties."""

    name: str
    at: datetime
    properties: dict[str, Any]


@dataclass
class Bought:
    """An order: when, how it stands, its total, and its lines as (product, quantity)."""

    at: datetime
    state: str
    total: float
    lines: list[tuple[dict[str, str], int]]


@dataclass
class Said:
    """A message: when, which way and by which channel, what became of it, what it meant."""

    at: datetime
    is_inbound: bool
    channel: str
    fates: set[str]
    intent: str | None
    # The campaign and the position of the step that it belongs to.
    plan: tuple[int, int] | None = None


@dataclass
class Forced:
    """Something set by hand: until when it is in force, and when it was lifted."""

    value: float
    expires_at: datetime | None
    is_lifted: bool

    def holds(self, now: datetime) -> bool:
        return not self.is_lifted and (self.expires_at is None or self.expires_at > now)


@dataclass
class Person:
    """Everything that a rule can ask about somebody."""

    pk: int
    fields: dict[str, Any]
    attributes: dict[str, Any]
    bucket: int
    handles: set[str] = field(default_factory=set)
    consents: dict[tuple[str, str], str] = field(default_factory=dict)
    suppressed: dict[str, datetime | None] = field(default_factory=dict)
    pauses: list[Forced] = field(default_factory=list)
    events: list[Told] = field(default_factory=list)
    orders: list[Bought] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    forced: dict[str, list[Forced]] = field(default_factory=dict)
    traits: set[str] | None = None
    segments: set[int] = field(default_factory=set)
    messages: list[Said] = field(default_factory=list)
    companies: list[dict[str, Any]] = field(default_factory=list)


def answer(tree: Mapping[str, Any], person: Person, now: datetime) -> bool:
    """Whether a rule tree, a group or a condition holds for a person."""
    if "all" in tree:
        return all([answer(inner, person, now) for inner in tree["all"]])
    if "any" in tree:
        return any([answer(inner, person, now) for inner in tree["any"]])
    if "not" in tree:
        inner = tree["not"] if isinstance(tree["not"], list) else [tree["not"]]
        return not any([answer(one, person, now) for one in inner])
    kind = next(key for key in tree if key in ASK)
    return ASK[kind](tree, person, now)


def _field(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    value = person.fields[asked["field"]]
    if asked["field"].endswith("_at"):
        if asked["op"] == "anniversary":
            return value is not None and comes_up(
                value.astimezone(UTC).date(), asked, person.fields["time_zone"], now
            )
        return moment(asked, value, now)
    return text(asked, value)


def _attribute(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    value = person.attributes.get(asked["attribute"])
    if asked["op"] == "anniversary":
        at = as_moment(value)
        return at is not None and comes_up(at.date(), asked, person.fields["time_zone"], now)
    return free(asked, value, now)


def _identity(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    return (asked["identity"] in person.handles) == (asked.get("op", "known") == "known")


def _share(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    low = asked.get("from", 0) * 100
    return bool(low <= person.bucket < low + asked["share"] * 100)


def _consent(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    stands = person.consents.get((asked["channel"], asked.get("purpose", "marketing")), "never")
    return bool(stands == asked["consent"])


def _reach(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    channel = asked["reach"]
    address = person.fields["email" if channel == "email" else "phone"]
    until = person.suppressed.get(channel, now)
    return (
        bool(address)
        and person.consents.get((channel, "marketing")) == "granted"
        and not any(pause.holds(now) for pause in person.pauses)
        and (until is not None and until <= now)
    )


def _suppressed(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    channel = asked["suppressed"]
    until = person.suppressed.get(channel, now)
    # In these worlds all of them were suppressed by staff.
    return (until is None or until > now) and asked.get("reason", "staff") == "staff"


def _within(asked: Mapping[str, Any], at: datetime, now: datetime) -> bool:
    edges = {key: instant(asked[key]) for key in ("since", "until") if key in asked}
    days = asked.get("within_days")
    return (
        at <= now
        and (days is None or at >= now - timedelta(days=days))
        and at >= edges.get("since", at)
        and ("until" not in edges or at < edges["until"])
    )


def _times(asked: Mapping[str, Any], count: int) -> bool:
    low = asked.get("at_least", 0 if "at_most" in asked else 1)
    return bool(low <= count <= asked.get("at_most", count))


def told(asked: Mapping[str, Any], person: Person, now: datetime) -> list[Told]:
    """The events that a condition speaks of."""
    return [
        event
        for event in person.events
        if event.name == asked.get("event", asked.get("of"))
        and _within(asked, event.at, now)
        and all(
            free(one, event.properties.get(one["property"]), now) for one in asked.get("where", [])
        )
    ]


def _event(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    return _times(asked, len(told(asked, person, now)))


def _event_figure(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    found = [
        event.properties.get(asked["property"])
        for event in sorted(told(asked, person, now), key=lambda event: event.at)
    ]
    numbers = [exactly(one) for one in found if is_number(one)]
    if not numbers:
        return False
    figures: dict[str, Callable[[], Fraction]] = {
        "sum": lambda: sum(numbers, Fraction()),
        "average": lambda: sum(numbers, Fraction()) / len(numbers),
        "least": lambda: min(numbers),
        "most": lambda: max(numbers),
        "first": lambda: numbers[0],
        "last": lambda: numbers[-1],
    }
    figure = figures[asked["event_figure"]]()
    return bool(COMPARE[asked["op"]](figure, exactly(asked["value"])))


def _sequence(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    first, then = asked["sequence"]
    begun = [one.at for one in person.events if one.name == first and _within(asked, one.at, now)]
    ended = [one.at for one in person.events if one.name == then and one.at <= now]
    most = timedelta(days=asked["days"])
    return any(begin < end <= begin + most for begin in begun for end in ended)


def _message(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    found = [
        one
        for one in person.messages
        if asked["message"] in one.fates
        and one.channel == asked.get("channel", one.channel)
        and _within(asked, one.at, now)
    ]
    return _times(asked, len(found))


def _campaign(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    found = [
        one
        for one in person.messages
        if one.plan
        and asked["fate"] in one.fates
        and asked["campaign"] in ("any", one.plan[0])
        and asked.get("step", one.plan[1]) == one.plan[1]
        and _within(asked, one.at, now)
    ]
    return _times(asked, len(found))


def _insight(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    found = [one for one in person.messages if one.intent == asked["insight"]]
    return _times(asked, sum(_within(asked, one.at, now) for one in found))


def _company(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    if asked["company"] == "any":
        return bool(person.companies)
    values = [one[asked["company"]] for one in person.companies]
    if asked["company"] == "employees":
        known = [one for one in values if one is not None]
        return any(COMPARE[asked["op"]](one, asked["value"]) for one in known)
    return any(text(asked, one) for one in values)


def _placed(person: Person) -> list[Bought]:
    return [order for order in person.orders if order.state == "placed"]


def _orders(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    is_ever = not {"within_days", "since", "until"} & set(asked)
    orders = [one for one in _placed(person) if is_ever or _within(asked, one.at, now)]
    compare, wanted = COMPARE[asked["op"]], exactly(asked["value"])
    if asked["orders"] == "count":
        return bool(compare(len(orders), wanted))
    total = sum((exactly(order.total) for order in orders), Fraction())
    if asked["orders"] == "revenue":
        return bool(compare(total, wanted))
    if not orders:
        return False
    if asked["orders"] == "average":
        return bool(compare(total / len(orders), wanted))
    pick = max if asked["orders"] == "recency_days" else min
    age = now - pick(order.at for order in orders)
    return bool(compare(Fraction(age // timedelta(microseconds=1)), wanted * 86_400_000_000))


def _bought(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    key = "sku" if asked["bought"] == "product" else asked["bought"]
    having = [
        order
        for order in _placed(person)
        if _within(asked, order.at, now)
        and any(product[key] in asked["value"] and many > 0 for product, many in order.lines)
    ]
    return bool(len(having) >= asked.get("at_least", 1))


def _score(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    forced = [one for one in person.forced.get(asked["score"], []) if one.holds(now)]
    value = forced[0].value if forced else person.scores.get(asked["score"])
    return value is not None and COMPARE[asked["op"]](value, asked["value"])


def _cluster(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    return person.traits is not None and set(asked["cluster"]) <= person.traits


def _segment(asked: Mapping[str, Any], person: Person, now: datetime) -> bool:
    return (asked["segment"] in person.segments) == (asked.get("op", "in") == "in")


ASK: dict[str, Callable[[Mapping[str, Any], Person, datetime], bool]] = {
    "field": _field,
    "attribute": _attribute,
    "identity": _identity,
    "share": _share,
    "consent": _consent,
    "reach": _reach,
    "suppressed": _suppressed,
    "event": _event,
    "orders": _orders,
    "bought": _bought,
    "score": _score,
    "cluster": _cluster,
    "segment": _segment,
    "event_figure": _event_figure,
    "sequence": _sequence,
    "message": _message,
    "campaign": _campaign,
    "insight": _insight,
    "company": _company,
}
