"""Whom the clock alone can move is named, whatever it is in a rule that the clock looks at."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from crm import customers, events
from crm.models import Change, Customer
from marketing import rules, segments
from marketing.models import Segment
from tests import making

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "condition",
    [
        {"attribute": "born", "op": "anniversary", "value": 0},
        {"field": "created_at", "op": "anniversary", "value": 0},
        {"field": "last_seen_at", "op": "anniversary", "value": 0},
    ],
)
def test_who_moves_to_another_time_zone_has_other_anniversaries(
    now: datetime, condition: dict[str, Any]
) -> None:
    now = now.replace(hour=11)
    born = {"attributes": {"born": "1990-04-14"}, "time_zone": "UTC"}
    customer = making.customer(now=now, **born)
    Customer.objects.filter(pk=customer.pk).update(last_seen_at=now)
    segment = Segment.objects.create(name="Today", rules={"version": 1, "all": [condition]})
    segments.refresh(segment_id=segment.pk, now=now)
    Change.objects.all().delete()
    assert segment.memberships.exists()

    # It is the 15th there already.
    values = {"time_zone": "Pacific/Kiritimati"}
    customers.correct(customer_id=customer.pk, values=values, now=now)
    segments.follow(now=now)

    assert not segment.memberships.exists()


def test_a_property_that_leaves_its_window_names_the_customer(now: datetime) -> None:
    customer = making.customer(now=now)
    told = {"best_before": (now - timedelta(days=7)).isoformat()}
    left = events.NewEvent(customer.pk, "cart.left", now - timedelta(days=30), "web:1", told)
    events.record(event=left, now=now)
    asked = {"property": "best_before", "op": "within_days", "value": 7}
    tree = {"version": 1, "all": [{"event": "cart.left", "where": [asked]}]}

    found = rules.crossed(rules=tree, since=now, until=now + timedelta(minutes=1))

    assert found is not None
    with connection.cursor() as cursor:
        cursor.execute(found.text, found.params)
        assert cursor.fetchall() == [(customer.pk,)]
