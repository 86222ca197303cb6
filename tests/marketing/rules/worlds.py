"""Random people, as plain people for the oracle and as rows for PostgreSQL."""

import hashlib
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from crm import models as crm
from marketing import models as marketing
from tests.marketing.oracle import Bought, Forced, Person, Said, Told

NOW = datetime(2026, 4, 14, 12, 0, tzinfo=UTC)
EVENTS = ("page.viewed", "cart.left", "order.placed", "tea.brewed")
COUNTRIES = ("DE", "CN", "FR", "")
CITIES = ("Berlin", "berlin-Mitte", "上海", "Łódź", "")
ZONES = ("UTC", "Europe/Berlin", "Asia/Shanghai", "America/Los_Angeles")
PLANS = (
    "gold",
    "Golden",
    "free",
    "",
    None,
    12,
    0.5,
    True,
    False,
    "2026-04-10",
    "2026-03-15",
    "2004-02-29",
    "2001-04-15",
)
TRAITS = ("recent", "lapsed", "loyal", "new")
PRODUCTS = tuple(
    {"sku": f"SKU-{n}", "category": ("Tea", "Mugs", "")[n % 3], "brand": ("A", "B")[n % 2]}
    for n in range(6)
)


def ago(random: Random) -> datetime:
    """Some moment: most lie in the last weeks, some at the edge of a day, a few ahead."""
    days = random.choice((0, 1, 2, 7, 30, random.randrange(90)))
    seconds = random.choice((0, 0, 1, -1, random.randrange(-86_400, 86_400)))
    return NOW - timedelta(days=days, seconds=seconds)


def people(*, random: Random, count: int) -> list[Person]:
    """Random people, written down; what they did is partly rolled up and partly waiting."""
    found = [_person(random) for _ in range(count)]
    rows = crm.Customer.objects.bulk_create(
        crm.Customer(**one.fields, attributes=one.attributes, bucket=one.bucket) for one in found
    )
    for one, row in zip(found, rows, strict=True):
        one.pk = row.pk
    _permissions(found)
    _events(random, found)
    _orders(found)
    _understanding(random, found)
    _messages(found)
    _companies(random, found)
    return found


def _person(random: Random) -> Person:
    number = random.randrange(10**12)
    fields = {
        "first_name": random.choice(("Ada", "ada", "")),
        "last_name": random.choice(("Lovelace", "王", "")),
        "email": random.choice(("", f"U{number}@shop.example")),
        "phone": random.choice(("", f"+49{number % 10**9:09d}")),
        "country": random.choice(COUNTRIES),
        "city": random.choice(CITIES),
        "language": random.choice(("de", "en")),
        "time_zone": random.choice(ZONES),
        "created_at": ago(random),
        "last_seen_at": random.choice((None, ago(random))),
    }
    names = ("plan", "points", "renews")
    attributes = {name: random.choice(PLANS) for name in names if random.random() < 0.7}
    person = Person(0, fields, attributes, random.randrange(10_000))
    person.handles = {kind for kind in ("email", "phone", "telegram") if random.random() < 0.4}
    _allow(random, person)
    for _ in range(random.choice((0, 0, 1, 2, 5, 9))):
        person.events.append(Told(random.choice(EVENTS), ago(random), _properties(random)))
    for _ in range(random.choice((0, 0, 0, 1, 2, 4))):
        person.orders.append(_order(random))
    if random.random() < 0.6:
        person.scores["buys_90_days"] = random.choice((0.1, 0.5, 0.9))
    if random.random() < 0.3:
        until = random.choice((None, ago(random)))
        person.forced["buys_90_days"] = [Forced(random.random(), until, random.random() < 0.2)]
    for _ in range(random.choice((0, 0, 1, 3))):
        person.messages.append(_message(random))
    person.traits = (
        set(random.sample(TRAITS, random.randrange(4))) if random.random() < 0.6 else None
    )
    return person


