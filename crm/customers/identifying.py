"""Find or create the customer of everybody who is reported, by the handles they come with."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from django.db import connection, transaction
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

from crm import attributes, changes, webhooks
from crm.customers import contested, handles, merging, writing
from crm.customers.handles import Known
from crm.customers.people import (
    FIELDS,
    NAMELESS,
    Handle,
    Person,
    Reading,
    is_nameless,
    read,
)
from crm.models import Customer, FieldLock
from crm.signals import announce, customers_changed

# Names of attributes that this process has told of, so that it does not ask every time.
_noted: set[str] = set()
_NOTED_AT_MOST = 10_000

# Each handle is looked up by itself, and the customers are named by a list: a join would compare
# each with each where the tables are thought empty.
_OWNERS = """
    SELECT named.customer_id FROM unnest(%s::text[], %s::text[]) AS wanted (kind, value)
    CROSS JOIN LATERAL (
        SELECT customer_id FROM crm_identity
        WHERE kind = wanted.kind AND value = wanted.value LIMIT 1
    ) AS named
"""
_OWNED = f"crm_customer.id = ANY(ARRAY({_OWNERS}))"
_VISITORS = f"""
    {_OWNERS} WHERE NOT EXISTS (
        SELECT FROM crm_identity other
        WHERE other.customer_id = named.customer_id AND NOT other.kind = ANY(%s) OFFSET 0
    )
"""


def identify(*, person: Person, now: datetime) -> int:
    """Find or create the customer of one person."""
    return identify_many(people=[person], now=now)[0]


@transaction.atomic
def identify_many(*, people: Sequence[Person], now: datetime) -> list[int]:
    """Find or create the customer of each person and take over what is new about them.

    Locks the handles of the batch (in stripes, always in the same order), so that writers of the
    same people follow one another and leave exactly one customer for each. A visitor of whom
    nothing but anonymous ids was known is merged into the known person who brings such an id.
    """
    readings = [read(person=person, position=position) for position, person in enumerate(people)]
    if not readings:
        return []
    wanted = {handle for reading in readings for handle in reading.handles}
    handles.lock(wanted=wanted)
    batch = _Batch(_owners(readings, wanted, now), now)
    found = [batch.assign(reading) for reading in readings]
    batch.write()
    _note_attributes(readings, now)
    return [known.today.customer.pk for known in found]


def _note_attributes(readings: Sequence[Reading], now: datetime) -> None:
    """List attributes that are new to this process; what is rolled back is told again."""
    told = [
        {name: value for name, value in reading.attributes.items() if name not in _noted}
        for reading in readings
    ]
    names = {name for values in told for name in values}
    if not names:
        return
    attributes.note_seen(values=told, now=now)
    if len(_noted) < _NOTED_AT_MOST:
        transaction.on_commit(partial(_noted.update, names))


class _Batch:
    """The people of one batch on their way to customers."""

    def __init__(self, owners: dict[Handle, Known], now: datetime) -> None:
        self.owners = owners
        self.now = now
        self.found: dict[int, Known] = {}
        self.visitors: list[Known] = []
        self.contested: list[tuple[Known, Handle]] = []

    def assign(self, reading: Reading) -> Known:
        """Lead a person to a customer, known or new, and note the handles that this gives them."""
        known = _match(reading.handles, self.owners)
        if known is None:
            known = Known(Customer(created_at=reading.created_at or self.now))
        self.found[id(known)] = known
        self._take_visitors_in(reading, known)
        for handle in reading.handles:
            if self.owners.setdefault(handle, known) is known:
                known.handles.add(handle)
                if handle[0] in reading.verified:
                    known.verified.add(handle)
        # Nobody is written to at an address that leads to somebody else.
        is_theirs = self.owners.get(reading.email, known) is known
        if not is_theirs:
            self.contested.append((known, reading.email))
        _take_over(known, reading, is_theirs)
        return known

    def write(self) -> None:
        """Write the batch down: facts, new customers, handles, and the visitors' merges."""
        found = [known for known in self.found.values() if known.turned_out is None]
        changed = [known.customer for known in self.found.values() if known.changed]
        writing.update(people=[customer for customer in changed if customer.pk])
        new = [known.customer for known in found if known.is_new]
        Customer.objects.bulk_create(new, batch_size=2000)
        handles.add(found=found, now=self.now)
        self._note(found, {customer.pk for customer in new})
        pairs = [(k.customer.pk, self.owners[h].customer.pk, h[1]) for k, h in self.contested]
        contested.note(pairs=pairs, now=self.now)
        merging.merge_visitors(
            pairs=[(known.today.customer.pk, known.customer.pk) for known in self.visitors],
            now=self.now,
        )
        touched = {customer.pk for customer in (*changed, *new)}
        touched -= {None, *(known.customer.pk for known in self.visitors)}
        if touched:
            webhooks.tell_changed(customer_ids=sorted(touched), now=self.now)
            announce(customers_changed, sender=Customer, customer_ids=sorted(touched))

    def _note(self, found: Sequence[Known], new: set[int]) -> None:
        told: defaultdict[frozenset[str], list[int]] = defaultdict(list)
        for known in found:
            subjects = known.subjects | ({changes.IDENTITY} if known.gains else set())
            if known.customer.pk in new:
                subjects = {changes.EXISTENCE}
            told[frozenset(subjects)].append(known.customer.pk)
        changes.note_many(told=told.items(), now=self.now)

    def _take_visitors_in(self, reading: Reading, known: Known) -> None:
        if is_nameless(handles=known.handles | set(reading.handles)):
            return
        for handle in reading.handles:
            visitor = self.owners.get(handle)
            if visitor and visitor is not known and is_nameless(handles=visitor.handles):
                self._turn_out(visitor, known)

    def _turn_out(self, visitor: Known, known: Known) -> None:
        visitor.turned_out = known
        known.handles |= visitor.handles
        known.stored |= visitor.stored
        known.verified |= visitor.verified
        known.unverified_before |= visitor.unverified_before
        self.owners.update(dict.fromkeys(visitor.handles, known))
        for other in self.found.values():
            if other.turned_out is visitor:
                other.turned_out = known
        if visitor.is_new:
            _fill(known.customer, visitor.customer)
            known.changed = True
            known.subjects |= {changes.PERSON, *map(changes.attribute, visitor.customer.attributes)}
            visitor.changed = False
        else:
            self.visitors.append(visitor)


