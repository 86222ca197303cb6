"""A shop to send from: customers who allow marketing, each with an order of fourteen products."""

from datetime import datetime

from django.db import connection

from benchmarks.letter import Letter
from campaigns import broadcasts
from campaigns.models import Campaign, Step
from crm import templates
from crm.models import Template
from marketing import segments
from marketing.models import Segment

LINES = 14

_PEOPLE = (
    """
    INSERT INTO crm_customer (first_name, last_name, email, phone, country, city, postcode,
                              street, language, time_zone, attributes, bucket, created_at)
    SELECT (ARRAY['Ann', 'Bob', 'Chen <b>', 'Zoë & Co'])[1 + n %% 4], 'Number ' || n,
           'reader' || n || '@bench.example', '', 'DE', 'City ' || n %% 500, '', '', 'en', 'UTC',
           jsonb_build_object('points', n %% 1000), n %% 10000, %(now)s
    FROM generate_series(1, %(count)s) n
    """,
    """
    INSERT INTO crm_consent (customer_id, channel, purpose, state, decided_at)
    SELECT id, 'email', 'marketing', 'granted', %(now)s FROM crm_customer
    """,
)
_FILL = (
    """
    INSERT INTO crm_product (sku, name, description, category, brand, price, currency, url,
                             image_url, is_active, created_at)
    SELECT 's' || n, 'Tea number ' || n, '', 'Green', '', 5 + n %% 40, 'EUR',
           'https://shop.example/p/' || n, 'https://shop.example/i/' || n || '.png', true, %(now)s
    FROM generate_series(1, 1000) n
    """,
    *_PEOPLE,
    """
    INSERT INTO crm_order (number, customer_id, state, placed_at, currency, total)
    SELECT 'o' || id, id, 'placed', %(now)s, 'EUR', 100 FROM crm_customer
    """,
    """
    INSERT INTO crm_orderline (order_id, product_id, quantity, unit_price)
    SELECT o.id, 1 + (o.customer_id * 7 + k) %% 1000, 1, 10
    FROM crm_order o, generate_series(1, %(lines)s) k
    """,
    """
    INSERT INTO crm_orderstatistics (customer_id, orders, revenue, first_order_at, last_order_at)
    SELECT id, id %% 10, 100, %(now)s, %(now)s FROM crm_customer
    """,
    "ANALYZE",
)


def fill(*, recipients: int, now: datetime) -> None:
    """Make the customers and what they bought."""
    with connection.cursor() as cursor:
        for statement in _FILL:
            cursor.execute(statement, {"count": recipients, "lines": LINES, "now": now})


def fill_people(*, count: int, now: datetime) -> None:
    """Make only the customers and what they allow."""
    with connection.cursor() as cursor:
        for statement in (*_PEOPLE, "ANALYZE"):
            cursor.execute(statement, {"count": count, "now": now})


def plan(*, name: str, letter: Letter, now: datetime, later: datetime) -> Campaign:
    """Launch and start a campaign to everybody: its deliveries are planned."""
    campaign = launch(name=name, letter=letter, now=now)
    broadcasts.start_due(now=later)
    return campaign


def launch(*, name: str, letter: Letter, now: datetime) -> Campaign:
    """Launch a campaign to everybody, which starts when it is due."""
    segment, _ = Segment.objects.get_or_create(
        name="Everybody",
        defaults={
            "rules": {"version": 1, "all": [{"field": "country", "op": "is", "value": "DE"}]}
        },
    )
    segments.refresh(segment_id=segment.pk, now=now)
    template, _ = Template.objects.get_or_create(
        name=letter.name, channel="email", defaults={"created_at": now}
    )
    templates.publish(
        template=template,
        subject=letter.subject,
        html=letter.html,
        text=letter.text,
        by=None,
        now=now,
    )
    campaign = Campaign.objects.create(name=name)
    campaign.segments.add(segment)
    Step.objects.create(campaign=campaign, channel="email", template=template)
    broadcasts.launch(campaign_id=campaign.pk, by=None, now=now)
    return campaign
