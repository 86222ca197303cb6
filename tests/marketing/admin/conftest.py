"""Staff with every right, staff without any, and a small shop to segment."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from crm.models import Customer
from marketing import segments
from marketing.admin import (
    cluster,
    recommendation,
    segment,
    segment_lists,
    segment_verbs,
    training,
)
from marketing.models import Segment
from tests import making

GERMANS = {"version": 1, "all": [{"field": "country", "op": "is", "value": "DE"}]}


@pytest.fixture
def now() -> datetime:
    """Pages read the clock: what they show is told from now."""
    return timezone.now()


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    """Figures and choices are kept for a while; every test begins without."""
    cache.clear()


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was rung; no worker listens in these tests."""
    rings: list[object] = []
    for module in (cluster, recommendation, segment, segment_lists, segment_verbs, training):
        monkeypatch.setattr(module, "ring", lambda task, *ids: rings.append((task.__name__, *ids)))
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
def greta(db: None, now: datetime) -> Customer:
    return making.subscriber(now=now, country="DE", first_name="Greta")


@pytest.fixture
def ben(db: None, now: datetime) -> Customer:
    return making.customer(now=now, country="FR", first_name="Ben")


@pytest.fixture
def germans(greta: Customer, ben: Customer, now: datetime) -> Segment:
    made = Segment.objects.create(name="Germans", rules=GERMANS)
    segments.refresh(segment_id=made.pk, now=now)
    made.refresh_from_db()
    return made


@pytest.fixture
def language() -> str:
    """What the browser speaks."""
    return "en"


@pytest.fixture
def permissions() -> list[str]:
    """What the browser lets a page do without asking."""
    return []


@pytest.fixture
def page(
    live_server: Any,
    admin: Client,
    settings: Any,
    language: str,
    permissions: list[str],
) -> Iterator[Any]:
    """A signed-in browser."""
    from .browsing import browsing  # only where there is Playwright

    with browsing(live_server, admin, settings, language, permissions=permissions) as page:
        yield page
