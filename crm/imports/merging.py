"""Merging a staged batch into the record: new people, changed people, their handles."""

from datetime import datetime

from django.db import connection

from crm import planner

from . import mapping
from .targets import HANDLES

_FIELDS = (
    "first_name",
    "last_name",
    "email",
    "phone",
    "country",
    "city",
    "postcode",
    "street",
    "language",
    "time_zone",
)
_KINDS = (("external", "external_id"), ("email", "email"), ("phone", "phone"))
assert [column for _, column in _KINDS] == list(HANDLES)

_INSERT = """
    INSERT INTO crm_customer (id, first_name, last_name, email, phone, country, city, postcode,
        street, language, time_zone, attributes, bucket, created_at)
    SELECT m.customer_id, s.first_name, s.last_name, s.email, s.phone, s.country, s.city,
        s.postcode, s.street, coalesce(nullif(s.language, ''), 'en'),
        coalesce(nullif(s.time_zone, ''), 'UTC'), s.attributes, floor(random() * 10000),
        coalesce(s.created_at, %s)
    FROM import_match m JOIN import_person s USING (place)
    WHERE m.verdict = 'new'
"""

# A handle that somebody else just took would be an error here, and the batch is tried again.
_HANDLES = " UNION ALL ".join(
    f"SELECT '{kind}', s.{column}, m.customer_id, %s::timestamptz "  # noqa: S608 - our own words
    "FROM import_match m JOIN import_person s USING (place) "
    f"WHERE m.verdict <> 'odd' AND s.{column} <> '' AND m.by_{kind} IS NULL"
    for kind, column in _KINDS
)
_ADD_HANDLES = f"INSERT INTO crm_identity (kind, value, customer_id, created_at) {_HANDLES}"
_GAINED = """
    SELECT place FROM import_match m JOIN import_person s USING (place)
    WHERE m.verdict = 'same' AND (
        (s.external_id <> '' AND m.by_external IS NULL) OR (s.email <> '' AND m.by_email IS NULL)
        OR (s.phone <> '' AND m.by_phone IS NULL))
"""

_SAME = "SELECT customer_id FROM import_match WHERE verdict = 'same'"

# What staff locked stays; an empty cell says nothing.
_TAKES = {
    mapping.UPDATE: "s.{0} <> '' AND s.{0} <> c.{0} AND NOT '{0}' = ANY(locks.fields)",
    mapping.FILL: "s.{0} <> '' AND c.{0} = '' AND NOT '{0}' = ANY(locks.fields)",
}
_ATTRIBUTES = {
    mapping.UPDATE: "c.attributes || (s.attributes - locks.attributes)",
    mapping.FILL: "(s.attributes - locks.attributes) || c.attributes",
}
_KNOWN = """
    FROM import_match m JOIN import_person s USING (place)
    CROSS JOIN LATERAL (SELECT * FROM crm_customer WHERE id = m.customer_id OFFSET 0) AS c
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(field::text), '{{}}') AS fields, coalesce(
            array_agg(substr(field, 12)) FILTER (WHERE field LIKE 'attributes.%%'), '{{}}'
        ) AS attributes
        FROM crm_fieldlock WHERE customer_id = c.id AND lifted_at IS NULL
          AND (expires_at IS NULL OR expires_at > %s)
    ) AS locks
    WHERE m.verdict = 'same' AND ({takes} OR {attributes} <> c.attributes)
"""


def insert_new(*, now: datetime) -> int:
    """Write the people nobody knew."""
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [now])
        return int(cursor.rowcount)


def add_handles(*, now: datetime) -> set[int]:
    """Give everybody the handles they came with; tells the rows of the known who gained one."""
    with connection.cursor() as cursor:
        cursor.execute(_GAINED)
        gained = {place for (place,) in cursor.fetchall()}
        cursor.execute(_ADD_HANDLES, [now] * len(_KINDS))
    return gained


def update_known(*, existing: str, now: datetime) -> set[int]:
    """Take over what is new about those we know; tells the rows that changed something."""
    if existing == mapping.SKIP:
        return set()
    values = ", ".join(
        f"CASE WHEN {_TAKES[existing].format(name)} THEN s.{name} ELSE c.{name} END AS {name}"
        for name in _FIELDS
    )
    columns = ", ".join(f"{name} = told.{name}" for name in (*_FIELDS, "attributes"))
    statement = f"""
        UPDATE crm_customer SET {columns}
        FROM (SELECT m.place, c.id, {values}, {_ATTRIBUTES[existing]} AS attributes
              {_known(existing)}) AS told
        WHERE crm_customer.id = ANY(ARRAY({_SAME})) AND crm_customer.id = told.id
        RETURNING told.place
    """  # noqa: S608 - made of the constants above
    # Told and written rows are hashed: where customers are thought to be none, a loop over them
    # would read what is told again for each. Elsewhere see the settings in `staging`.
    with planner.hashed():
        return _places(statement, now)


def would_change(*, existing: str, now: datetime) -> set[int]:
    """The rows of known people that update_known and add_handles would change something by."""
    if existing == mapping.SKIP:
        return set()
    changed = _places(f"SELECT m.place {_known(existing)}", now)
    with connection.cursor() as cursor:
        cursor.execute(_GAINED)
        return changed | {place for (place,) in cursor.fetchall()}


def _known(existing: str) -> str:
    takes = " OR ".join(f"({_TAKES[existing].format(name)})" for name in _FIELDS)
    return _KNOWN.format(takes=takes, attributes=_ATTRIBUTES[existing])


def _places(statement: str, now: datetime) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [now])
        return {place for (place,) in cursor.fetchall()}


def skip_known() -> None:
    """Leave those we know as they are, handles included."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE import_match SET verdict = 'odd' WHERE verdict = 'same'")
