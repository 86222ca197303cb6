"""Planning and sending take linear time, whatever PostgreSQL thinks of its tables."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from campaigns import planning
from campaigns.sending import decided
from crm import planner
from crm.arrays import numbers
from crm.messages import sent
from tests.campaigns import staging
from tests.crm.plans import Plans, think_the_record_empty

pytestmark = pytest.mark.django_db

IDS = numbers(of=range(1, 2_001))


def planned(statement: str, asked: Any) -> str:
    think_the_record_empty()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}", asked)
        return "\n".join(line for (line,) in cursor.fetchall())


def test_messages_are_settled_by_their_ids(now: datetime) -> None:
    asked = {"ids": IDS, "now": now, "event": sent.EVENT, "subjects": ["message"]}

    plan = planned(sent._SETTLE, asked)

    assert "Update on crm_message" in plan
    assert "Nested Loop" not in plan


def test_deliveries_are_handed_over_by_their_ids(now: datetime) -> None:
    plan = planned(decided._HAND_OVER, [now, IDS, IDS, IDS])

    assert "Index Cond: (id = ANY (" in plan
    assert "Seq Scan" not in plan


@pytest.mark.parametrize("holdout_percent", [0, 10])
def test_an_audience_is_not_held_against_all_that_is_left_out_of_it(
    holdout_percent: int, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "REST", timedelta())
    people = staging.crowd(count=600, now=now)
    campaign = staging.draft(customers=people, now=now)
    campaign.segments.add(staging.segment(customers=people[300:], now=now))
    campaign.excluded_segments.add(staging.segment(customers=people[:100], now=now))
    campaign.holdout_percent = holdout_percent
    plans = Plans("campaigns_delivery")
    think_the_record_empty()

    with connection.execute_wrapper(plans):
        count = planning.plan(campaign=campaign, step=campaign.steps.get(), now=now)

    assert count == 500
    assert plans.found
    assert plans.comparing_each_with_each() == []