def _allow(random: Random, person: Person) -> None:
    for channel in ("email", "sms"):
        if random.random() < 0.8:
            state = random.choice(("granted", "granted", "pending", "withdrawn"))
            person.consents[channel, random.choice(("marketing", "marketing", "survey"))] = state
        if random.random() < 0.2 and person.fields["email" if channel == "email" else "phone"]:
            person.suppressed[channel] = random.choice((None, ago(random)))
    if random.random() < 0.2:
        person.pauses.append(Forced(0, ago(random), random.random() < 0.2))


def _properties(random: Random) -> dict[str, Any]:
    names = ("plan", "price")
    return {name: random.choice((*PLANS, 5, 20)) for name in names if random.random() < 0.7}


def _order(random: Random) -> Bought:
    state = random.choice(("placed", "placed", "placed", "cancelled"))
    lines = [
        (random.choice(PRODUCTS), random.choice((1, 2, -1))) for _ in range(random.randrange(3))
    ]
    return Bought(ago(random), state, random.choice((5, 50, 99.5, 500)), lines)


def _permissions(found: list[Person]) -> None:
    crm.Identity.objects.bulk_create(
        crm.Identity(customer_id=one.pk, kind=kind, value=f"{kind}:{one.pk}", created_at=NOW)
        for one in found
        for kind in one.handles
    )
    crm.Consent.objects.bulk_create(
        crm.Consent(
            customer_id=one.pk, channel=channel, purpose=purpose, state=state, decided_at=NOW
        )
        for one in found
        for (channel, purpose), state in one.consents.items()
    )
    crm.Suppression.objects.bulk_create(
        crm.Suppression(
            channel=channel,
            address_hash=_hash(channel, one.fields["email" if channel == "email" else "phone"]),
            reason="staff",
            created_at=NOW,
            expires_at=until,
        )
        for one in found
        for channel, until in one.suppressed.items()
    )
    crm.MarketingPause.objects.bulk_create(
        crm.MarketingPause(
            customer_id=one.pk,
            reason="asked",
            created_at=NOW,
            expires_at=pause.expires_at,
            lifted_at=NOW if pause.is_lifted else None,
        )
        for one in found
        for pause in one.pauses
    )


def _hash(channel: str, address: str) -> str:
    return hashlib.sha256(f"{channel}:{address.lower()}".encode()).hexdigest()


def _events(random: Random, found: list[Person]) -> None:
    rows = crm.Event.objects.bulk_create(
        crm.Event(
            customer_id=one.pk,
            name=event.name,
            occurred_at=event.at,
            received_at=NOW,
            properties=event.properties,
            key=f"{one.pk}:{number}",
        )
        for one in found
        for number, event in enumerate(one.events)
    )
    waiting = [row for row in rows if random.random() < 0.3]
    days = Counter((row.customer_id, row.name, row.occurred_at.date()) for row in rows)
    for row in waiting:
        days[row.customer_id, row.name, row.occurred_at.date()] -= 1
    crm.EventDay.objects.bulk_create(
        crm.EventDay(
            customer_id=pk,
            name=name,
            date=day,
            count=count,
            first_at=datetime.combine(day, time(), UTC),
            last_at=datetime.combine(day, time(), UTC),
        )
        for (pk, name, day), count in days.items()
        if count
    )
    if waiting:
        crm.EventBatch.objects.create(event_ids=[row.pk for row in waiting], created_at=NOW)


def _orders(found: list[Person]) -> None:
    products = {
        one["sku"]: crm.Product.objects.get_or_create(
            sku=one["sku"],
            defaults={
                "name": one["sku"],
                "category": one["category"],
                "brand": one["brand"],
                "price": 1,
                "currency": "EUR",
                "created_at": NOW,
            },
        )[0]
        for one in PRODUCTS
    }
    for one in found:
        for number, order in enumerate(one.orders):
            row = crm.Order.objects.create(
                number=f"{one.pk}-{number}",
                customer_id=one.pk,
                state=order.state,
                placed_at=order.at,
                currency="EUR",
                total=Decimal(str(order.total)),
            )
            crm.OrderLine.objects.bulk_create(
                crm.OrderLine(
                    order=row, product=products[product["sku"]], quantity=many, unit_price=1
                )
                for product, many in order.lines
            )
        placed = [order for order in one.orders if order.state == "placed"]
        if placed:
            crm.OrderStatistics.objects.create(
                customer_id=one.pk,
                orders=len(placed),
                revenue=Decimal(str(sum(order.total for order in placed))),
                first_order_at=min(order.at for order in placed),
                last_order_at=max(order.at for order in placed),
            )