def _owners(readings: Sequence[Reading], wanted: set[Handle], now: datetime) -> dict[Handle, Known]:
    """Who holds the handles; each knows every handle they hold, asked for or not.

    The rows are locked before the handles are read, so that these are as they stay.
    """
    _lock_visitors(readings)
    kinds, values = zip(*wanted, strict=True)
    owned = RawSQL(_OWNED, [list(kinds), list(values)], BooleanField())  # noqa: S611 - no input
    locking = Customer.objects.select_for_update(no_key=True).order_by("pk")
    rows = locking.filter(owned).in_bulk()
    found = handles.held(wanted=wanted) if rows else {}
    if not found.keys() <= rows.keys():
        return _owners(readings, wanted, now)
    locks = FieldLock.objects.in_force(now=now).filter(customer_id__in=list(found))
    for customer_id, name in locks.values_list("customer_id", "field") if found else ():
        found[customer_id].locked.add(name)
    for customer_id, known in found.items():
        known.customer = rows[customer_id]
    return {handle: known for known in found.values() for handle in known.handles}


def _lock_visitors(readings: Sequence[Reading]) -> None:
    """Lock those visitors for good who will be known by the end of the batch."""
    brought = {
        handle
        for reading in readings
        if not is_nameless(handles=set(reading.handles))
        for handle in reading.handles
        if handle[0] in NAMELESS
    }
    if not brought:
        return
    kinds, values = zip(*brought, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM crm_customer WHERE id = ANY(ARRAY({_VISITORS})) "  # noqa: S608
            "ORDER BY id FOR UPDATE",
            [list(kinds), list(values), sorted(NAMELESS)],
        )


def _match(wanted: Sequence[Handle], owners: Mapping[Handle, Known]) -> Known | None:
    """The owner of the most trusted known handle.

    A shared phone or computer does not make two people one: who holds another value of a kind
    that is trusted more is somebody else.
    """
    brought: set[str] = set()
    for handle in wanted:
        known = owners.get(handle)
        if known is not None and brought.isdisjoint(kind for kind, _ in known.handles):
            return known
        brought.add(handle[0])
    return None


def _take_over(known: Known, reading: Reading, is_their_address: bool) -> None:
    customer = known.customer
    for name, value in reading.values.items():
        if name in known.locked or (name == "email" and not is_their_address):
            continue
        if value and getattr(customer, name) != value:
            setattr(customer, name, value)
            known.changed = True
            known.subjects.add(changes.PERSON)
    new = {
        name: value
        for name, value in reading.attributes.items()
        if f"attributes.{name}" not in known.locked
    }
    facts = {**customer.attributes, **new}
    if facts != customer.attributes:
        known.subjects |= {
            changes.attribute(name)
            for name in new
            if name not in customer.attributes or customer.attributes[name] != new[name]
        }
        customer.attributes = facts
        known.changed = True


def _fill(customer: Customer, visitor: Customer) -> None:
    """Take over what a visitor, met in the same batch, said and the known person did not."""
    for name in FIELDS:
        if not getattr(customer, name):
            setattr(customer, name, getattr(visitor, name))
    customer.attributes = {**visitor.attributes, **customer.attributes}
    customer.created_at = min(customer.created_at, visitor.created_at)
