"""Identify, merge, unmerge and forget do what a plain model on paper does, whatever the order."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from crm import consent, customers, events
from crm.customers import MergeRefused, Person
from crm.models import Consent, Customer, CustomerAlias, Event, Identity, Merge
from tests.crm.customers.plain_model import Paper, Sheet

# More of it: RAPPORT_MODEL_EXAMPLES=2000.
EXAMPLES = int(os.environ.get("RAPPORT_MODEL_EXAMPLES", "25"))
SHRINKS = "RAPPORT_MODEL_SHRINK" in os.environ
STEPS = int(os.environ.get("RAPPORT_MODEL_STEPS", "40"))

_VALUES = {
    "external": ["1", "2", "3"],
    "email": ["a@x.example", "b@x.example", "c@x.example"],
    "phone": ["+441134960001", "+441134960002"],
    "whatsapp": ["V"],
    "telegram": ["T", "U"],
    "webchat": ["W", "X"],
    "anonymous": ["M", "N", "O", "P"],
}
_FIELDS = {"email": "email", "phone": "phone"}
_told: dict[str, int] = {"examples": 0, "steps": 0}

_handles = st.fixed_dictionaries(
    {}, optional={kind: st.sampled_from(values) for kind, values in _VALUES.items()}
).filter(bool)
_people = st.tuples(
    _handles,
    st.sampled_from(["", "", "Leeds", "York"]),
    st.sampled_from(["", "", "", "external", "email"]),
)
_purposes = st.sampled_from(["marketing", "newsletter"])
_states = st.sampled_from(["granted", "pending", "withdrawn"])
_picks = st.integers(0, 1000)


class Identities(RuleBasedStateMachine):
    """The record in PostgreSQL beside the one on paper."""

    def __init__(self) -> None:
        super().__init__()
        self.paper = Paper()
        self.numbers: list[int] = []
        self.everybody: list[int] = []
        self.clock = 0
        # Customers and merges that PostgreSQL has not numbered yet, below zero.
        self.drafts = 0
        self.turned_out: dict[int, int] = {}
        self.rolled_back = transaction.atomic()
        self.rolled_back.__enter__()
        _told["examples"] += 1

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.rolled_back.__exit__(None, None, None)

    @property
    def now(self) -> datetime:
        self.clock += 1
        _told["steps"] += 1
        return datetime(2026, 4, 14, tzinfo=UTC) + timedelta(minutes=self.clock)

    @initialize(batch=st.lists(_people, min_size=2, max_size=8))
    def begin(self, batch: list[Any]) -> None:
        self.identify(batch)

    @rule(batch=st.lists(_people, min_size=1, max_size=5))
    def identify(self, batch: list[Any]) -> None:
        stored = set(self.paper.sheets)
        merges_before = self._merge_ids()
        people = [_person(*told) for told in batch]

        ids = customers.identify_many(people=people, now=self.now)

        self.turned_out.clear()
        found = [self._expect(told, stored) for told in batch]
        self._number_sheets([self._today(number) for number in found], ids)
        self._number_merges(merges_before)
        self.everybody += ids

    @rule(pick=_picks)
    def happen(self, pick: int) -> None:
        if not self.paper.sheets:
            return
        pk = self._one(pick)
        key = f"e{self.clock}"
        events.record(event=events.NewEvent(pk, "page.viewed", self.now, key), now=self.now)
        self.paper.sheets[pk].events.add(key)

    @rule(pick=_picks, purpose=_purposes, state=_states)
    def decide(self, pick: int, purpose: str, state: str) -> None:
        if not self.paper.sheets:
            return
        pk, now = self._one(pick), self.now
        decision = consent.NewDecision(pk, "email", purpose, state, "staff", now)
        consent.decide_many(decisions=[decision], now=now)
        self.paper.sheets[pk].decide(purpose, state, self.clock)

    @rule(one=_picks, other=_picks)
    def merge(self, one: int, other: int) -> None:
        if not self.everybody:
            return
        kept, merged = (self.everybody[pick % len(self.everybody)] for pick in (one, other))
        told = {"cause": "staff", "reason": "", "by": None, "now": self.now}
        if not self.paper.may_join(kept, merged):
            with pytest.raises(MergeRefused):
                customers.merge(kept_id=kept, merged_id=merged, **told)
            return
        row = customers.merge(kept_id=kept, merged_id=merged, **told)
        self.paper.join(row.pk, kept, merged)
        self.numbers.append(row.pk)

    @rule(pick=_picks)
    def unmerge(self, pick: int) -> None:
        if not self.numbers:
            return
        number = self.numbers[pick % len(self.numbers)]
        if not self.paper.may_part(number):
            with pytest.raises(MergeRefused):
                customers.unmerge(merge_id=number, by=None, now=self.now)
            return
        customers.unmerge(merge_id=number, by=None, now=self.now)
        self.paper.part(number)

    @rule(pick=_picks, often=st.integers(0, 3))
    def forget(self, pick: int, often: int) -> None:
        if not self.paper.sheets or often:
            return
        pk = self._one(pick)
        customers.forget_many(customer_ids=[pk], now=self.now)
        self.paper.forget(pk)

    @invariant()
    def both_say_the_same(self) -> None:
        sheets = self.paper.sheets.items()
        assert _stored() == {pk: (sheet.email, sheet.city) for pk, sheet in sheets}
        assert _identities() == {
            (kind, value): (pk, is_proven)
            for pk, sheet in sheets
            for (kind, value), is_proven in sheet.handles.items()
        }
        assert _events() == {key: pk for pk, sheet in sheets for key in sheet.events}
        assert _consents() == {
            (pk, purpose): state
            for pk, sheet in sheets
            for purpose, (state, _) in sheet.consents.items()
        }
        assert dict(CustomerAlias.objects.values_list("old_id", "customer_id")) == {
            old: pk for pk, sheet in sheets for old in sheet.old_numbers
        }

    def _expect(self, told: tuple[dict[str, str], str, str], stored: set[int]) -> int:
        """Do on paper what was told of one person; gives who they are so far."""
        brought, city, verified = told
        found = self.paper.find(brought)
        if found is None:
            self.drafts -= 1
            found = self.drafts
            self.paper.sheets[found] = Sheet()
        for visitor in self.paper.visitors(found, brought):
            if visitor in stored:
                self.drafts -= 1
                self.paper.join(self.drafts, found, visitor)
            else:
                self.paper.fold(found, visitor)
                self.turned_out[visitor] = found
        self.paper.tell(found, brought, city, verified)
        if city:
            # What a batch says of somebody was theirs before it turns out which visitors they were.
            for number, joined in self.paper.joined.items():
                if number < 0 and joined.kept == found:
                    joined.kept_before.city = joined.kept_after.city = city
        return found

    def _today(self, number: int) -> int:
        while number not in self.paper.sheets:
            number = self.turned_out.get(number) or next(
                owner for owner, sheet in self.paper.sheets.items() if number in sheet.old_numbers
            )
        return number

    def _number_sheets(self, found: list[int], ids: list[int]) -> None:
        """Give drafts the numbers that PostgreSQL gave; who was known has the number they had."""
        numbers = dict(zip(found, ids, strict=True))
        assert [numbers[number] for number in found] == ids
        assert len(set(numbers.values())) == len(numbers)
        for number, pk in numbers.items():
            if number >= 0:
                assert number == pk
                continue
            assert pk not in self.paper.sheets
            self.paper.sheets[pk] = self.paper.sheets.pop(number)
            for told in self.paper.joined.values():
                told.kept = pk if told.kept == number else told.kept

    def _merge_ids(self) -> set[int]:
        return set(Merge.objects.values_list("pk", flat=True))

    def _number_merges(self, before: set[int]) -> None:
        """Give the merges on paper the numbers that they have in the ledger."""
        rows = Merge.objects.exclude(pk__in=before).order_by("pk")
        numbers = {(row.kept_id, row.merged_id): row.pk for row in rows}
        for number in [number for number in self.paper.joined if number < 0]:
            told = self.paper.joined.pop(number)
            actual = numbers.pop((told.kept, told.merged))
            self.paper.joined[actual] = told
            for sheet in (self.paper.sheets[told.kept], told.kept_after):
                sheet.merges[:] = [actual if one == number else one for one in sheet.merges]
            self.numbers.append(actual)
        assert numbers == {}

    def _one(self, pick: int) -> int:
        pks = sorted(self.paper.sheets)
        return pks[pick % len(pks)]


def _person(brought: dict[str, str], city: str, verified: str) -> Person:
    handles = {_FIELDS.get(kind, f"{kind}_id"): value for kind, value in brought.items()}
    return Person(**handles, city=city, verified=frozenset({verified} - {""}))  # type: ignore[arg-type]


def _stored() -> dict[int, tuple[str, str]]:
    rows = Customer.objects.values_list("pk", "email", "city")
    return {pk: (email, city) for pk, email, city in rows}


def _identities() -> dict[tuple[str, str], tuple[int, bool]]:
    rows = Identity.objects.values_list("kind", "value", "customer_id", "verified_at")
    return {(kind, value): (pk, at is not None) for kind, value, pk, at in rows}


def _events() -> dict[str, int]:
    return dict(Event.objects.filter(key__startswith="e").values_list("key", "customer_id"))


def _consents() -> dict[tuple[int, str], str]:
    rows = Consent.objects.values_list("customer_id", "purpose", "state")
    return {(pk, purpose): state for pk, purpose, state in rows}


@pytest.mark.django_db
def test_the_record_is_what_the_paper_says() -> None:
    run_state_machine_as_test(
        Identities,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            report_multiple_bugs=False,
            phases=[Phase.explicit, Phase.generate] + [Phase.shrink] * SHRINKS,
        ),
    )

    assert _told["steps"] > EXAMPLES
