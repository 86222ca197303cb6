"""Customers: identify people by their handles, pause marketing to them, find them."""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from crm import normalise
from crm.choices import IdentityKind
from crm.models import Customer, Identity, MarketingPause, Order

_ADDRESS_FIELDS = {IdentityKind.EMAIL: "email", IdentityKind.PHONE: "phone"}
_LOCK_SPACE = 0x1DE47
_STRIPES = 256
_FIELDS = ("first_name", "last_name", "email", "phone", "country", "city", "language", "time_zone")

Handle = tuple[str, str]


class NoIdentity(ValueError):  # noqa: N818 - it names what is missing
    """A person came without any handle that can be used."""


@dataclass(frozen=True, slots=True)
class Person:
    """What is known about somebody; what is empty is unknown and changes nothing."""

    external_id: str = ""
    email: str = ""
    phone: str = ""
    anonymous_id: str = ""
    first_name: str = ""
    last_name: str = ""
    country: str = ""
    city: str = ""
    language: str = ""
    time_zone: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Reading:
    """A person of the batch in normalised form."""

    handles: tuple[Handle, ...]
    values: Mapping[str, str]
    attributes: Mapping[str, Any]
    created_at: datetime | None


@dataclass(slots=True, eq=False)
class _Known:
    """A customer of the batch, stored or about to be, and the handles they hold."""

    customer: Customer
    handles: set[Handle] = field(default_factory=set)
    changed: bool = False

    @property
    def is_new(self) -> bool:
        return self.customer.pk is None

    def take_over(self, reading: _Reading) -> None:
        for name, value in reading.values.items():
            if value and getattr(self.customer, name) != value:
                setattr(self.customer, name, value)
                self.changed = True
        attributes = {**self.customer.attributes, **reading.attributes}
        if attributes != self.customer.attributes:
            self.customer.attributes = attributes
            self.changed = True


def identify(*, person: Person, now: datetime) -> int:
    """Find or create the customer of one person."""
    return identify_many(people=[person], now=now)[0]


@transaction.atomic
def identify_many(*, people: Sequence[Person], now: datetime) -> list[int]:
    """Find or create the customer of each person and take over what is new about them.

    Locks the handles of the batch (in stripes, always in the same order), so that writers of the
    same people follow one another and leave exactly one customer for each.
    """
    readings = [_read(person, position) for position, person in enumerate(people)]
    if not readings:
        return []
    handles = {handle for reading in readings for handle in reading.handles}
    _lock(handles)
    owners = _owners(handles)
    held_before = set(owners)
    found = [_assign(reading, owners, now) for reading in readings]
    distinct = list(dict.fromkeys(found))
    new = [known.customer for known in distinct if known.is_new]
    _update([known.customer for known in distinct if known.changed and not known.is_new])
    Customer.objects.bulk_create(new, batch_size=2000)
    _add_identities(distinct, held_before, now)
    return [known.customer.pk for known in found]


@transaction.atomic
def readdress(*, customer_id: int, kind: IdentityKind, value: str, now: datetime) -> str:
    """Give a customer another e-mail address or phone number; gives it as it is kept.

    Locks the handle. The address before leads to this customer no more; one that leads to
    somebody else is refused.
    """
    field_name = _ADDRESS_FIELDS[kind]
    address = _address(kind, value, Customer.objects.get(pk=customer_id).country)
    _lock([(kind.value, address)])
    customer = Customer.objects.select_for_update().get(pk=customer_id)
    if address == getattr(customer, field_name):
        return address
    if address and Identity.objects.filter(kind=kind, value=address).exclude(customer=customer):
        raise ValidationError(_("%s belongs to another customer.") % address)
    Identity.objects.filter(
        customer=customer, kind=kind, value=getattr(customer, field_name)
    ).delete()
    if address:
        Identity.objects.get_or_create(
            kind=kind, value=address, defaults={"customer": customer, "created_at": now}
        )
    setattr(customer, field_name, address)
    customer.save(update_fields=[field_name])
    return address


def pause(
    *,
    customer_id: int,
    until_at: datetime,
    reason: str,
    by: AbstractBaseUser | None,
    now: datetime,
) -> MarketingPause:
    """Keep all marketing from a person until a moment; a pause in force is replaced."""
    with transaction.atomic():
        Customer.objects.select_for_update().get(pk=customer_id)
        lift_pause(customer_id=customer_id, by=by, now=now)
        return MarketingPause.objects.create(
            customer_id=customer_id,
            reason=reason,
            set_by_id=by.pk if by else None,
            created_at=now,
            expires_at=until_at,
        )


def lift_pause(*, customer_id: int, by: AbstractBaseUser | None, now: datetime) -> bool:
    """Let marketing through again; says whether there was anything to lift."""
    lifted = MarketingPause.objects.filter(customer_id=customer_id, lifted_at=None).update(
        lifted_at=now, lifted_by_id=by.pk if by else None
    )
    return bool(lifted)


