"""Everything of a person is deleted from every table; orders stay, without the person."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction
from django.db.models import Min

from crm import changes, companies
from crm.customers import checking, tables
from crm.models import Customer, CustomerAlias, Merge
from crm.signals import announce, customers_erased

# What must be kept for the books is kept without the customer.
_KEPT = frozenset({"crm_order"})

_CANDIDATES = "crm_duplicatecandidate"
# What names a customer by a plain value.
_BY_VALUE = {
    "crm_webhookdelivery": "customer_id = ANY(%s::bigint[])",
    # Mails that came back as they came; what is known of them goes with their messages.
    "crm_callback": """id = ANY(ARRAY(
        SELECT callback_id FROM crm_returnedmail WHERE message_id = ANY(ARRAY(
            SELECT id FROM crm_message WHERE customer_id = ANY(%s::bigint[])))))""",
}
_REPAIRS = """
    UPDATE crm_qualityrepair repair SET changes = (
        SELECT coalesce(jsonb_agg(change), '[]') FROM jsonb_array_elements(repair.changes) change
        WHERE NOT (change ->> 'customer')::bigint = ANY(%(ids)s::bigint[])
    ) WHERE EXISTS (
        SELECT FROM jsonb_array_elements(repair.changes) change
        WHERE (change ->> 'customer')::bigint = ANY(%(ids)s::bigint[])
    )
"""
# Logs of other people's merges lose the pairs that name somebody who is forgotten.
_LOGS = """
    UPDATE crm_merge SET undo = jsonb_set(undo, '{aside,crm_duplicatecandidate}', (
        SELECT coalesce(jsonb_agg(told), '[]')
        FROM jsonb_array_elements_text(undo #> '{aside,crm_duplicatecandidate}') AS told
        WHERE NOT (told::jsonb ->> 'left_id')::bigint = ANY(%(ids)s::bigint[])
          AND NOT (told::jsonb ->> 'right_id')::bigint = ANY(%(ids)s::bigint[])
    )) WHERE undo #> '{aside,crm_duplicatecandidate}' IS NOT NULL
"""


@transaction.atomic
def forget_many(*, customer_ids: Collection[int], now: datetime) -> dict[str, int]:
    """Delete everything of these people; gives how many rows of each table were deleted.

    Locks their handles and rows, then their companies, which are counted anew. Orders and their
    lines stay without a customer; who looked at the person stays as a number. Whoever was merged
    into them is forgotten with them.
    """
    checking.lock(customer_ids=list(customer_ids))
    found = Customer.objects.filter(pk__in=customer_ids)
    ids = sorted(found.values_list("pk", flat=True))
    if not ids:
        return {}
    known_since_at = found.aggregate(at=Min("created_at"))["at"]
    aliases = CustomerAlias.objects.filter(customer_id__in=ids)
    all_ids = sorted({*ids, *aliases.values_list("pk", flat=True)})
    counts: Counter[str] = Counter()
    _forget_copies(all_ids, counts)
    firms = companies.of(customer_ids=ids)
    _delete(Customer, "SELECT unnest(%s::bigint[])", [ids], counts)
    companies.recount(company_ids=firms)
    changes.note(customer_ids=ids, subjects=(changes.EXISTENCE, changes.GONE), now=now)
    announce(customers_erased, sender=Customer, customer_ids=ids, known_since_at=known_since_at)
    return dict(sorted(counts.items()))


def _forget_copies(ids: Sequence[int], counts: Counter[str]) -> None:
    """Delete what no foreign key leads to: history, logs of merges, and what names them."""
    for name, condition in _BY_VALUE.items():
        _run(counts, name, f"DELETE FROM {name} WHERE {condition}", [list(ids)])  # noqa: S608
    merges = Merge._meta.db_table
    _run(
        counts,
        merges,
        f"DELETE FROM {merges} WHERE kept_id = ANY(%(ids)s::bigint[]) "  # noqa: S608
        "OR merged_id = ANY(%(ids)s::bigint[])",
        {"ids": list(ids)},
    )
    with connection.cursor() as cursor:
        cursor.execute(_LOGS, {"ids": list(ids)})
        cursor.execute(_REPAIRS, {"ids": list(ids)})
    for name, column in _histories():
        statement = f"DELETE FROM {name} WHERE {column} = ANY(%s::bigint[])"  # noqa: S608
        _run(counts, name, statement, [list(ids)])


def _histories() -> Iterator[tuple[str, str]]:
    """The tables of history that tell of customers, each with the column that names one."""
    for model in apps.get_models(include_auto_created=True):
        if not tables.is_history(model=model):
            continue
        if getattr(model, "tracked_model", None) is Customer or model.__name__ == (
            "HistoricalCustomer"
        ):
            yield model._meta.db_table, "id"
        for field in model._meta.local_concrete_fields:
            if field.related_model is Customer:
                yield model._meta.db_table, str(field.column)


def _delete(model: type[models.Model], ids: str, params: list[Any], counts: Counter[str]) -> None:
    """Delete rows by a query for their keys, what hangs on them first.

    Keys are looked up as lists: a join would read whole tables where they are thought empty.
    """
    for relation in model._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ForeignObjectRel) and not relation.many_to_many:
            _delete_related(relation, ids, params, counts)
    name, key = model._meta.db_table, model._meta.pk.column
    _run(counts, name, f"DELETE FROM {name} WHERE {key} = ANY(ARRAY({ids}))", params)  # noqa: S608


def _delete_related(
    relation: models.ForeignObjectRel, ids: str, params: list[Any], counts: Counter[str]
) -> None:
    field: Any = relation.field
    related: Any = relation.related_model
    name, column = related._meta.db_table, field.column
    if tables.is_history(model=related):
        return
    if name in _KEPT or relation.on_delete is models.SET_NULL:
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {name} SET {column} = NULL WHERE {column} = ANY(ARRAY({ids}))",  # noqa: S608
                params,
            )
        return
    key = related._meta.pk.column
    below = f"SELECT {key} FROM {name} WHERE {column} = ANY(ARRAY({ids}))"  # noqa: S608
    _delete(related, below, params, counts)


def _run(counts: Counter[str], name: str, statement: str, params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        if cursor.rowcount:
            counts[name] += cursor.rowcount
