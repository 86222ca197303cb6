"""Events lose the check of their customers row by row; whoever records them holds the customers."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Drop the foreign key of crm_event, and keep the column."""

    dependencies = [("crm", "0010_count_days")]

    operations = [
        migrations.AlterField(
            model_name="event",
            name="customer",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="events",
                to="crm.customer",
                verbose_name="customer",
            ),
        ),
    ]
