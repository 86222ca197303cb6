"""What is computed from a customer's rows, computed again when rows changed hands."""

from collections.abc import Collection, Sequence

from django.db import connection

from crm import orders

_LOSE_DAYS = "DELETE FROM crm_eventday WHERE customer_id = ANY(%s)"
_COUNT_DAYS = """
    INSERT INTO crm_eventday (customer_id, name, date, count, first_at, last_at)
    SELECT customer_id, name, (occurred_at AT TIME ZONE 'UTC')::date, count(*),
        min(occurred_at), max(occurred_at)
    FROM crm_event WHERE customer_id = ANY(%s) GROUP BY 1, 2, 3
"""


def refresh(customer_ids: Sequence[int], used: Collection[str]) -> None:
    """Count orders and days of events again, where the tables that changed ask for it."""
    if {"crm_order", "crm_orderstatistics"} & set(used):
        orders.refresh_statistics(customer_ids=customer_ids)
    if {"crm_event", "crm_eventday"} & set(used):
        with connection.cursor() as cursor:
            cursor.execute(_LOSE_DAYS, [list(customer_ids)])
            cursor.execute(_COUNT_DAYS, [list(customer_ids)])
