"""What is never tidy in a real shop: people kept twice, slips of the pen, addresses gone stale."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from crm import consent, customers, duplicates, orders, quality
from crm.choices import Channel, ConsentState, DecisionSource, MergeCause, Purpose
from crm.customers import Person
from crm.models import Customer, DuplicateCandidate, Identity, Merge
from crm.orders import NewLine, NewOrder
from crm.products import NewProduct

from .people import Shopper

# Every so manieth customer was written down once more at the market stall.
TWINS_EVERY, TWINS = 17, 9
SHOUTED, STRAY, STALE = 7, 4, 5
LONG_AGO = timedelta(days=800)
PIECES = 5000
STALL = "stall-"


def write_down_twice(*, shoppers: Sequence[Shopper], now: datetime) -> list[int]:
    """People of whom there are two: the same phone, a slip in the address, the same door."""
    chosen = [one for one in shoppers if one.person.email and one.person.phone]
    chosen = chosen[5::TWINS_EVERY][:TWINS]
    people = [_twin(shopper.person, nth, now) for nth, shopper in enumerate(chosen)]
    ids = customers.identify_many(people=people, now=now) if people else []
    for nth, (shopper, customer_id) in enumerate(zip(chosen, ids, strict=True)):
        if nth % 3 == 0:
            # As an older system wrote it: a way in of today would have known the number.
            Customer.objects.filter(pk=customer_id).update(phone=shopper.person.phone)
    return ids


def _twin(person: Person, nth: int, now: datetime) -> Person:
    local, _at, domain = person.email.partition("@")
    slip = f"{local[:2]}{local[3:]}@{domain}"
    emails = (f"stall.{local}@{domain}", slip, "")
    names = person.first_name, person.last_name
    return replace(
        person,
        external_id=f"{STALL}{nth + 1}",
        email=emails[nth % 3],
        phone="",
        first_name=names[0][:1] + "." if nth % 6 == 2 else names[0],
        street="" if nth % 3 == 1 else person.street,
        attributes={"met_at": "market stall"},
        created_at=now - timedelta(days=20 + nth),
        verified=frozenset(),
    )


def bring_faults(*, shoppers: Sequence[Shopper], now: datetime) -> list[int]:
    """People with capitals in their names, slips in their addresses, or nothing heard for long."""
    chosen = [one.person for one in shoppers][3 :: max(1, len(shoppers) // (SHOUTED + STRAY))]
    loud = [_loud(person, nth) for nth, person in enumerate(chosen[:SHOUTED])]
    astray = [_astray(person, nth) for nth, person in enumerate(chosen[SHOUTED:])]
    gone = [_gone(one.person, nth, now) for nth, one in enumerate(shoppers[1 : 1 + STALE])]
    ids = customers.identify_many(people=[*loud, *astray, *gone], now=now)
    _agreed_long_ago(ids[-len(gone) :], now)
    return ids


def order_too_many(*, customer_id: int, product: NewProduct, now: datetime) -> None:
    """Five thousand pieces, where five were meant: staff should look."""
    line = NewLine(product.sku, PIECES, product.price or Decimal(1))
    placed_at = now - timedelta(days=470)
    order = NewOrder("R-SLIP-001", customer_id, placed_at, product.currency, (line,))
    orders.record_many(orders=[order], now=now)


@transaction.atomic
def look_through(*, now: datetime) -> None:
    """Find the pairs and the faults; staff merged one pair already, which can be undone."""
    duplicates.find(now=now)
    twins = Identity.objects.filter(value__startswith=STALL).values("customer_id")
    pair = DuplicateCandidate.objects.filter(state="open", right__in=twins).order_by("pk").first()
    if pair is not None and not Merge.objects.filter(undone_at=None).exists():
        customers.merge(
            kept_id=pair.left_id,
            merged_id=pair.right_id,
            cause=MergeCause.STAFF,
            reason="Same door, same voice on the phone",
            by=None,
            now=now,
        )
    quality.look(now=now)


def _loud(person: Person, nth: int) -> Person:
    return Person(
        external_id=f"paper-{nth + 1}",
        email=f"paper{nth + 1}@mail.test",
        first_name=("GERTRUDE", "walter", "ANNE  MARIE")[nth % 3],
        last_name=("OLDFIELD", "fenwick", "THORNBURY")[nth % 3],
        country=person.country,
        city=person.city,
        language=person.language,
        time_zone=person.time_zone,
        # Written as people say it, not as the attribute wants it.
        attributes={"household": ("two", "4", 3)[nth % 3], "likes_wrapping": "yes"},
    )


def _astray(person: Person, nth: int) -> Person:
    return Person(
        external_id=f"form-{nth + 1}",
        # No name of the net ends so: nobody gets this mail.
        email=f"rapport.demo.{nth + 1}@{('gmail.con', 'hotmail.cmo', 'gmial.con')[nth % 3]}",
        first_name=("Robin", "Sasha", "Kim")[nth % 3],
        last_name=("Ashdown", "Merriweather", "Holloway")[nth % 3],
        country="" if nth % 2 else person.country,
        language=person.language,
        time_zone=person.time_zone,
    )


def _gone(person: Person, nth: int, now: datetime) -> Person:
    return Person(
        external_id=f"old-{nth + 1}",
        email=f"old{nth + 1}@post.test",
        first_name=("Edith", "Harold", "Mabel", "Cyril", "Agnes")[nth % 5],
        last_name=("Whitlock", "Pemberton", "Fairfax", "Dunmore", "Lockhart")[nth % 5],
        country=person.country,
        city=person.city,
        language=person.language,
        time_zone=person.time_zone,
        created_at=now - LONG_AGO - timedelta(days=nth),
    )


def _agreed_long_ago(ids: Sequence[int], now: datetime) -> None:
    agreed = [
        consent.NewDecision(
            customer_id,
            Channel.EMAIL,
            Purpose.MARKETING,
            ConsentState.GRANTED,
            DecisionSource.SIGN_UP,
            now - LONG_AGO,
        )
        for customer_id in ids
    ]
    consent.decide_many(decisions=agreed, now=now)
