"""Random rules find just whom they mean, however PostgreSQL is asked."""

import json
import os
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import connection

from marketing.models import Segment
from marketing.rules import compile_rules, compiling, crossed, estimating
from tests.marketing.oracle import Person, answer
from tests.marketing.rules import trees, worlds

pytestmark = pytest.mark.django_db

# So many rules in the suite, and all that are promised where RAPPORT_LONG asks for them.
CASES = 20_000 if os.environ.get("RAPPORT_LONG") else 320
WORLDS = 4
STEPS = (
    timedelta(seconds=1),
    timedelta(seconds=40),
    timedelta(hours=12),
    timedelta(days=1),
    timedelta(days=9),
)


def ids(text: str, params: tuple[Any, ...]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(text, params)
        return [pk for (pk,) in cursor.fetchall()]


def members(rules: Any, now: datetime, among: list[int] | None = None) -> set[int]:
    compiled = compile_rules(rules=rules, now=now, among=among)
    found = ids(compiled.sql, compiled.params)
    assert len(found) == len(set(found)), "somebody is named twice"
    return set(found)


def meant(rules: Any, people: list[Person], now: datetime) -> set[int]:
    return {one.pk for one in people if answer(rules, one, now)}


def guess_anything(random: Random) -> Any:
    def guess(*, select: Any) -> estimating.Estimate:
        return estimating.Estimate(random.choice((0, 3, 50, 1e6)), random.choice((1, 100, 1e6)))

    return guess


@pytest.mark.parametrize("seed", range(WORLDS))
def test_random_rules_find_whom_the_oracle_means(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(seed)
    people = worlds.people(random=random, count=70)
    segments = list(Segment.objects.values_list("pk", flat=True))
    # Guesses that are wrong lead to every plan there is, and never to another answer.
    monkeypatch.setattr(estimating, "estimate", guess_anything(random))

    for _ in range(CASES // WORLDS):
        rules = trees.rules(random, segments)
        now = worlds.NOW + random.choice((timedelta(0), *STEPS))
        expected = meant(rules, people, now)
        some = [*random.sample([one.pk for one in people], 20), 10**12]

        assert members(rules, now) == expected, json.dumps(rules)
        assert members(rules, now, some) == expected & set(some), json.dumps(rules)
        monkeypatch.setattr(compiling, "_FEW", 0)
        assert members(rules, now, some) == expected & set(some), json.dumps(rules)
        monkeypatch.undo()
        monkeypatch.setattr(estimating, "estimate", guess_anything(random))


@pytest.mark.parametrize("seed", range(WORLDS))
def test_the_clock_changes_the_answer_only_of_those_who_cross(seed: int) -> None:
    random = Random(100 + seed)
    people = worlds.people(random=random, count=70)
    segments = list(Segment.objects.values_list("pk", flat=True))

    for _ in range(CASES // WORLDS):
        rules = trees.rules(random, segments)
        until = worlds.NOW + random.choice(STEPS)
        changed = meant(rules, people, worlds.NOW) ^ meant(rules, people, until)
        asked = crossed(rules=rules, since=worlds.NOW, until=until)

        named = set(ids(asked.text, asked.params)) if asked else set()

        assert changed <= named, json.dumps(rules)
