"""Customers with rows in every table, and a dump of all tables to compare by."""

import json
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.db import connection

from campaigns.models import Campaign, Delivery, Step
from crm import consent, customers, events
from crm.choices import CandidateReason, ConsentState, DecisionSource
from crm.customers import refreshing, tables
from crm.models import (
    Company,
    CompanyMember,
    ContactPreference,
    Conversation,
    Customer,
    CustomerNote,
    CustomerTask,
    DuplicateCandidate,
    FieldLock,
    Message,
    PrivacyRequest,
    QualityFinding,
    Template,
    TrackingRefusal,
)
from marketing.choices import MoveCause
from marketing.models import (
    Cluster,
    ClusterMembership,
    Feature,
    ListEntry,
    Membership,
    Score,
    ScoreOverride,
    Segment,
    SegmentMove,
    SegmentOverride,
    TrainingRun,
)
from tests import making

# Told of beside the customers: the ledger of merges and who changed what.
_ASIDE = ("crm_merge", "crm_historical", "crm_change")


def dump() -> dict[str, list[str]]:
    """Every row of every table of ours, as PostgreSQL writes it."""
    found = {}
    with connection.cursor() as cursor:
        for name in _tables():
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {name} t ORDER BY 1")
            found[name] = [row for (row,) in cursor.fetchall()]
    return found


def _tables() -> list[str]:
    names = [
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in {"crm", "marketing", "campaigns"}
    ]
    return [name for name in names if not name.startswith(_ASIDE)]


def differences(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, Any]:
    """What two dumps do not share, by table."""
    return {
        name: (
            [json.loads(row) for row in set(before[name]) - set(after[name])],
            [json.loads(row) for row in set(after[name]) - set(before[name])],
        )
        for name in before
        if before[name] != after[name]
    }


def customer(*, now: datetime, number: int) -> Customer:
    """A customer with at least one row in every table; some collide with the next one's."""
    made = making.subscriber(
        now=now + timedelta(hours=number),
        first_name="Ada" if number else "",
        city="Leeds" if number else "",
        attributes={"shoe": 38 + number, f"only{number}": 0.1},
    )
    _decide(made, now, number)
    making.order(now=now, customer=made, number=f"R-{number}")
    events.record_many(
        events=[
            events.NewEvent(made.pk, "page.viewed", now - timedelta(days=day), f"{number}:{day}")
            for day in range(3)
        ],
        now=now,
    )
    _desk(made, now, number)
    _above(made, now, number)
    refreshing.refresh(customer_ids=[made.pk], used={"crm_event", "crm_order", "crm_companymember"})
    return Customer.objects.get(pk=made.pk)


def assert_every_table_is_used(customer_id: int) -> None:
    """A table that a test forgets is a table that a merge may lose."""
    missing = {t.name for t in tables.all_tables()} - {
        t.name for t in tables.used(customer_ids=[customer_id])
    }
    assert missing == set()


def _decide(made: Customer, now: datetime, number: int) -> None:
    state = ConsentState.WITHDRAWN if number else ConsentState.GRANTED
    decision = consent.NewDecision(
        made.pk, "email", "newsletter", state, DecisionSource.STAFF, now - timedelta(days=number)
    )
    consent.decide_many(decisions=[decision], now=now)
    customers.pause(
        customer_id=made.pk, until_at=now + timedelta(days=9 + number), reason="x", by=None, now=now
    )
    ContactPreference.objects.create(
        customer=made, messages=3 - number, days=7, chosen_at=now - timedelta(days=number)
    )
    TrackingRefusal.objects.create(customer=made, mode=("off", "aggregate")[number], refused_at=now)
    PrivacyRequest.objects.create(
        kind="export", customer=made, source="api", requested_at=now, due_at=now
    )


def _desk(made: Customer, now: datetime, number: int) -> None:
    third = making.customer(now=now)
    DuplicateCandidate.objects.create(
        left=min(made, third, key=lambda one: one.pk),
        right=max(made, third, key=lambda one: one.pk),
        reason=CandidateReason.SAME_PHONE,
        score=0.5,
        found_at=now,
    )
    thrown_in = making.customer(now=now)
    customers.merge(
        kept_id=made.pk, merged_id=thrown_in.pk, cause="staff", reason="", by=None, now=now
    )
    Conversation.objects.create(
        customer=made, channel="email", opened_at=now, last_message_at=now, waiting_since_at=now
    )
    Message.objects.create(
        customer=made,
        conversation=Conversation.objects.get(customer=made),
        direction="in",
        channel="email",
        purpose="conversation",
        author="customer",
        address="a@b.example",
        key=f"m{number}",
        state="received",
        created_at=now,
    )
    CustomerNote.objects.create(customer=made, text="Kind", created_at=now)
    CustomerTask.objects.create(customer=made, title="Call", created_at=now)
    FieldLock.objects.create(customer=made, field="time_zone", reason="x", created_at=now)
    QualityFinding.objects.create(customer=made, check_name="no_country", found_at=now)
    company, _ = Company.objects.get_or_create(key="acme", defaults={"created_at": now})
    CompanyMember.objects.create(customer=made, company=company, created_at=now)


def _above(made: Customer, now: datetime, number: int) -> None:
    segment, _ = Segment.objects.get_or_create(name="Tea")
    own = Segment.objects.create(name=f"Own {number}")
    for one in (segment, own):
        Membership.objects.create(segment=one, customer=made, entered_at=now)
        ListEntry.objects.create(segment=one, customer=made, added_at=now)
        SegmentMove.objects.create(
            segment=one, customer=made, moved_at=now, is_entry=True, cause=MoveCause.CHANGE
        )
        SegmentOverride.objects.create(
            segment=one, customer=made, mode="in", reason="x", created_at=now
        )
    run, _ = TrainingRun.objects.get_or_create(
        kind="value", state="used", defaults={"requested_at": now}
    )
    cluster, _ = Cluster.objects.get_or_create(run=run, number=1, defaults={"size": 2})
    ClusterMembership.objects.create(customer=made, cluster=cluster, distance=0.1 + number)
    Score.objects.create(customer=made, kind="value", value=number, run=run, computed_at=now)
    ScoreOverride.objects.create(customer=made, kind="value", value=1, reason="x", created_at=now)
    numbers = [field.name for field in Feature._meta.concrete_fields[3:]]
    Feature.objects.create(
        customer=made, as_of_date=now.date(), **dict.fromkeys(numbers, 1 + number)
    )
    _campaign(made, now, number)


def _campaign(made: Customer, now: datetime, number: int) -> None:
    template, _ = Template.objects.get_or_create(
        name="Spring", channel="email", defaults={"created_at": now}
    )
    for name in ("Spring", f"Own {number}"):
        campaign, _ = Campaign.objects.get_or_create(name=name)
        step, _ = Step.objects.get_or_create(
            campaign=campaign, defaults={"channel": "email", "template": template}
        )
        Delivery.objects.create(campaign=campaign, step=step, customer=made, planned_at=now)
