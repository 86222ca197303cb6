"""A random share of the customers is found by an index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Index the buckets."""

    dependencies = [("crm", "0013_events_ahead")]

    operations = [
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(fields=["bucket"], name="customer_bucket"),
        ),
    ]
