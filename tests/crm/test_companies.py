"""Companies come in by group calls, and add up what their people come to."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from crm import companies, ingest
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
