"""Sixteen writers who meet the same people leave exactly one customer for each."""

import random
import threading
from collections.abc import Iterator
from datetime import datetime

import pytest
from django.db import connection, transaction

from crm import customers, events
from crm.customers import Person
from crm.models import Customer, CustomerAlias, Event, Identity, Merge

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS = 16
PEOPLE = 40


def _reports(number: int) -> Iterator[Person]:
    """All that is told of one person, first as a visitor, then by name."""
    yield Person(anonymous_id=f"browser-{number}")
    yield Person(anonymous_id=f"phone-{number}", city="Leeds")
    yield Person(external_id=f"{number}", anonymous_id=f"browser-{number}")
    yield Person(external_id=f"{number}", email=f"p{number}@x.example", first_name="Ada")
    yield Person(external_id=f"{number}", anonymous_id=f"phone-{number}", phone=_phone(number))
    yield Person(external_id=f"{number}", telegram_id=f"{number}", webchat_id=f"w{number}")


def _phone(number: int) -> str:
    return f"+44113496{number:04d}"


def _write(writer: int, now: datetime, failures: list[BaseException]) -> None:
    draw = random.Random(writer)
    told = [person for number in range(PEOPLE) for person in _reports(number)]
    draw.shuffle(told)
    try:
        for start in range(0, len(told), 12):
            with transaction.atomic():
                ids = customers.identify_many(people=told[start : start + 12], now=now)
                news = [
                    events.NewEvent(pk, "page.viewed", now, f"{writer}:{start}:{place}")
                    for place, pk in enumerate(ids)
                ]
                events.record_many(events=news, now=now)
    except BaseException as error:
        failures.append(error)
    finally:
        connection.close()


def test_sixteen_parallel_writers_leave_one_customer_for_each_person(now: datetime) -> None:
    failures: list[BaseException] = []
    writers = [
        threading.Thread(target=_write, args=(number, now, failures)) for number in range(WRITERS)
    ]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert failures == []
    assert Customer.objects.count() == PEOPLE
    assert Identity.objects.count() == PEOPLE * 7
    assert Event.objects.count() == WRITERS * PEOPLE * 6
    for number in range(PEOPLE):
        handles = [f"{number}", f"p{number}@x.example", _phone(number), f"browser-{number}"]
        owners = Identity.objects.filter(value__in=handles).values("customer_id").distinct()
        assert owners.count() == 1
    assert CustomerAlias.objects.count() == Merge.objects.count()
