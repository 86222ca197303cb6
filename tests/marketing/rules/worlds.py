"""Random people, as plain people for the oracle and as rows for PostgreSQL."""

import hashlib
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from campaigns import models as campaigns
from crm import models as crm
from marketing import models as marketing
from tests.marketing.oracle import Bought, Forced, Person, Said, Told

NOW = datetime(2026, 4, 14, 12, 0, tzinfo=UTC)
EVENTS = ("page.viewed", "cart.left", "order.placed", "tea.brewed")
COUNTRIES = ("DE", "CN", "FR", "")
CITIES = ("Berlin", "berlin-Mitte", "上海", "Łódź", "İstanbul", "ΑΣ", "a\nb", "%s {} \\d", "")
ZONES = (
    "UTC",
    "Europe/Berlin",
    "Asia/Shanghai",
    "America/Los_Angeles",
    "Pacific/Kiritimati",
    "America/St_Johns",
    "Asia/Kolkata",
    "Pacific/Pago_Pago",
    "Mars/Olympus",
    "",
)
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
# What nobody expects: texts that look like something else, numbers no machine holds, the ends of
# time, lists, amounts and objects.
ODD = (
    "NaN",
    "Infinity",
    "1e400",
    "True",
    "null",
    "12",
    " gold",
    "GOLD",
    "e\u0301",
    "é",
    "ß",
    "ΑΣ",
    "👍🏽",
    "\u202egold",
    "a\nb",
    "'; DROP TABLE crm_customer; --",
    "%",
    "%s",
    "%(now)s",
    "{}",
    "\\",
    '["gold"]',
    "{",
    "today",
    "now",
    "infinity",
    "20260410",
    20260410,
    "2026-4-10",
    "2026-02-30",
    "2026-04-14T12:00:00Z",
    "2026-04-14T14:00:00.000001+02:00",
    "2026-04-10 23:30 -0930",
    "0001-01-01",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "1996-02-29T23:00:00-11:00",
    10**15,
    10**30,
    -(10**30),
    1e300,
    1e-7,
    -0.0,
    0,
    0.1,
    [],
    ["gold"],
    ["Golden", 12, None, "free", ["gold"]],
    [12],
    ["DE", "Berlin"],
    {"amount": 12, "currency": "EUR"},
    {"amount": 0.5, "currency": "EUR"},
    {"amount": "12"},
    {"gold": ["gold"]},
)
EDGES = (
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1996, 2, 29, 23, 59, 59, tzinfo=UTC),
    NOW,
)
HANDLES = ("external", "email", "phone", "whatsapp", "telegram", "webchat", "anonymous")
PURPOSES = ("marketing", "newsletter", "survey", "transactional", "conversation")
TRAITS = ("recent", "lapsed", "loyal", "new")
PRODUCTS = tuple(
    {"sku": f"SKU-{n}", "category": ("Tea", "Mugs", "")[n % 3], "brand": ("A", "B")[n % 2]}
    for n in range(6)
)


def ago(random: Random) -> datetime:
    """Some moment: most lie in the last weeks, some at the edge of a day, a few ahead or far."""
    if random.random() < 0.03:
        return random.choice(EDGES)
    days = random.choice((0, 1, 2, 7, 30, random.randrange(90)))
    seconds = random.choice((0, 0, 1, -1, random.randrange(-86_400, 86_400)))
    return NOW - timedelta(days=days, seconds=seconds)


def fact(random: Random) -> Any:
    """The value of an attribute or a property."""
    return random.choice(PLANS if random.random() < 0.6 else ODD)


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
    _messages(random, found)
    _companies(random, found)
    return found


def _person(random: Random) -> Person:
    number = random.randrange(10**12)
    fields = {
        "first_name": random.choice(("Ada", "ada", "ΑΔΑ", "")),
        "last_name": random.choice(("Lovelace", "王", "")),
        "email": random.choice(("", f"U{number}@shop.example")),
        "phone": random.choice(("", f"+49{number % 10**9:09d}")),
        "country": random.choice(COUNTRIES),
        "city": random.choice(CITIES),
        "language": random.choice(("de", "en", "zh-Hans", "")),
        "time_zone": random.choice(ZONES),
        "created_at": ago(random),
        "last_seen_at": random.choice((None, ago(random))),
    }
    names = ("plan", "points", "renews")
    attributes = {name: fact(random) for name in names if random.random() < 0.8}
    person = Person(0, fields, attributes, random.randrange(10_000))
    person.handles = {kind for kind in HANDLES if random.random() < 0.4}
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
    for _ in range(random.choice((0, 1, 3, 5))):
        person.messages.append(_message(random))
    person.traits = (
        set(random.sample(TRAITS, random.randrange(4))) if random.random() < 0.6 else None
    )
    return person


