"""Taking a batch in: wave by wave, the plain rows set-wise, the odd ones by the general rule."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from . import mapping, merging, odd, staging
from .people import Batch

# Waves that are worth statements of their own; what comes after them is left to the general rule.
_MOST_WAVES = 3
_ODD_SLICE = 2_000

_SEEN = """
    CREATE TEMP TABLE IF NOT EXISTS import_seen (handle bigint PRIMARY KEY)
"""
_SEE = """
    WITH told AS (
        SELECT place, hashtextextended('x' || external_id, 0) AS handle
        FROM import_person WHERE external_id <> ''
        UNION ALL
        SELECT place, hashtextextended('e' || email, 0) FROM import_person
        WHERE email <> '' AND external_id = ''
        UNION ALL
        SELECT place, hashtextextended('p' || phone, 0) FROM import_person
        WHERE phone <> '' AND email = '' AND external_id = ''
    ), known AS (
        SELECT told.place FROM told JOIN import_seen USING (handle)
    ), added AS (
        INSERT INTO import_seen SELECT DISTINCT handle FROM told ON CONFLICT DO NOTHING
    )
    SELECT place FROM known
"""


@dataclass(slots=True)
class Outcome:
    """What became of the rows of a batch, by their places."""

    created: set[int] = field(default_factory=set)
    updated: set[int] = field(default_factory=set)
    # Whose each row is; rows that were left alone are not in it.
    customers: dict[int, int] = field(default_factory=dict)
    # Since when other writers of handles wait, by the clock that never goes back.
    locked_at: float = 0.0


def take_in(*, batch: Batch, existing: str, now: datetime) -> Outcome:
    """Write a batch into the record.

    Belongs into a transaction; keeps other writers of handles waiting until its end.
    """
    outcome = Outcome()
    if not batch.lines:
        return outcome
    staging.prepare()
    waves = staging.waves(batch=batch)
    # What can be done before the others have to wait is done before.
    staging.stage(batch=batch, places=waves[0])
    staging.lock()
    outcome.locked_at = time.monotonic()
    _take_wave(batch, existing, now, outcome)
    for places in waves[1:_MOST_WAVES]:
        staging.stage(batch=batch, places=places)
        _take_wave(batch, existing, now, outcome)
    rest = sorted(place for wave in waves[_MOST_WAVES:] for place in wave)
    _take_odd(batch, rest, existing, now, outcome)
    return outcome


def foresee(*, batch: Batch, existing: str, now: datetime) -> Outcome:
    """What take_in would do, as far as can be told without writing anything.

    Remembers on this connection whom the file has named before; begin a file with `forget`.
    """
    outcome = Outcome()
    if not batch.lines:
        return outcome
    staging.prepare()
    for places in staging.waves(batch=batch):
        staging.stage(batch=batch, places=places)
        found = staging.match()
        with connection.cursor() as cursor:
            cursor.execute(_SEE)
            again = {place for (place,) in cursor.fetchall()}
        outcome.created |= set(found.new) - again
        outcome.updated |= merging.would_change(existing=existing, now=now)
        if existing != mapping.SKIP:
            outcome.updated |= (set(found.new) & again) | set(found.odd)
    return outcome


def forget() -> None:
    """Begin to foresee another file."""
    with connection.cursor() as cursor:
        cursor.execute(_SEEN)
        cursor.execute("TRUNCATE import_seen")


def _take_wave(batch: Batch, existing: str, now: datetime, outcome: Outcome) -> None:
    """Take in what is staged."""
    found = staging.match()
    taken = {*found.new, *found.same}
    if found.same and existing == mapping.SKIP:
        merging.skip_known()
        taken = set(found.new)
    elif found.same:
        outcome.updated |= merging.update_known(existing=existing, now=now)
    if found.new:
        merging.insert_new(now=now)
        outcome.created |= set(found.new)
    outcome.updated |= merging.add_handles(now=now)
    outcome.customers |= {place: found.customers[place] for place in taken}
    _take_odd(batch, found.odd, existing, now, outcome)


def _take_odd(
    batch: Batch, places: Sequence[int], existing: str, now: datetime, outcome: Outcome
) -> None:
    for start in range(0, len(places), _ODD_SLICE):
        some = places[start : start + _ODD_SLICE]
        customers, created, updated = odd.take_in(
            batch=batch, places=some, existing=existing, now=now
        )
        outcome.created |= created
        outcome.updated |= updated
        if existing == mapping.SKIP:
            customers = {place: customers[place] for place in created}
        outcome.customers |= customers
