"""The odd rows of a batch: whose handles lead to several people; one rule for them and the API."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from crm import customers
from crm.models import Customer

from . import mapping
from .people import TEXTS, Batch

_FACTS = (*(name for name in TEXTS if name != "external_id"), "attributes")

# Whoever holds the most trusted handle of a row, as far as is known before it is taken in.
_HOLDERS = """
    SELECT DISTINCT ON (told.place) told.place, held.customer_id
    FROM unnest(%s::int[], %s::int[], %s::text[], %s::text[]) AS told (place, rank, kind, value)
    CROSS JOIN LATERAL (
        SELECT customer_id FROM crm_identity WHERE kind = told.kind AND value = told.value LIMIT 1
    ) AS held
    ORDER BY told.place, told.rank
"""


def take_in(
    *, batch: Batch, places: Sequence[int], existing: str, now: datetime
) -> tuple[dict[int, int], set[int], set[int]]:
    """Let customers.identify_many decide on these rows.

    Gives the customer of each place that has one, the places that made a customer, and those
    that changed one.
    """
    holders = _holders(batch, places)
    if existing == mapping.SKIP:
        places = [place for place in places if place not in holders]
    if not places:
        return holders, set(), set()
    before = _snapshots(set(holders.values()))
    people = [_person(batch, place) for place in places]
    if existing == mapping.FILL:
        people = [
            _only_missing(person, before.get(holders.get(place, 0)))
            for person, place in zip(people, places, strict=True)
        ]
    newest = Customer.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    with transaction.atomic():
        ids = customers.identify_many(people=people, now=now)
    found = dict(zip(places, ids, strict=True))
    return holders | found, *_outcome(found, before, newest)


def _outcome(
    found: Mapping[int, int], before: Mapping[int, Mapping[str, Any]], newest: int
) -> tuple[set[int], set[int]]:
    created: set[int] = set()
    updated: set[int] = set()
    seen: set[int] = set()
    after = _snapshots(set(found.values()))
    for place, customer_id in found.items():
        is_first = customer_id not in seen
        seen.add(customer_id)
        if customer_id > newest and is_first:
            created.add(place)
        elif before.get(customer_id) != after.get(customer_id):
            updated.add(place)
    return created, updated


def _holders(batch: Batch, places: Sequence[int]) -> dict[int, int]:
    told = [
        (place, rank, kind, batch.texts[column][place])
        for place in places
        for rank, (kind, column) in enumerate(
            (("external", "external_id"), ("email", "email"), ("phone", "phone"))
        )
        if batch.texts[column][place]
    ]
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS, [list(column) for column in zip(*told, strict=True)])
        return dict(cursor.fetchall())


def _snapshots(ids: set[int]) -> dict[int, dict[str, Any]]:
    rows = Customer.objects.filter(pk__in=ids).values("pk", *_FACTS)
    return {row["pk"]: row for row in rows}


def _person(batch: Batch, place: int) -> customers.Person:
    created_at = batch.created_at[place]
    texts: dict[str, Any] = {name: batch.texts[name][place] for name in TEXTS}
    return customers.Person(
        **texts,
        attributes=json.loads(batch.attributes[place]),
        created_at=datetime.fromisoformat(created_at) if created_at else None,
    )


def _only_missing(person: customers.Person, known: Mapping[str, Any] | None) -> customers.Person:
    if known is None:
        return person
    kept: dict[str, Any] = {
        name: "" for name in TEXTS if name not in ("external_id", "email", "phone") and known[name]
    }
    attributes = {
        name: value for name, value in person.attributes.items() if name not in known["attributes"]
    }
    return replace(person, attributes=attributes, **kept)