def _allow(random: Random, person: Person) -> None:
    for channel in ("email", "sms"):
        for purpose in PURPOSES:
            if random.random() < (0.8 if purpose == "marketing" else 0.4):
                state = random.choice(("granted", "granted", "pending", "withdrawn"))
                person.consents[channel, purpose] = state
        if random.random() < 0.2 and person.fields["email" if channel == "email" else "phone"]:
            person.suppressed[channel] = random.choice((None, ago(random)))
    if random.random() < 0.2:
        person.pauses.append(Forced(0, ago(random), random.random() < 0.2))


def _properties(random: Random) -> dict[str, Any]:
    names = ("plan", "price")
    numbers = (5, 20, 12, 0.1, 0.2, -3)
    return {
        name: random.choice(numbers) if random.random() < 0.4 else fact(random)
        for name in names
        if random.random() < 0.8
    }


def _order(random: Random) -> Bought:
    state = random.choice(("placed", "placed", "placed", "cancelled"))
    lines = [
        (random.choice(PRODUCTS), random.choice((1, 2, -1))) for _ in range(random.randrange(3))
    ]
    return Bought(ago(random), state, random.choice((0.1, 0.2, 5, 50, 99.5, 500)), lines)


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
                revenue=sum(Decimal(str(order.total)) for order in placed),
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
    if random.random() < 0.6:
        fates.add(random.choice(("bounced", "failed", "complained")))
    return Said(ago(random), False, channel, fates, None)


def _plans(random: Random) -> list[campaigns.Step]:
    """The steps of two campaigns."""
    name = f"c{random.random()}"
    template = crm.Template.objects.create(name=name, channel="email", created_at=NOW)
    return [
        campaigns.Step.objects.create(
            campaign=campaign, position=position, channel="email", template=template
        )
        for campaign in (campaigns.Campaign.objects.create(name=f"{name}{n}") for n in range(2))
        for position in (1, 2)
    ]


def _plan(person: Person, said: Said, steps: list[campaigns.Step]) -> int | None:
    """A delivery of a step that the person had no message of; an answer has that of ours."""
    for step in steps:
        plan = (step.campaign_id, step.position)
        had = [one for one in person.messages if one.plan == plan]
        if said.is_inbound == bool(had):
            said.plan = plan
            delivery, _ = campaigns.Delivery.objects.get_or_create(
                step=step,
                customer_id=person.pk,
                defaults={"campaign_id": step.campaign_id, "planned_at": NOW},
            )
            return delivery.pk
    return None


def _messages(random: Random, found: list[Person]) -> None:
    steps = _plans(random)
    intents = {
        code: marketing.Intent.objects.get_or_create(code=code, defaults={"name": code})[0]
        for code in ("refund", "greeting")
    }
    for one in found:
        for number, said in enumerate(one.messages):
            state = next(iter(said.fates & {"bounced", "failed", "complained"}), "sent")
            chosen = random.sample(steps, 4) if random.random() < 0.7 else []
            delivery_id = _plan(one, said, chosen)
            row = crm.Message.objects.create(
                customer_id=one.pk,
                source_kind="delivery" if delivery_id else "",
                source_id=delivery_id,
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
            "domain": ("", "tea.example", "DE.example")[number],
            "industry": industry,
            "country": ("DE", "", "CN")[number],
            "employees": (None, 5, 500)[number],
        }
        known.append((facts, crm.Company.objects.create(**facts, created_at=NOW)))
    for one in found:
        for facts, company in random.sample(known, random.choice((0, 0, 1, 2))):
            one.companies.append(facts)
            crm.CompanyMember.objects.create(company=company, customer_id=one.pk, created_at=NOW)
