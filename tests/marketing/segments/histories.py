"""Random histories of a small shop: whatever can happen to people, by the operations themselves."""

import contextlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from crm import consent, customers, events, orders, products, rollups
from crm.choices import DecisionSource, MergeCause
from crm.models import Customer, Merge
from marketing import scoring, segments
from marketing.models import Membership, Segment, SegmentOverride
from tests import making

from . import happenings
from .happenings import ZONES, Happenings

Rules = dict[str, Any]

GERMAN = {"field": "country", "op": "is", "value": "DE"}
CONDITIONS: Sequence[Rules] = (
    GERMAN,
    {"not": GERMAN},
    {"field": "city", "op": "known"},
    {"field": "last_seen_at", "op": "within_days", "value": 3},
    {"field": "created_at", "op": "within_days", "value": 5},
    {"attribute": "vip", "op": "is", "value": True},
    {"attribute": "size", "op": "at_least", "value": 40},
    {"identity": "anonymous"},
    {"consent": "granted", "channel": "email"},
    {"consent": "never", "channel": "sms"},
    {"reach": "email"},
    {"event": "page.viewed", "at_least": 2, "within_days": 2},
    {"event": "page.viewed", "at_most": 0, "within_days": 4},
    {"event": "cart.left", "at_most": 0},
    {"event": "page.viewed", "where": [{"property": "price", "op": "at_least", "value": 50}]},
    {"orders": "count", "op": "at_least", "value": 2},
    {"orders": "revenue", "op": "at_most", "value": 20, "within_days": 3},
    {"orders": "recency_days", "op": "at_most", "value": 2},
    {"bought": "category", "value": ["Tea"], "within_days": 4},
    {"score": "buys_90_days", "op": "at_least", "value": 0.5},
    {"share": 50},
)


@dataclass
class History(Happenings):
    """People, the clock, and what happens next."""

    seed: int
    now: datetime
    people: list[int] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        for _ in range(4):
            self.arrive()

    def step(self) -> str:
        """Something happens; gives its name."""
        deeds: Sequence[Callable[[], object]] = (
            self.arrive,
            self.change,
            self.change,
            self.view,
            self.view,
            self.view,
            self.buy,
            self.cancel,
            self.decide,
            self.suppress,
            self.pause,
            self.sign_in,
            self.merge,
            self.unmerge,
            self.forget,
            self.score,
            self.recategorise,
            self.put,
            self.wait,
            self.wait,
            self.roll_up,
            self.learn,
            self.learn,
            self.write,
            self.write,
            self.settle,
            self.settle,
            self.open_it,
            self.answer,
            self.join,
            self.regroup,
            self.take_file,
            self.midnight,
            self.midnight,
        )
        deed = self.random.choice(deeds)
        deed()
        return deed.__name__

    def arrive(self) -> None:
        """Somebody new."""
        known = {"country": self.random.choice(("DE", "FR")), "time_zone": self.zone()}
        self.people.append(making.customer(now=self.now, **known).pk)

    def zone(self) -> str:
        return self.random.choice(ZONES)

    def who(self) -> int:
        return self.random.choice(self.people)

    def number(self) -> int:
        self.count += 1
        return self.count

    def change(self) -> None:
        values: list[Rules] = [
            {"country": self.random.choice(("DE", "FR"))},
            {"city": self.random.choice(("", "Bonn"))},
            {"time_zone": self.zone()},
            {"attributes": {"vip": self.random.choice((True, False, None))}},
            {"attributes": {"size": self.random.choice((38, 42, None))}},
        ]
        customers.correct(customer_id=self.who(), values=self.random.choice(values), now=self.now)

    def view(self) -> None:
        new = events.NewEvent(
            customer_id=self.who(),
            name=self.random.choice(("page.viewed", "page.viewed", "cart.left")),
            # Some are told late, and some by clocks that are ahead.
            occurred_at=self.now + timedelta(hours=self.random.choice((0, 0, -30, -70, 3))),
            key=f"view-{self.seed}-{self.number()}",
            properties={
                "price": self.random.choice((10, 60)),
                "until": (self.now + timedelta(hours=self.random.choice((2, 30)))).isoformat(),
            },
        )
        events.record(event=new, now=self.now)

    def buy(self) -> None:
        self.recategorise()
        line = orders.NewLine("TEA-1", self.random.choice((1, 3)), Decimal("12.50"))
        number = f"B-{self.seed}-{self.number()}"
        placed_at = self.now - timedelta(hours=self.random.choice((0, 20, 60)))
        new = orders.NewOrder(number, self.who(), placed_at, "EUR", (line,))
        orders.record_many(orders=[new], now=self.now)

    def cancel(self) -> None:
        number = f"B-{self.seed}-{self.random.randint(1, max(self.count, 1))}"
        orders.cancel_many(numbers=[number], cancelled_at=self.now, now=self.now)

    def recategorise(self) -> None:
        category = self.random.choice(("Tea", "Drinks"))
        tea = products.NewProduct("TEA-1", "Tea", Decimal("12.50"), "EUR", category=category)
        products.record_products(products=[tea], now=self.now)

    def decide(self) -> None:
        decide = self.random.choice((consent.grant, consent.withdraw))
        channel = self.random.choice(("email", "sms"))
        source = DecisionSource.SIGN_UP
        decide(customer_id=self.who(), channel=channel, source=source, now=self.now)

    def suppress(self) -> None:
        address = Customer.objects.get(pk=self.who()).email
        if self.random.random() < 0.5:
            consent.unsuppress(channel="email", address=address, now=self.now)
            return
        expires_at = self.random.choice((None, self.now + timedelta(hours=30)))
        new = consent.NewSuppression("email", address, "staff", expires_at=expires_at)
        consent.suppress(suppression=new, now=self.now)

    def pause(self) -> None:
        until_at = self.now + timedelta(hours=self.random.choice((5, 50)))
        customers.pause(
            customer_id=self.who(), until_at=until_at, reason="rest", by=None, now=self.now
        )

    def sign_in(self) -> None:
        """A visitor looks around, and turns out to be somebody we know."""
        visitor = f"visitor-{self.seed}-{self.number()}"
        seen = customers.identify(person=customers.Person(anonymous_id=visitor), now=self.now)
        new = events.NewEvent(seen, "page.viewed", self.now, f"by-{visitor}")
        events.record(event=new, now=self.now)
        self.people.append(seen)
        if self.random.random() < 0.5:
            return
        self.look()
        known = Customer.objects.get(pk=self.people[0]).identities.filter(kind="external").first()
        if known is None:
            return
        person = customers.Person(external_id=known.value, anonymous_id=visitor)
        customers.identify(person=person, now=self.now)
        self.refresh_people()

    def merge(self) -> None:
        kept, merged = self.who(), self.who()
        if kept == merged:
            return
        # A visitor is never kept in place of somebody known.
        with contextlib.suppress(customers.MergeRefused):
            customers.merge(
                kept_id=kept,
                merged_id=merged,
                cause=MergeCause.STAFF,
                reason="one",
                by=None,
                now=self.now,
            )
        self.refresh_people()

    def unmerge(self) -> None:
        last = Merge.objects.filter(undone_at=None).order_by("-pk").first()
        if last is None or last.kept_id not in self.people:
            return
        customers.unmerge(merge_id=last.pk, by=None, now=self.now)
        self.refresh_people()

    def forget(self) -> None:
        if len(self.people) > 3:
            customers.forget_many(customer_ids=[self.who()], now=self.now)
            self.refresh_people()

    def score(self) -> None:
        scoring.set_by_hand(
            customer_id=self.who(),
            kind="buys_90_days",
            value=self.random.choice((0.1, 0.9)),
            reason="known",
            by=None,
            now=self.now,
            expires_at=self.random.choice((None, self.now + timedelta(hours=9))),
        )

    def put(self) -> None:
        segments.put(
            segment_id=self.random.choice(list(Segment.objects.values_list("pk", flat=True))),
            customer_id=self.who(),
            mode=self.random.choice(("include", "exclude")),
            reason="asked",
            by=None,
            now=self.now,
            expires_at=self.random.choice((None, self.now + timedelta(hours=7))),
        )

    def wait(self) -> None:
        hours = self.random.choice((0.01, 1, 6, 11, 26))
        self.now += timedelta(hours=hours)
        if self.random.random() < 0.5:
            self.look()

    def roll_up(self) -> None:
        rollups.run_due(now=self.now)

    def look(self) -> None:
        """Follow what changed, a little at a time."""
        segments.follow(now=self.now)

    def refresh_people(self) -> None:
        self.people = sorted(Customer.objects.values_list("pk", flat=True))


