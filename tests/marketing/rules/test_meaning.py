"""Random rules find just whom they mean, however PostgreSQL is asked."""

import json
import os
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import connection

from campaigns.models import Campaign
from crm.models import Company, Customer
from marketing.models import Segment
from marketing.rules import compile_rules, compiling, crossed, estimating, holds
from marketing.rules.conditions import days
from tests.marketing.oracle import Person, answer
from tests.marketing.rules import trees, worlds

pytestmark = pytest.mark.django_db

# So many rules in the suite, and all that are promised where RAPPORT_LONG asks for them.
IS_LONG = bool(os.environ.get("RAPPORT_LONG"))
CASES = 20_000 if IS_LONG else 320
WORLDS = 40 if IS_LONG else 4
STEPS = (
    timedelta(seconds=1),
    timedelta(seconds=40),
    timedelta(hours=7),
    timedelta(hours=12),
    timedelta(days=1),
    timedelta(days=9),
    timedelta(days=320),
)


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(days, "_kept", {})


def ids(text: str, params: tuple[Any, ...]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(text, params)
        return [pk for (pk,) in cursor.fetchall()]


def members(rules: Any, now: datetime, among: list[int] | None = None) -> set[int]:
    compiled = compile_rules(rules=rules, now=now, among=among)
    found = ids(compiled.sql, compiled.params)
    assert len(found) == len(set(found)), "somebody is named twice"
    return set(found)


def held(rules: Any, now: datetime) -> set[int]:
    """Those for whom the rules hold, each asked by one test."""
    test = holds(rules=rules, now=now)
    return set(ids(f"SELECT c.id FROM crm_customer c WHERE {test.text}", test.params))


def meant(rules: Any, people: list[Person], now: datetime) -> set[int]:
    return {one.pk for one in people if answer(rules, one, now)}


def guess_anything(random: Random) -> Any:
    def guess(**asked: Any) -> estimating.Estimate:
        return estimating.Estimate(random.choice((0, 3, 50, 1e6)), random.choice((1, 100, 1e6)))

    return guess


def known_to_rules() -> trees.Known:
    """What rules may speak of, and a campaign that is not there."""
    people = Customer.objects.order_by("pk")[:10]
    texts = people.values_list("email", "phone", "last_name", "language", "time_zone")
    companies = Company.objects.values_list("key", "name", "domain", "industry")
    return {
        "segments": list(Segment.objects.values_list("pk", flat=True)),
        "campaigns": [*Campaign.objects.values_list("pk", flat=True), 2**63 - 1],
        "people": sorted({text for row in texts for text in row if text}),
        "companies": sorted({text for row in companies for text in row if text}),
    }


@pytest.mark.parametrize("seed", range(WORLDS))
def test_random_rules_find_whom_the_oracle_means(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(seed)
    people = worlds.people(random=random, count=70)
    known = known_to_rules()
    everybody = [one.pk for one in people]
    # Guesses that are wrong lead to every plan there is, and never to another answer.
    monkeypatch.setattr(estimating, "estimate", guess_anything(random))
    usual = compiling._FEW

    for _ in range(CASES // WORLDS):
        rules = trees.rules(random, known)
        now = worlds.NOW + random.choice((timedelta(0), *STEPS))
        expected = meant(rules, people, now)
        some = [*random.sample(everybody, random.choice((0, 1, 20, 70))), 10**12]

        assert members(rules, now) == expected, json.dumps(rules)
        assert held(rules, now) == expected, json.dumps(rules)
        for few in (usual, 0):
            monkeypatch.setattr(compiling, "_FEW", few)
            assert members(rules, now, some) == expected & set(some), json.dumps(rules)


@pytest.mark.parametrize("seed", range(WORLDS))
def test_the_clock_changes_the_answer_only_of_those_who_cross(seed: int) -> None:
    random = Random(100 + seed)
    people = worlds.people(random=random, count=70)
    known = known_to_rules()

    for _ in range(CASES // WORLDS):
        rules = trees.rules(random, known)
        since = worlds.NOW + random.choice((timedelta(0), *STEPS))
        until = since + random.choice(STEPS)
        changed = meant(rules, people, since) ^ meant(rules, people, until)
        asked = crossed(rules=rules, since=since, until=until)

        named = set(ids(asked.text, asked.params)) if asked else set()

        assert changed <= named, (json.dumps(rules), since, until)