def _understanding(random: Random, found: list[Person]) -> None:
    run = marketing.TrainingRun.objects.create(kind="clusters", state="used", requested_at=NOW)
    groups = [
        marketing.Segment.objects.create(name=f"s{random.random()}", kind="list") for _ in range(2)
    ]
    for one in found:
        inside = [group for group in groups if random.random() < 0.4]
        one.segments = {group.pk for group in inside}
        marketing.Membership.objects.bulk_create(
            marketing.Membership(segment=group, customer_id=one.pk, entered_at=NOW)
            for group in inside
        )
        for kind, value in one.scores.items():
            marketing.Score.objects.create(
                customer_id=one.pk, kind=kind, value=value, run=run, computed_at=NOW
            )
        for kind, forced in one.forced.items():
            for entry in forced:
                marketing.ScoreOverride.objects.create(
                    customer_id=one.pk,
                    kind=kind,
                    value=entry.value,
                    reason="seen",
                    created_at=NOW,
                    expires_at=entry.expires_at,
                    lifted_at=NOW if entry.is_lifted else None,
                )
    _clusters(run, found)


def _clusters(run: marketing.TrainingRun, found: list[Person]) -> None:
    clusters: dict[tuple[str, ...], marketing.Cluster] = {}
    for one in found:
        if one.traits is None:
            continue
        traits = tuple(sorted(one.traits))
        if traits not in clusters:
            clusters[traits] = marketing.Cluster.objects.create(
                run=run, number=len(clusters), traits=list(traits), size=1, centre={}
            )
        marketing.ClusterMembership.objects.create(
            customer_id=one.pk, cluster=clusters[traits], distance=0.0
        )


def _message(random: Random) -> Said:
    channel = random.choice(("email", "sms"))
    if random.random() < 0.3:
        intent = random.choice(("refund", "greeting", None))
        return Said(ago(random), True, channel, {"replied"}, intent)
    fates = {fate for fate in ("sent", "delivered", "opened", "clicked") if random.random() < 0.6}
    if random.random() < 0.3:
        fates.add(random.choice(("bounced", "failed")))
    return Said(ago(random), False, channel, fates, None)


def _messages(found: list[Person]) -> None:
    intents = {
        code: marketing.Intent.objects.get_or_create(code=code, defaults={"name": code})[0]
        for code in ("refund", "greeting")
    }
    for one in found:
        for number, said in enumerate(one.messages):
            state = next(iter(said.fates & {"bounced", "failed"}), "sent")
            row = crm.Message.objects.create(
                customer_id=one.pk,
                direction="in" if said.is_inbound else "out",
                channel=said.channel,
                purpose="marketing",
                author="customer" if said.is_inbound else "campaign",
                key=f"{one.pk}-{number}",
                state="received" if said.is_inbound else state,
                reason="unknown" if state != "sent" else "",
                created_at=said.at,
                **{f"{fate}_at": NOW for fate in said.fates if fate in _MOMENTS},
            )
            if said.intent:
                marketing.Insight.objects.create(
                    message=row, intent=intents[said.intent], confidence=0.9, read_at=NOW
                )


_MOMENTS = ("sent", "delivered", "opened", "clicked")


def _companies(random: Random, found: list[Person]) -> None:
    known = []
    for number, industry in enumerate(("Tea", "", "Shipping")):
        facts = {
            "key": f"K{random.random()}",
            "name": f"Company {number}",
            "domain": random.choice(("", "tea.example")),
            "industry": industry,
            "country": random.choice(COUNTRIES),
            "employees": random.choice((None, 5, 500)),
        }
        known.append((facts, crm.Company.objects.create(**facts, created_at=NOW)))
    for one in found:
        for facts, company in random.sample(known, random.choice((0, 0, 1, 2))):
            one.companies.append(facts)
            crm.CompanyMember.objects.create(company=company, customer_id=one.pk, created_at=NOW)
