"""A claim is a row of its own for a whole batch; deliveries that are claimed stay planned."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

# What a worker has at this moment goes back to the plan, the try not counted. Claims counted as
# tries once: what may be tried again has one strike less.
_BACK_TO_THE_PLAN = """
UPDATE campaigns_delivery
   SET state = 'planned', owner = '', lease_until_at = NULL, attempts = greatest(attempts - 1, 0)
 WHERE state = 'claimed';
UPDATE campaigns_delivery delivery SET attempts = attempts - 1
  FROM campaigns_campaign campaign
 WHERE campaign.id = delivery.campaign_id AND campaign.state IN ('running', 'paused')
   AND delivery.state = 'handed_over' AND delivery.attempts > 0
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0009_tracking")]

    operations = [
        migrations.RunSQL(_BACK_TO_THE_PLAN, migrations.RunSQL.noop),
        migrations.RemoveIndex(model_name="delivery", name="delivery_claimed"),
        migrations.RemoveIndex(model_name="delivery", name="delivery_to_claim"),
        migrations.RemoveField(model_name="delivery", name="owner"),
        migrations.RenameField(model_name="delivery", old_name="attempts", new_name="strikes"),
        migrations.RenameField(model_name="delivery", old_name="fence", new_name="tries"),
        migrations.RenameField(
            model_name="delivery", old_name="lease_until_at", new_name="held_until_at"
        ),
        migrations.AlterField(
            model_name="delivery",
            name="held_until_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="waits until"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="strikes",
            field=models.PositiveSmallIntegerField(default=0, verbose_name="strikes"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="tries",
            field=models.PositiveIntegerField(default=0, verbose_name="tries"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="state",
            field=models.CharField(
                choices=[
                    ("planned", "Planned"),
                    ("handed_over", "Handed over"),
                    ("skipped", "Skipped"),
                    ("failed", "Failed"),
                    ("cancelled", "Cancelled"),
                ],
                default="planned",
                max_length=20,
                verbose_name="state",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "planned")),
                fields=["campaign", "strikes", "id"],
                name="delivery_to_claim",
            ),
        ),
        migrations.CreateModel(
            name="Claim",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("owner", models.CharField(max_length=100, verbose_name="owner")),
                ("lease_until_at", models.DateTimeField(verbose_name="lease until")),
                (
                    "delivery_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), size=None, verbose_name="deliveries"
                    ),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="claims",
                        to="campaigns.campaign",
                        verbose_name="campaign",
                    ),
                ),
                (
                    "step",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="campaigns.step",
                        verbose_name="step",
                    ),
                ),
            ],
            options={"verbose_name": "claim", "verbose_name_plural": "claims", "ordering": ["id"]},
        ),
    ]
