"""How many a condition names is known before it is asked of everybody."""

from datetime import datetime

import pytest
from django.db import connection

from crm.models import Customer
from marketing.rules import estimating, logic
from marketing.rules.tree import validate

pytestmark = pytest.mark.django_db


def atom(condition: dict[str, object], now: datetime) -> logic.Atom:
    form = logic.read(node=validate(rules={"version": 1, "all": [condition]}), now=now)
    assert isinstance(form, logic.Atom)
    return form


@pytest.fixture
def thousand(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough customers for a sample."""
    monkeypatch.setattr(estimating, "_kept", {})
    # Statistics count about, and the numbers of customers begin where other tests left them.
    monkeypatch.setattr(estimating, "_MANY", 500)
    monkeypatch.setattr(estimating, "_ASKED", 20_000)
    Customer.objects.bulk_create(
        Customer(attributes={"tier": "gold" if number % 3 == 0 else "tin"}, created_at=now)
        for number in range(1_000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE crm_customer")


def test_of_an_attribute_a_few_customers_tell_how_many_have_it(
    thousand: None, now: datetime
) -> None:
    gold = atom({"attribute": "tier", "op": "is", "value": "gold"}, now)

    estimated = estimating.estimate(atom=gold)

    assert 250 < estimated.rows < 420


def test_of_what_nobody_has_there_may_be_some_all_the_same(thousand: None, now: datetime) -> None:
    silver = atom({"attribute": "tier", "op": "is", "value": "silver"}, now)

    estimated = estimating.estimate(atom=silver)

    assert 0 < estimated.rows < 5


def test_a_random_share_is_no_larger_among_those_who_are_asked(
    thousand: None, now: datetime
) -> None:
    tenth = atom({"share": 10}, now)

    estimated = estimating.estimate(atom=tenth)

    assert 50 < estimated.rows < 170
