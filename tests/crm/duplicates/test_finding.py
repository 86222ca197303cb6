"""Pairs who may be one person are listed, those who are known to be two are not."""

from datetime import datetime
from typing import Any

import pytest

from crm import customers, duplicates
from crm.customers import Person
from crm.models import Customer, DuplicateCandidate

pytestmark = pytest.mark.django_db


def _people(now: datetime, *known: dict[str, Any]) -> list[int]:
    people = [Person(**{"external_id": f"{number}", **facts}) for number, facts in enumerate(known)]
    return customers.identify_many(people=people, now=now)


def _found() -> list[tuple[int, int, str]]:
    rows = DuplicateCandidate.objects.order_by("left_id", "right_id")
    return list(rows.values_list("left_id", "right_id", "reason"))


def test_two_with_one_phone_are_listed_more_likely_with_one_name(now: datetime) -> None:
    phone = "+441134960001"
    ada, again, charles = _people(
        now,
        {"phone": phone, "first_name": "Ada", "last_name": "Lovelace"},
        {"phone": phone, "first_name": "Ada", "last_name": "Lovelace"},
        {"phone": phone, "first_name": "Charles", "last_name": "Babbage"},
    )

    assert duplicates.find(now=now) == 3

    scores = {
        (row.left_id, row.right_id): row.score
        for row in DuplicateCandidate.objects.filter(reason="same_phone")
    }
    assert scores[ada, again] == 1
    assert scores[ada, charles] < 0.6
    assert scores[again, charles] < 0.6


def test_a_phone_that_a_whole_office_shares_says_nothing(now: datetime) -> None:
    _people(now, *[{"phone": "+441134960001"}] * 11)

    assert duplicates.find(now=now) == 0


def test_one_address_written_twice_is_listed(now: datetime) -> None:
    ada, again = _people(now, {"email": "ada@x.example"}, {})
    Customer.objects.filter(pk=again).update(email="ada@x.example")

    duplicates.find(now=now)

    assert _found() == [(ada, again, "same_email")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@gmail.com", "ada@gmial.com"),
        ("ada@hotmial.com", "ada@hotmail.com"),
        ("ada@hotmail.com", "ada@hotmail.fr"),
    ],
)
def test_one_local_part_at_a_mistyped_domain_is_listed(now: datetime, one: str, other: str) -> None:
    ada, again = _people(now, {"email": one}, {"email": other})

    duplicates.find(now=now)

    assert _found() == [(ada, again, "typo_email")]


def test_a_slip_before_the_sign_is_listed_where_the_name_is_the_same(now: datetime) -> None:
    name = {"first_name": "Ada", "last_name": "Lovelace"}
    ada, again, _other, _second = _people(
        now,
        {"email": "lovelace@x.example", **name},
        {"email": "lovelcae@x.example", **name},
        {"email": "lovelaces@x.example", "first_name": "Grace", "last_name": "Hopper"},
        {"email": "lovelace2@x.example", **name},
    )

    duplicates.find(now=now)

    assert _found() == [(ada, again, "typo_email")]


def test_similar_names_at_one_place_are_listed(now: datetime) -> None:
    home = {"country": "GB", "city": "Leeds", "postcode": "LS1 4AP", "street": "1 Park Row"}
    catherine, kathryn, _elsewhere = _people(
        now,
        {"first_name": "Catherine", "last_name": "Johnson", **home},
        {"first_name": "Catherin", "last_name": "Jonson", **home, "postcode": "ls14ap"},
        {"first_name": "Catherine", "last_name": "Johnson", "country": "GB", "city": "York"},
    )

    duplicates.find(now=now)

    assert _found() == [(catherine, kathryn, "similar_name")]


def test_chinese_names_are_compared_too(now: datetime) -> None:
    home = {"first_name": "小明", "last_name": "王", "country": "CN", "postcode": "200000"}
    one, other = _people(now, home, home)

    duplicates.find(now=now)

    assert _found() == [(one, other, "similar_name")]


def test_two_verified_people_are_never_listed(now: datetime) -> None:
    _people(now, *[{"phone": "+441134960001", "verified": frozenset({"external"})}] * 2)

    assert duplicates.find(now=now) == 0


def test_a_pair_is_found_once_and_stays_as_staff_decided(now: datetime) -> None:
    _people(now, *[{"phone": "+441134960001"}] * 2)
    duplicates.find(now=now)
    candidate = DuplicateCandidate.objects.get()

    assert duplicates.dismiss(candidate_id=candidate.pk, by=None, now=now)
    assert not duplicates.dismiss(candidate_id=candidate.pk, by=None, now=now)
    assert duplicates.find(now=now) == 0

    candidate.refresh_from_db()
    assert (candidate.state, candidate.decided_at) == ("dismissed", now)


def test_looking_takes_the_same_few_statements_for_any_number(
    now: datetime, django_assert_max_num_queries: Any
) -> None:
    names = ("Ada", "Grace", "Mary", "Joan")
    _people(
        now,
        *[
            {
                "email": f"person{number}@x.example",
                "first_name": names[number % 4],
                "last_name": f"Family{number}",
                "country": "GB",
                "city": f"Town{number % 20}",
            }
            for number in range(400)
        ],
    )

    with django_assert_max_num_queries(10):
        duplicates.find(now=now)
