"""The tables whose rows belong to a customer, in all apps, and what must not be twice there."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connection, models
from django.utils.functional import Promise

from crm.models import Customer, DuplicateCandidate

Row = dict[str, Any]

# What refreshing.py computes; apps above say so on their models.
_REFRESHED = frozenset({"crm_orderstatistics", "crm_eventday"})

_UNIQUE = """
    SELECT t.relname,
        array_agg(a.attname::text ORDER BY a.attnum) AS columns,
        coalesce(pg_get_expr(i.indpred, i.indrelid), 'true') AS condition
    FROM pg_index i
    JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname = current_schema()
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY(i.indkey)
    WHERE i.indisunique AND t.relname = ANY(%s)
    GROUP BY i.indexrelid, t.relname, i.indpred, i.indrelid
"""


@dataclass(frozen=True, slots=True)
class Unique:
    """Columns that must not be the same twice, beside the customer, where the condition holds."""

    others: tuple[str, ...]
    condition: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table, with the column that names the customer."""

    name: str
    title: str | Promise
    key: str
    customer: str
    columns: tuple[str, ...]
    uniques: tuple[Unique, ...]
    # Computed from other rows; after a merge it is computed again.
    is_derived: bool


@cache
def all_tables() -> tuple[Table, ...]:
    """Every table with rows of customers, pairs of possible duplicates aside."""
    relations = [
        relation
        for relation in Customer._meta.get_fields(include_hidden=True)
        if isinstance(relation, models.ForeignObjectRel) and _is_live(relation)
    ]
    found = _uniques([relation.related_model._meta.db_table for relation in relations])
    return tuple(_table(relation, found) for relation in relations)


def columns_of(*, model: type[models.Model]) -> tuple[str, ...]:
    """The columns of a table that are written, computed ones aside."""
    return tuple(
        str(field.column)
        for field in model._meta.local_concrete_fields
        if not getattr(field, "generated", False)
    )


def is_history(*, model: Any) -> bool:
    """Whether a model keeps what rows of another were, and who changed them."""
    return hasattr(model, "history_id")


def used(*, customer_ids: Iterable[int]) -> list[Table]:
    """The tables that have rows of these customers at all, found in one statement."""
    every = all_tables()
    asked = ", ".join(
        f"EXISTS (SELECT FROM {table.name} WHERE {table.customer} = ANY(%(ids)s::bigint[]))"
        for table in every
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {asked}", {"ids": list(customer_ids)})
        found = cursor.fetchone()
    return [table for table, is_used in zip(every, found, strict=True) if is_used]


def counts(*, customer_id: int) -> list[tuple[str | Promise, int]]:
    """How many rows of each table a customer has, under the name that staff know it by."""
    every = [table for table in all_tables() if not table.is_derived]
    asked = ", ".join(
        f"(SELECT count(*) FROM {table.name} WHERE {table.customer} = %(id)s)"  # noqa: S608
        for table in every
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {asked}", {"id": customer_id})
        found = cursor.fetchone()
    return [(table.title, number) for table, number in zip(every, found, strict=True) if number]


def table_titles() -> dict[str, str | Promise]:
    """The names under which staff know the tables."""
    titles = {table.name: table.title for table in all_tables()}
    return titles | {
        DuplicateCandidate._meta.db_table: DuplicateCandidate._meta.verbose_name_plural or ""
    }


def _is_live(relation: models.ForeignObjectRel) -> bool:
    """Not the tables of history, and not the pairs, which are of two customers each."""
    if relation.related_model is DuplicateCandidate or relation.many_to_many:
        return False
    return not is_history(model=relation.related_model)


def _table(
    relation: models.ForeignObjectRel, found: dict[str, list[tuple[set[str], str]]]
) -> Table:
    model: Any = relation.related_model
    column = str(relation.field.column)
    name = model._meta.db_table
    key = model._meta.pk.column
    uniques = [
        Unique(tuple(sorted(columns - {column})), condition)
        for columns, condition in found.get(name, [])
        if column in columns
    ]
    return Table(
        name=name,
        title=model._meta.verbose_name_plural,
        key=key,
        customer=column,
        columns=columns_of(model=model),
        uniques=tuple(uniques),
        is_derived=name in _REFRESHED or getattr(model, "is_derived", False),
    )


def _uniques(names: list[str]) -> dict[str, list[tuple[set[str], str]]]:
    found: dict[str, list[tuple[set[str], str]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_UNIQUE, [names])
        for name, columns, condition in cursor.fetchall():
            found.setdefault(name, []).append((set(columns), condition))
    return found
