"""What is computed from a customer's rows, computed again when rows changed hands."""

from collections.abc import Collection, Sequence

from django.db import connection

from crm import companies, orders, planner

_COUNT_DAYS = """
    WITH fresh AS (
        SELECT customer_id, name, (occurred_at AT TIME ZONE 'UTC')::date AS date,
            count(*) AS count, min(occurred_at) AS first_at, max(occurred_at) AS last_at
        FROM crm_event WHERE customer_id = ANY(%(ids)s::bigint[]) GROUP BY 1, 2, 3
    ), gone AS (
        DELETE FROM crm_eventday day
        WHERE day.customer_id = ANY(%(ids)s::bigint[]) AND NOT EXISTS (
            SELECT FROM fresh WHERE fresh.customer_id = day.customer_id
              AND fresh.name = day.name AND fresh.date = day.date)
    )
    INSERT INTO crm_eventday (customer_id, name, date, count, first_at, last_at)
    SELECT customer_id, name, date, count, first_at, last_at FROM fresh
    ON CONFLICT (customer_id, name, date) DO UPDATE SET count = excluded.count,
        first_at = excluded.first_at, last_at = excluded.last_at
"""


def refresh(*, customer_ids: Sequence[int], used: Collection[str]) -> None:
    """Count orders, companies and days of events again, where what changed asks for it."""
    if {"crm_order", "crm_orderstatistics"} & set(used):
        orders.refresh_statistics(customer_ids=customer_ids)
    if "crm_companymember" in used:
        companies.refresh_statistics(customer_ids=customer_ids)
    if {"crm_event", "crm_eventday"} & set(used):
        # Every day is held against all that are counted, however few they are thought to be.
        with planner.hashed(), connection.cursor() as cursor:
            cursor.execute(_COUNT_DAYS, {"ids": list(customer_ids)})
