"""What else happens to people in a history: letters, answers, companies, files, days that begin."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.models import Campaign, Delivery, Step
from crm import changes, companies, conversations, customers, imports, messages
from crm.choices import MessageState
from crm.models import Customer, Message, Template
from marketing import understanding
from marketing.models import Cluster, ClusterMembership, Intent, TrainingRun
from marketing.rules.base import CLUSTER
from tests.crm import importing
from tests.crm.seeing import saw

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
ZONES = (
    *("UTC", "Asia/Shanghai", "America/Los_Angeles", "Pacific/Kiritimati", "Asia/Kathmandu"),
    *("Asia/Kolkata", "America/St_Johns", "Europe/Berlin", "America/Sao_Paulo"),
    *("Pacific/Pago_Pago", ""),
)
# Where histories begin: in spring, a day before clocks are changed in Berlin and in São Paulo (at
# midnight, which there was none of), before a leap day, and before the day that is none.
BEGINNINGS = (
    "2026-04-14T12:00:00+00:00",
    "2026-03-27T20:00:00+00:00",
    "2026-10-23T20:00:00+00:00",
    "2018-11-02T20:00:00+00:00",
    "2018-02-16T20:00:00+00:00",
    "2028-02-27T08:00:00+00:00",
    "2027-02-26T20:00:00+00:00",
    "2027-12-30T20:00:00+00:00",
)

CONDITIONS: Sequence[dict[str, Any]] = (
    {"attribute": "born", "op": "anniversary", "value": 0},
    {"attribute": "born", "op": "anniversary", "value": 1},
    {"field": "created_at", "op": "anniversary", "value": 2},
    {"attribute": "renews", "op": "within_days", "value": 1},
    {"attribute": "renews", "op": "in_next_days", "value": 2},
    {"attribute": "renews", "op": "not_within_days", "value": 2},
    {"attribute": "likes", "op": "is", "value": "tea"},
    {"field": "last_seen_at", "op": "not_within_days", "value": 1},
    {"identity": "telegram"},
    {"suppressed": "email"},
    {"suppressed": "email", "reason": "staff"},
    {"message": "sent", "at_least": 2, "within_days": 3},
    {"message": "delivered"},
    {"message": "opened", "at_most": 0, "within_days": 2},
    {"message": "bounced"},
    {"message": "replied", "within_days": 2},
    {"campaign": "any", "fate": "opened"},
    {"campaign": "any", "fate": "replied", "within_days": 2},
    {"insight": "returns", "within_days": 2},
    {"company": "any"},
    {"company": "industry", "op": "is", "value": "Tea"},
    {"company": "employees", "op": "at_least", "value": 50},
    {"cluster": ["loyal"]},
    {
        "event_figure": "sum",
        "of": "page.viewed",
        "property": "price",
        "op": "at_least",
        "value": 99,
    },
    {
        **{"event_figure": "last", "of": "page.viewed", "property": "price", "op": "at_most"},
        **{"value": 20, "within_days": 2},
    },
    {"sequence": ["page.viewed", "cart.left"], "days": 1},
    {"sequence": ["page.viewed", "page.viewed"], "days": 2, "within_days": 3},
    {"event": "page.viewed", "where": [{"property": "until", "op": "in_next_days", "value": 1}]},
    {"orders": "average", "op": "at_least", "value": 20},
    {"orders": "tenure_days", "op": "at_least", "value": 1.5},
    {"bought": "product", "value": ["TEA-1"], "at_least": 2},
)


def campaign_conditions(campaign: Campaign) -> list[dict[str, Any]]:
    """What came of one campaign, and of a step of it."""
    return [
        {"campaign": campaign.pk, "fate": "sent", "within_days": 2},
        {"campaign": campaign.pk, "fate": "clicked", "at_most": 0},
        {"campaign": campaign.pk, "fate": "delivered", "step": 2},
    ]


def plant_campaign(*, seed: int, now: datetime) -> Campaign:
    """A campaign of two steps, and two clusters."""
    template = Template.objects.create(name=f"t-{seed}", channel="email", created_at=now)
    campaign = Campaign.objects.create(name=f"c-{seed}")
    for position in (1, 2):
        facts = {"position": position, "channel": "email", "template": template}
        Step.objects.create(campaign=campaign, **facts)
    run = TrainingRun.objects.create(kind="clusters", state="used", requested_at=now)
    for number, traits in enumerate((["loyal", "recent"], ["new"])):
        Cluster.objects.create(run=run, number=number, traits=traits, size=1, centre={})
    Intent.objects.create(code="returns", name="Returns", phrases="How can I return something?")
    return campaign


class Happenings:
    """Deeds of a history beside those of the shop itself."""

    random: Random
    now: datetime
    seed: int
    people: list[int]
    who: Any
    number: Any
    refresh_people: Any

    def learn(self) -> None:
        """A birthday near today, a date near now, a list."""
        day = (self.now + timedelta(days=self.random.choice((-1, 0, 1, 2, 3)))).date()
        year = self.random.choice((1988, 1990))
        born = "1988-02-29" if self.random.random() < 0.3 else f"{year}-{day:%m-%d}"
        born = born.replace("1990-02-29", "1988-02-29")
        hours = self.random.choice((-30, -23, 0, 5, 40, 50))
        renews = (self.now + timedelta(hours=hours)).isoformat()
        likes = self.random.choice((["tea", "mugs"], ["mugs"], [], "tea"))
        known = self.random.choice(({"born": born}, {"renews": renews}, {"likes": likes}))
        values = {"attributes": known}
        customers.correct(customer_id=self.who(), values=values, now=self.now)

    def write(self) -> None:
        """A message of a campaign that is on its way."""
        person = self.who()
        step = self.random.choice(list(Step.objects.all()))
        if Delivery.objects.filter(step=step, customer_id=person).exists():
            return
        delivery = Delivery.objects.create(
            campaign_id=step.campaign_id, step=step, customer_id=person, planned_at=self.now
        )
        Message.objects.create(
            customer_id=person,
            direction="out",
            channel="email",
            purpose="marketing",
            author="campaign",
            key=f"letter-{self.seed}-{self.number()}",
            state="sending",
            source_kind="delivery",
            source_id=delivery.pk,
            created_at=self.now,
        )

    def settle(self) -> None:
        """News of letters, in any order, twice, and late."""
        state, reason = self.random.choice(
            (
                *((MessageState.SENT, ""), (MessageState.SENT, ""), (MessageState.DELIVERED, "")),
                *((MessageState.DELIVERED, ""), (MessageState.BOUNCED, "hard_bounce")),
                *((MessageState.COMPLAINED, "complaint"), (MessageState.FAILED, "rejected")),
            )
        )
        at = self.now - timedelta(hours=self.random.choice((0, 0, 20)))
        for letter in self._letters(2):
            told = messages.Settlement(letter.pk, state, reason=reason, occurred_at=at)
            messages.settle_many(outcomes=[told], now=self.now)

    def open_it(self) -> None:
        for letter in self._letters(1):
            agent = self.random.choice((BROWSER, BROWSER, "GoogleImageProxy"))
            saw("opened", letter.pk, agent=agent, now=self.now)

    def answer(self) -> None:
        """Somebody writes, in answer to a letter or not, and is read."""
        customer = Customer.objects.get(pk=self.who())
        letters = list(Message.objects.filter(customer=customer, direction="out"))
        key = self.random.choice(letters).key if letters else ""
        text = self.random.choice(("How can I return something?", "Hello!"))
        sender = customer.email or f"nobody{self.number()}@shop.example"
        new = conversations.NewInbound(
            "email", sender, text, self.now, in_reply_to=key, provider_message_id=f"{self.number()}"
        )
        message_id = conversations.receive(inbound=new, now=self.now)
        if self.random.random() < 0.7:
            understanding.read(message_id=message_id, now=self.now)
        self.refresh_people()

    def _letters(self, most: int) -> list[Message]:
        letters = list(Message.objects.filter(direction="out").order_by("pk"))
        return self.random.sample(letters, min(most, len(letters)))

    def found(self) -> None:
        """A company that is new, or is not what it was."""
        new = companies.NewCompany(
            key=self.random.choice(("acme", "leaf")),
            industry=self.random.choice(("Tea", "Shipping")),
            employees=self.random.choice((None, 5, 80)),
        )
        companies.record_many(companies=[new], now=self.now)

    def join(self) -> None:
        self.found()
        key = self.random.choice(("acme", "leaf"))
        member = companies.Membership(key, self.who())
        companies.join_many(memberships=[member], now=self.now)

    def regroup(self) -> None:
        """Everybody is put into clusters anew, as by a run."""
        clusters = list(Cluster.objects.all())
        ClusterMembership.objects.all().delete()
        ClusterMembership.objects.bulk_create(
            ClusterMembership(
                customer_id=pk, cluster=self.random.choice(clusters), distance=Decimal(0)
            )
            for pk in self.people
            if self.random.random() < 0.7
        )
        changes.note_anybody(subjects=(CLUSTER,), now=self.now)

    def take_file(self) -> None:
        """A file of people: somebody known with other facts, and somebody new."""
        known = Customer.objects.get(pk=self.who())
        rows = [
            (f"f{self.seed}-{self.number()}", f"f{self.number()}@shop.example", "FR", "Rom"),
            (f"g{self.seed}", known.email, self.random.choice(("DE", "FR")), "Bonn"),
        ]
        content = importing.table(*rows, heading="id,email,country,city")
        run = imports.receive(
            chunks=[content.encode()], filename="people.csv", by=None, now=self.now
        )
        assert not imports.settle(run_id=run.pk, plan=importing.plan_of(run))
        imports.start(run_id=run.pk)
        imports.run_due(owner=imports.owner(), clock=lambda: self.now, seconds=60)
        run.refresh_from_db()
        assert run.rows == run.rows_done == 2
        self.refresh_people()

    def midnight(self) -> None:
        """A new day begins somewhere, to the second."""
        here = ZoneInfo(self.random.choice([zone for zone in ZONES if zone]))
        tomorrow = self.now.astimezone(here).date() + timedelta(days=1)
        begins = datetime.combine(tomorrow, time(), here).astimezone(self.now.tzinfo)
        self.now = max(self.now, begins + timedelta(seconds=self.random.choice((-1, 0, 1, 45))))