def rules(*conditions: Rules, how: str = "all") -> Rules:
    """A rule tree."""
    if how == "all":
        return {"version": 1, "all": list(conditions)}
    return {"version": 1, "all": [{how: list(conditions)}]}


def plant(*, seed: int, now: datetime) -> list[Segment]:
    """Segments of every kind of condition, alone and together, and some that speak of others."""
    draw = random.Random(seed)
    campaign = happenings.plant_campaign(seed=seed, now=now)
    conditions = [*CONDITIONS, *happenings.CONDITIONS, *happenings.campaign_conditions(campaign)]
    made = [
        Segment.objects.create(name=f"{seed}-{at}", rules=rules(condition))
        for at, condition in enumerate(conditions)
    ]
    for at in range(12):
        chosen = draw.sample(conditions, 3)
        tree = rules(*chosen, how=draw.choice(("all", "any", "not")))
        made.append(Segment.objects.create(name=f"{seed}-mixed-{at}", rules=tree))
    for at in range(4):
        others = [{"segment": one.pk, "op": draw.choice(("in", "not_in"))} for one in made[-3:]]
        tree = rules(*others[: draw.randint(1, 3)], how=draw.choice(("all", "any")))
        made.append(Segment.objects.create(name=f"{seed}-nested-{at}", rules=tree))
    return made


def differences(*, now: datetime) -> list[str]:
    """Where memberships are not what the rules say at this moment, computed from the ground up."""
    found = []
    right: dict[int, set[int]] = {}
    for segment in Segment.objects.order_by("pk"):
        kept = set(Membership.objects.filter(segment=segment).values_list("customer_id", flat=True))
        right[segment.pk] = _asked(segment, now)
        if kept != right[segment.pk]:
            missing, extra = right[segment.pk] - kept, kept - right[segment.pk]
            found.append(f"{segment.rules}: without {missing}, with {extra}")
    return found


def _asked(segment: Segment, now: datetime) -> set[int]:
    compiled = segments.compiled(segment=segment, now=now)
    with connection.cursor() as cursor:
        cursor.execute(compiled.sql, compiled.params)
        inside = {customer_id for (customer_id,) in cursor.fetchall()}
    for override in SegmentOverride.objects.filter(segment=segment, lifted_at=None):
        if override.expires_at is None or override.expires_at > now:
            (inside.add if override.mode == "include" else inside.discard)(override.customer_id)
    return inside
