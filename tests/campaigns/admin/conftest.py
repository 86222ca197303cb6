"""Staff with every right, staff without any, and a campaign in each state that has a page."""

from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from campaigns.admin import verbs
from campaigns.models import Campaign
from crm.models import Customer
from tests import making
from tests.campaigns import staging


@pytest.fixture
def now() -> datetime:
    """Pages read the clock: what they show is told from now."""
    return timezone.now()


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was rung; no worker listens in these tests."""
    rings: list[str] = []
    monkeypatch.setattr(verbs, "ring", lambda task: rings.append(task.__name__))
    return rings


@pytest.fixture
def maria(db: None) -> User:
    return User.objects.create(username="maria", is_staff=True, is_superuser=True)


@pytest.fixture
def admin(maria: User) -> Client:
    client = Client()
    client.force_login(maria)
    return client


@pytest.fixture
def newcomer(db: None) -> Client:
    """Signed in, but without a right to anything."""
    client = Client()
    client.force_login(User.objects.create(username="noah", is_staff=True))
    return client


@pytest.fixture
def people(db: None, now: datetime) -> list[Customer]:
    """Two who may be written to, one who may not."""
    return [making.subscriber(now=now), making.subscriber(now=now), making.customer(now=now)]


@pytest.fixture
def draft(people: list[Customer], now: datetime) -> Campaign:
    return staging.draft(customers=people, now=now)


@pytest.fixture
def running(people: list[Customer], now: datetime) -> Campaign:
    return staging.running(customers=people, now=now)