def search(*, text: str) -> QuerySet[Customer]:
    """Find customers by any part of name, e-mail or phone, or by customer or order number."""
    words = text.split()
    if not words:
        return Customer.objects.none()
    parts = Q()
    for word in words:
        parts &= (
            Q(first_name__icontains=word)
            | Q(last_name__icontains=word)
            | Q(email__icontains=word)
            | Q(phone__icontains=word)
        )
    by_number = Identity.objects.filter(value=text.strip()).values("customer_id")
    by_order = Order.objects.filter(number=text.strip()).values("customer_id")
    return Customer.objects.filter(parts | Q(pk__in=by_number) | Q(pk__in=by_order) | _joined(text))


def _address(kind: IdentityKind, value: str, country: str) -> str:
    if not value.strip():
        return ""
    is_email = kind == IdentityKind.EMAIL
    address = normalise.email(value) if is_email else normalise.phone(value, country)
    if not address:
        raise ValidationError(_("%s is no address of this kind.") % value)
    return address


def _joined(text: str) -> Q:
    """A name written without a space, as Chinese names are: family name first."""
    name = text.strip()
    found = Q(pk__in=[])
    if name.isascii() or not 2 <= len(name) <= 5:
        return found
    for cut in range(1, len(name)):
        found |= Q(last_name=name[:cut], first_name=name[cut:])
    return found


def _read(person: Person, position: int) -> _Reading:
    country = normalise.country(person.country)
    values = {
        "first_name": person.first_name.strip()[:150],
        "last_name": person.last_name.strip()[:150],
        "email": normalise.email(person.email),
        "phone": normalise.phone(person.phone, country),
        "country": country,
        "city": person.city.strip()[:150],
        "language": normalise.language(person.language),
        "time_zone": normalise.time_zone(person.time_zone),
    }
    handles = (
        (IdentityKind.EXTERNAL.value, person.external_id.strip()[:320]),
        (IdentityKind.EMAIL.value, values["email"]),
        (IdentityKind.PHONE.value, values["phone"]),
        (IdentityKind.ANONYMOUS.value, person.anonymous_id.strip()[:320]),
    )
    usable = tuple(handle for handle in handles if handle[1])
    if not usable:
        raise NoIdentity(f"Person {position} of the batch has no usable identity.")
    return _Reading(usable, values, person.attributes, person.created_at)


def _lock(handles: Iterable[Handle]) -> None:
    stripes = sorted({zlib.crc32("\0".join(handle).encode()) % _STRIPES for handle in handles})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, stripe) FROM unnest(%s::int[]) AS stripe",
            [_LOCK_SPACE, stripes],
        )


def _owners(handles: Iterable[Handle]) -> dict[Handle, _Known]:
    """Who holds the handles; each knows every handle they hold, asked for or not."""
    kinds, values = zip(*handles, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT mine.kind, mine.value, mine.customer_id
            FROM crm_identity mine
            WHERE mine.customer_id IN (
                SELECT named.customer_id FROM crm_identity named
                JOIN unnest(%s::text[], %s::text[]) AS wanted (kind, value)
                  ON named.kind = wanted.kind AND named.value = wanted.value
            )
            """,
            [list(kinds), list(values)],
        )
        rows = cursor.fetchall()
    ids = sorted({customer_id for _, _, customer_id in rows})
    rows_locked = Customer.objects.select_for_update(no_key=True).order_by("pk").in_bulk(ids)
    known = {pk: _Known(customer) for pk, customer in rows_locked.items()}
    owners = {}
    for kind, value, customer_id in rows:
        known[customer_id].handles.add((kind, value))
        owners[kind, value] = known[customer_id]
    return owners


def _assign(reading: _Reading, owners: dict[Handle, _Known], now: datetime) -> _Known:
    """Lead a person to a customer, known or new, and note the handles that this gives them."""
    known = _match(reading.handles, owners)
    if known is None:
        known = _Known(Customer(created_at=reading.created_at or now))
    known.take_over(reading)
    for handle in reading.handles:
        if owners.setdefault(handle, known) is known:
            known.handles.add(handle)
    return known


def _match(handles: Sequence[Handle], owners: Mapping[Handle, _Known]) -> _Known | None:
    """The owner of the most trusted known handle.

    A shared phone or computer does not make two people one: who holds another value of a kind
    that is trusted more is somebody else.
    """
    brought: set[str] = set()
    for handle in handles:
        known = owners.get(handle)
        if known is not None and brought.isdisjoint(kind for kind, _ in known.handles):
            return known
        brought.add(handle[0])
    return None


def _update(customers: Sequence[Customer]) -> None:
    columns = ", ".join(f"{name} = new.{name}" for name in (*_FIELDS, "attributes"))
    types = ", ".join(f"{name} text" for name in _FIELDS)
    rows = [
        {"id": customer.pk, "attributes": customer.attributes}
        | {name: getattr(customer, name) for name in _FIELDS}
        for customer in customers
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE crm_customer SET {columns} "  # noqa: S608 - our own column names
            f"FROM jsonb_to_recordset(%s) AS new (id bigint, attributes jsonb, {types}) "
            "WHERE crm_customer.id = new.id",
            [json.dumps(rows)],
        )


def _add_identities(found: Sequence[_Known], held: set[Handle], now: datetime) -> None:
    identities = [
        Identity(customer=known.customer, kind=kind, value=value, created_at=now)
        for known in found
        for kind, value in sorted(known.handles)
        if (kind, value) not in held
    ]
    Identity.objects.bulk_create(identities, ignore_conflicts=True, batch_size=5000)
