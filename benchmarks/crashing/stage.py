"""What the benchmark sends: people, a letter, a campaign of so many of them."""

from datetime import datetime, timedelta

from django.db import connection

from campaigns import broadcasts
from campaigns.models import Campaign, Step
from crm import templates
from crm.models import Template
from marketing import segments
from marketing.models import Segment

_LINE = "<p>Every leaf of this harvest was weighed twice and dried over wood fires, {{ name }}.</p>"
_HTML = (
    "{% set name = customer.first_name|default_name %}<p>Dear {{ name }},</p>"
    + _LINE * 60
    + '<p><a href="https://shop.example/tea">Tea</a> <a href="{{ unsubscribe_url }}">Out</a></p>'
)
_TEXT = "Dear {{ customer.first_name|default_name }}, the harvest is here. {{ unsubscribe_url }}"
_FILL = (
    """
    INSERT INTO crm_customer (first_name, last_name, email, phone, country, city, postcode,
                              street, language, time_zone, attributes, bucket, created_at)
    SELECT 'Ann', 'Number ' || n, 'reader' || n || '@bench.example', '', 'DE',
           CASE WHEN n <= %(few)s THEN 'Small' ELSE 'Large' END, '', '', 'en', 'UTC', '{}',
           n %% 10000, %(now)s
    FROM generate_series(1, %(count)s) n
    """,
    """
    INSERT INTO crm_consent (customer_id, channel, purpose, state, decided_at)
    SELECT id, 'email', 'marketing', 'granted', %(now)s FROM crm_customer
    """,
    # A commit that can be held up: whoever locks this number decides when.
    """
    CREATE FUNCTION bench_hold() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NULL; END'
    """,
    """
    CREATE CONSTRAINT TRIGGER bench_hold AFTER INSERT ON crm_message DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION bench_hold()
    """,
    "ANALYZE",
)
HOLD = 4711
_CLEAR = """
DROP TRIGGER IF EXISTS bench_hold ON crm_message; DROP FUNCTION IF EXISTS bench_hold()
"""


def fill(*, people: int, few: int, now: datetime) -> None:
    """Make people who allow marketing; `few` of them for the smaller campaigns."""
    with connection.cursor() as cursor:
        for statement in _FILL:
            cursor.execute(statement, {"count": people, "few": few, "now": now})


def clear() -> None:
    """Take away from a database that is kept what would hold its commits up."""
    with connection.cursor() as cursor:
        cursor.execute(_CLEAR)


def plan(*, name: str, to_all: bool, now: datetime) -> Campaign:
    """Launch and start a campaign to all or to the few: its deliveries are planned."""
    field, value = ("country", "DE") if to_all else ("city", "Small")
    rules = {"version": 1, "all": [{"field": field, "op": "is", "value": value}]}
    segment = Segment.objects.create(name=name, rules=rules)
    segments.refresh(segment_id=segment.pk, now=now)
    template = Template.objects.create(name=name, channel="email", created_at=now)
    templates.publish(
        template=template, subject="The harvest", html=_HTML, text=_TEXT, by=None, now=now
    )
    campaign = Campaign.objects.create(name=name)
    campaign.segments.add(segment)
    Step.objects.create(campaign=campaign, channel="email", template=template)
    launched_at = now - timedelta(minutes=2)
    broadcasts.launch(campaign_id=campaign.pk, by=None, now=launched_at)
    broadcasts.start_due(now=now)
    return campaign
