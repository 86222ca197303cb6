"""Companies come in by group calls, and add up what their people come to."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from crm import companies, customers, ingest
from crm.choices import MergeCause
from crm.companies import Membership, NewCompany
from crm.models import Company, CompanyMember, CompanyStatistics
from tests import making

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_group_call_makes_the_company_and_the_member(
    tell: Callable[..., ingest.Receipt], drained: Any
) -> None:
    traits = {
        "name": "Tea House",
        "website": "https://tea.example/about",
        "employees": "12",
        "plan": "gold",
    }
    tell({"type": "group", "userId": "C-1", "groupId": "G-1", "traits": traits})

    drained()

    company = Company.objects.get()
    assert (company.key, company.name, company.domain) == ("G-1", "Tea House", "tea.example")
    assert (company.employees, company.attributes) == (12, {"plan": "gold"})
    assert CompanyMember.objects.get().company == company


def test_what_is_left_out_stays(now: datetime) -> None:
    full = NewCompany("G-1", name="Tea House", domain="tea.example", attributes={"a": 1})
    companies.record_many(companies=[full], now=now)

    companies.record_many(companies=[NewCompany("G-1", attributes={"b": 2})], now=now)

    company = Company.objects.get()
    assert (company.name, company.domain) == ("Tea House", "tea.example")
    assert company.attributes == {"a": 1, "b": 2}


def test_a_company_adds_up_the_orders_of_its_people(now: datetime) -> None:
    ada, bob = making.customer(now=now), making.customer(now=now)
    making.order(now=now, customer=ada)
    companies.record_many(companies=[NewCompany("G-1")], now=now)

    companies.join_many(memberships=[Membership("G-1", ada.pk), Membership("G-1", bob.pk)], now=now)

    statistics = CompanyStatistics.objects.get()
    assert (statistics.members, statistics.orders) == (2, 1)
    assert statistics.revenue == Decimal("25.00")


@pytest.fixture
def two(now: datetime) -> list[Any]:
    """Two people of one company."""
    people = [making.customer(now=now), making.customer(now=now)]
    companies.record_many(companies=[NewCompany("G-1")], now=now)
    companies.join_many(memberships=[Membership("G-1", one.pk) for one in people], now=now)
    return people


def _figures() -> tuple[int, int, Decimal]:
    found = CompanyStatistics.objects.get()
    return found.members, found.orders, found.revenue


def test_an_order_counts_for_the_company_at_once(two: list[Any], now: datetime) -> None:
    making.order(now=now, customer=two[0])

    assert _figures() == (2, 1, Decimal("25.00"))


def test_a_company_is_counted_anew_when_people_merge_and_part(
    two: list[Any], now: datetime
) -> None:
    for number, one in enumerate(two):
        making.order(now=now, customer=one, number=f"A-{number}")

    merged = customers.merge(
        kept_id=two[0].pk, merged_id=two[1].pk, cause=MergeCause.STAFF, reason="", by=None, now=now
    )
    after_merge = _figures()
    customers.unmerge(merge_id=merged.pk, by=None, now=now)

    assert after_merge == (1, 2, Decimal("50.00"))
    assert _figures() == (2, 2, Decimal("50.00"))


def test_who_is_forgotten_counts_for_no_company(two: list[Any], now: datetime) -> None:
    for number, one in enumerate(two):
        making.order(now=now, customer=one, number=f"A-{number}")

    customers.forget_many(customer_ids=[two[0].pk], now=now)
    after_one = _figures()
    customers.forget_many(customer_ids=[two[1].pk], now=now)

    assert after_one == (1, 1, Decimal("25.00"))
    assert _figures() == (0, 0, Decimal("0.00"))
