"""Messages lose the check of their customers row by row; whoever writes them holds the customers."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Drop the foreign key of crm_message to customers, and keep the column."""

    dependencies = [("crm", "0031_mailbox_tokens")]

    operations = [
        migrations.AlterField(
            model_name="message",
            name="customer",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="messages",
                to="crm.customer",
                verbose_name="customer",
            ),
        ),
    ]
