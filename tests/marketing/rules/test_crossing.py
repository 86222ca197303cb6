"""Whom the clock alone can move is named, whatever it is in a rule that the clock looks at."""

from datetime import datetime, timedelta

import pytest
from django.db import connection

from crm import events
from marketing import rules
from tests import making

pytestmark = pytest.mark.django_db


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
