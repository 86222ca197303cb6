"""A copy of somebody's data reads like a page, not like a table of the database."""

from datetime import datetime

import pytest
from django.utils import translation

from crm import consent, privacy
from crm.models import Customer
from tests import making

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(now: datetime) -> Customer:
    customer = making.customer(now=now, email="ada@shop.example")
    making.order(customer=customer, now=now)
    consent.grant(customer_id=customer.pk, channel="email", source="checkout", now=now)
    return customer


def read(customer: Customer, now: datetime) -> dict[str, dict[str, str]]:
    """The first row of each section by its title."""
    copy = privacy.export_subject(customer_id=customer.pk, now=now)
    return {section.title: dict(section.rows[0]) for section in privacy.sections(copy=copy)}


def test_names_codes_and_moments_are_told_in_words(ada: Customer, now: datetime) -> None:
    told = read(ada, now)

    assert told["Who you are"]["First name"] == "Ada"
    assert told["Consents"]["Channel"] == "E-mail"
    assert told["Consents"]["State"] == "Granted"
    assert told["Orders"]["Placed at"] == "Apr 14, 2026, 12:00 PM"
    assert told["Orders"]["Lines"].startswith("2 × Green tea")


def test_whoever_reads_chinese_reads_their_data_in_chinese(ada: Customer, now: datetime) -> None:
    with translation.override("zh-hans"):
        told = read(ada, now)

    assert told["您的资料"]["名字"] == "Ada"
    assert told["同意"]["状态"] == "已同意"
