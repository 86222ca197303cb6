"""Staging: a batch of people copied beside the record, and matched with it, set by set.

What is plain (nobody knows the handles, or all of them lead to one customer) is written in a few
statements; the odd rest is left to customers.identify_many, which knows every case.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from crm.customers.handles import _LOCK_SPACE, _STRIPES

from .people import TEXTS, Batch
from .targets import HANDLES

# Emptied by `clear`, not with every commit: that makes new files while others wait.
_TABLES = f"""
    CREATE TEMP TABLE import_person (
        place int PRIMARY KEY, {", ".join(f"{name} text" for name in TEXTS)},
        attributes jsonb, created_at timestamptz
    );
    CREATE TEMP TABLE import_match (
        place int PRIMARY KEY, by_external bigint, by_email bigint, by_phone bigint,
        customer_id bigint, verdict text
    )
"""
_STAGED = ("import_person", "import_match", "import_consent")
# Rows and progress are one transaction: what the last moment before a power cut wrote is read
# again. So nobody has to wait for the disk while the handles are locked.
# Statements below go from the staged rows to the record by its indexes; without statistics the
# planner would rather read the record from end to end.
_SETTINGS = """
    SET LOCAL synchronous_commit = off;
    SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off;
    SET LOCAL enable_mergejoin = off; SET LOCAL enable_material = off;
    SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off;
    SET LOCAL work_mem = '64MB'; SET LOCAL gin_pending_list_limit = '32MB'
"""

_LOCK = "SELECT pg_advisory_xact_lock(%s, stripe) FROM generate_series(0, %s) AS stripe"

# Asked one by one, so that a planner who knows nothing of the table yet cannot choose badly.
_ASKED = {
    kind: f"CASE WHEN s.{column} <> '' THEN (SELECT customer_id FROM crm_identity "  # noqa: S608
    f"WHERE kind = '{kind}' AND value = s.{column}) END"
    for kind, column in (("external", "external_id"), ("email", "email"), ("phone", "phone"))
}
_MATCH = """
    WITH looked AS (
        SELECT *, coalesce(by_external, by_email, by_phone) AS found
        FROM (SELECT s.place, s.external_id, s.email, s.phone,
            {external} AS by_external, {email} AS by_email, {phone} AS by_phone
            FROM import_person s) AS asked
    )
    INSERT INTO import_match
    SELECT place, by_external, by_email, by_phone, coalesce(found,
            nextval('crm_customer_id_seq')),
        CASE
            WHEN found IS NULL THEN 'new'
            WHEN by_external <> found OR by_email <> found OR by_phone <> found THEN 'odd'
            WHEN row_number() OVER (PARTITION BY found ORDER BY place) > 1 THEN 'odd'
            WHEN by_external IS NULL AND EXISTS (
                SELECT FROM crm_identity other WHERE other.customer_id = found
                  AND ((other.kind = 'external' AND external_id <> '')
                    OR (other.kind = 'email' AND by_email IS NULL AND email <> ''))
            ) THEN 'odd'
            ELSE 'same'
        END
    FROM looked ORDER BY place
""".format(**_ASKED)  # noqa: S608 - made of the words above

_LOCK_ROWS = """
    SELECT id FROM crm_customer
    WHERE id = ANY(ARRAY(SELECT customer_id FROM import_match WHERE verdict = 'same'))
    ORDER BY id FOR NO KEY UPDATE
"""


@dataclass(frozen=True, slots=True)
class Match:
    """Which staged rows are whose: places by verdict, and the customer of each place."""

    new: list[int]
    same: list[int]
    odd: list[int]
    customers: dict[int, int]


def prepare() -> None:
    """Make this connection's staging tables, and settle how its next statements are planned."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pg_temp.import_person')")
        if cursor.fetchone()[0] is None:
            cursor.execute(_TABLES)
        cursor.execute(_SETTINGS)


def clear() -> None:
    """Leave nothing of anybody on this connection, nor the room that their rows took."""
    with connection.cursor() as cursor:
        for name in _STAGED:
            cursor.execute("SELECT to_regclass(%s)", [f"pg_temp.{name}"])
            if cursor.fetchone()[0] is not None:
                cursor.execute(f"TRUNCATE {name}")


def lock() -> None:
    """Keep all other writers of handles waiting until the transaction ends: a batch is short."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [_LOCK_SPACE, _STRIPES - 1])


def stage(*, batch: Batch, places: Sequence[int]) -> None:
    """Copy these people of a batch beside the record, in place of those before them."""
    columns: list[Sequence[str]] = [
        _escaped(_at(values, places))
        for values in (*(batch.texts[name] for name in TEXTS), batch.attributes)
    ]
    created = [text or "\\N" for text in _at(batch.created_at, places)]
    rows = zip(map(str, places), *columns, created, strict=True)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM import_person; DELETE FROM import_match")
        with cursor.copy("COPY import_person FROM STDIN") as copy:
            copy.write("\n".join(map("\t".join, rows)) + "\n")


def match() -> Match:
    """Find out whose the staged rows are, and lock the rows of those who are known."""
    found: dict[str, list[int]] = {"new": [], "same": [], "odd": []}
    customers = {}
    with connection.cursor() as cursor:
        cursor.execute(_MATCH)
        cursor.execute("SELECT place, customer_id, verdict FROM import_match ORDER BY place")
        for place, customer_id, verdict in cursor.fetchall():
            found[verdict].append(place)
            customers[place] = customer_id
        if found["same"]:
            cursor.execute(_LOCK_ROWS)
    return Match(found["new"], found["same"], found["odd"], customers)


def waves(*, batch: Batch) -> list[list[int]]:
    """The places of a batch in an order where nobody meets the same handle twice at once.

    Later rows update earlier ones, so they come in a later wave.
    """
    if all(_is_distinct(batch.texts[name]) for name in HANDLES):
        return [list(range(len(batch.lines)))]
    nth: dict[tuple[str, str], int] = {}
    found: list[list[int]] = []
    for place, held in enumerate(zip(*(batch.texts[name] for name in HANDLES), strict=True)):
        handles = [(kind, value) for kind, value in zip(HANDLES, held, strict=True) if value]
        wave = max(nth.get(handle, 0) for handle in handles)
        nth.update(dict.fromkeys(handles, wave + 1))
        if wave == len(found):
            found.append([])
        found[wave].append(place)
    return found


def _is_distinct(values: Sequence[str]) -> bool:
    given = set(values)
    return len(given) - ("" in given) == len(values) - values.count("")


def _at(values: Sequence[str], places: Sequence[int]) -> Sequence[str]:
    return values if len(values) == len(places) else [values[place] for place in places]


def _escaped(values: Sequence[str]) -> Sequence[str]:
    """The texts as COPY reads them; hardly any has a letter that matters to it."""
    together = "".join(values)
    if not any(mark in together for mark in "\\\t\n\r"):
        return values
    return [text.translate(_MARKS) for text in values]


_MARKS = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
