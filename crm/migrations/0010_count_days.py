"""Counts the days of events that were recorded before days were counted."""

from django.db import migrations

COUNT = """
    INSERT INTO crm_eventday (customer_id, name, date, count, first_at, last_at)
    SELECT customer_id, name, (occurred_at AT TIME ZONE 'UTC')::date, count(*),
           min(occurred_at), max(occurred_at)
    FROM crm_event GROUP BY 1, 2, 3
    ON CONFLICT (customer_id, name, date) DO UPDATE SET
        count = excluded.count, first_at = excluded.first_at, last_at = excluded.last_at
"""


class Migration(migrations.Migration):
    """Fill crm_eventday from crm_event."""

    dependencies = [("crm", "0009_privacy")]

    operations = [migrations.RunSQL(COUNT, migrations.RunSQL.noop)]
