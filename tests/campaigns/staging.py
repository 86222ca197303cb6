"""What the tests of campaigns begin with: a template, a segment, a campaign on its way."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from campaigns import broadcasts, sending
from campaigns.choices import CampaignState
from campaigns.models import Campaign, Delivery, Step
from campaigns.reports import balance
from crm import accounts, consent, messages, templates
from crm.channels import registry
from crm.channels.memory import MemoryAdapter
from crm.customers import Person, identify_many
from crm.models import Customer, Template
from marketing import segments
from marketing.choices import SegmentKind
from marketing.models import Segment, SegmentOverride

HTML = """<p>Hello {{ customer.first_name|default_name }},</p>
<p><a href="https://shop.example/tea">Tea</a></p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>"""
TEXT = "Hello {{ customer.first_name|default_name }}, tea! Out: {{ unsubscribe_url }}"
LONG_ENOUGH = timedelta(seconds=60)

_count = iter(range(1, 1_000_000))


def template(*, now: datetime, html: str = HTML, text: str = TEXT, **facts: Any) -> Template:
    """A published template."""
    facts = {"name": f"Template {next(_count)}", "channel": "email", "created_at": now, **facts}
    made = Template.objects.create(**facts)
    templates.publish(template=made, subject="Tea time", html=html, text=text, by=None, now=now)
    return made


def segment(*, customers: Collection[Customer], now: datetime) -> Segment:
    """A fixed list of these customers."""
    made = Segment.objects.create(name=f"Segment {next(_count)}", kind=SegmentKind.LIST)
    SegmentOverride.objects.bulk_create(
        SegmentOverride(
            segment=made, customer=person, mode="include", reason="A test", created_at=now
        )
        for person in customers
    )
    segments.refresh(segment_id=made.pk, now=now)
    return made


def crowd(*, count: int, now: datetime) -> list[Customer]:
    """Many people who allow marketing by e-mail, made at once."""
    people = [Person(email=f"crowd{n}@shop.example") for n in range(count)]
    ids = identify_many(people=people, now=now)
    consent.decide_many(
        decisions=[
            consent.NewDecision(pk, "email", "marketing", "granted", "sign_up", now) for pk in ids
        ],
        now=now,
    )
    return list(Customer.objects.filter(pk__in=ids))


def draft(
    *, customers: Collection[Customer], now: datetime, html: str = HTML, **facts: Any
) -> Campaign:
    """A campaign that is ready to be launched."""
    made = Campaign.objects.create(name=f"Campaign {next(_count)}", **facts)
    made.segments.add(segment(customers=customers, now=now))
    Step.objects.create(campaign=made, channel="email", template=template(now=now, html=html))
    return made


def running(*, customers: Collection[Customer], now: datetime, **facts: Any) -> Campaign:
    """A campaign that was launched and has started: its deliveries are planned."""
    made = draft(customers=customers, now=now, **facts)
    broadcasts.launch(campaign_id=made.pk, by=None, now=now)
    broadcasts.start_due(now=now + LONG_ENOUGH)
    made.refresh_from_db()
    assert made.state == CampaignState.RUNNING
    return made


def send(*, campaign: Campaign, now: datetime, size: int = 500) -> sending.BatchResult:
    """Send one batch as a worker does."""
    return sending.send_batch(campaign_id=campaign.pk, owner=messages.owner(), now=now, size=size)


def provider() -> MemoryAdapter:
    """The fake provider that this process sends mail through."""
    adapter = registry.adapter_for(accounts.for_channel(channel="email"))
    assert isinstance(adapter, MemoryAdapter)
    return adapter


def states(*, campaign: Campaign) -> list[tuple[str, str]]:
    """State and reason of every delivery, in the order of the customers."""
    rows = Delivery.objects.filter(campaign=campaign).order_by("customer_id")
    return list(rows.values_list("state", "reason"))


def is_even(*, campaign: Campaign) -> bool:
    """Whether the books of a campaign balance."""
    books = balance(campaign_id=campaign.pk)
    return books.is_even and books.planned == Delivery.objects.filter(campaign=campaign).count()
