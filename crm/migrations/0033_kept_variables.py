"""What a message was rendered from moves to a row of its own, which never changes."""

import django.db.models.deletion
from django.db import migrations, models

_MOVE = """
INSERT INTO crm_keptvariables (message_id, variables)
SELECT id, variables FROM crm_message WHERE variables IS NOT NULL ORDER BY id
"""
_MOVE_BACK = """
UPDATE crm_message message SET variables = kept.variables
  FROM crm_keptvariables kept WHERE kept.message_id = message.id
"""


class Migration(migrations.Migration):
    """Make the table, move what is there, and drop the column."""

    dependencies = [("crm", "0032_held_customers")]

    operations = [
        migrations.CreateModel(
            name="KeptVariables",
            fields=[
                (
                    "message",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="kept",
                        serialize=False,
                        to="crm.message",
                        verbose_name="message",
                    ),
                ),
                ("variables", models.JSONField(verbose_name="variables")),
            ],
            options={
                "verbose_name": "variables of a message",
                "verbose_name_plural": "variables of messages",
            },
        ),
        migrations.RunSQL(_MOVE, _MOVE_BACK),
        migrations.RemoveField(model_name="message", name="variables"),
    ]
