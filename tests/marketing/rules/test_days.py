"""What was ever done is told by days, where a retention rule has taken the events."""

from datetime import datetime, timedelta

import pytest
from django.db import connection

from crm import events, retention, rollups
from crm.choices import RetainedKind
from crm.models import Customer, RetentionRule
from marketing.rules import compile_rules
from marketing.rules.conditions import days
from tests import making

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(days, "_kept", {})


def brew(customer: Customer, at: datetime, now: datetime) -> None:
    new = events.NewEvent(customer.pk, "tea.brewed", at, f"{customer.pk}:{at}")
    events.record(event=new, now=now)


def found(now: datetime, **bounds: int) -> set[int]:
    """Whom the rule finds, asked of all at once and of each."""
    rules = {"version": 1, "all": [{"event": "tea.brewed", **bounds}]}
    answers = []
    for among in (None, list(Customer.objects.values_list("pk", flat=True))):
        compiled = compile_rules(rules=rules, now=now, among=among)
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, compiled.params)
            answers.append({pk for (pk,) in cursor.fetchall()})
    assert answers[0] == answers[1]
    return answers[0]


@pytest.fixture
def long_ago(now: datetime) -> Customer:
    """Somebody whose three events a retention rule has taken."""
    customer = making.customer(now=now)
    for hours in (0, 1, 30):
        brew(customer, now - timedelta(days=400, hours=hours), now)
    rollups.run_due(now=now)
    RetentionRule.objects.create(what=RetainedKind.EVENTS, keep_days=365, is_on=True)
    retention.run_due(now=now)
    assert not customer.events.exists()
    return customer


@pytest.mark.parametrize("is_rolled_up", [True, False])
@pytest.mark.parametrize("late", [10, 380, 402, 500])
def test_an_event_told_late_hides_nobody_whose_events_are_gone(
    now: datetime, long_ago: Customer, late: int, is_rolled_up: bool
) -> None:
    other, never = making.customer(now=now), making.customer(now=now)
    brew(other, now - timedelta(days=late), now)
    brew(other, now, now)
    if is_rolled_up:
        rollups.run_due(now=now)

    assert found(now) == {long_ago.pk, other.pk}
    assert found(now, at_least=3) == {long_ago.pk}
    assert found(now, at_least=2, at_most=2) == {other.pk}
    assert found(now, at_most=0) == {never.pk}
    assert found(now, at_most=2) == {never.pk, other.pk}


def test_what_a_retention_rule_takes_is_known_at_once(now: datetime) -> None:
    customer = making.customer(now=now)
    brew(customer, now - timedelta(days=400), now)
    rollups.run_due(now=now)
    assert found(now) == {customer.pk}
    RetentionRule.objects.create(what=RetainedKind.EVENTS, keep_days=365, is_on=True)
    days._kept.clear()

    retention.run_due(now=now)

    assert found(now) == {customer.pk}
