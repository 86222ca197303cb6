import uuid

import django.db.models.deletion
from django.db import migrations, models

REASONS = [
    ("columns", "More or fewer cells than headings"),
    ("no_identity", "No customer number, e-mail address or phone"),
    ("bad_email", "E-mail address that cannot be right"),
    ("bad_phone", "Phone number that cannot be right"),
    ("bad_country", "Country that is not known"),
    ("bad_language", "Language that is not known"),
    ("bad_time_zone", "Time zone that is not known"),
    ("bad_date", "Date that cannot be read, or in two ways"),
    ("bad_number", "Not a number"),
    ("bad_boolean", "Neither yes nor no"),
    ("bad_consent", "Consent that is neither yes nor no"),
    ("unproven_consent", "Consent without a source and a date"),
    ("too_long", "Text that is too long"),
    ("bad_letter", "A letter that cannot be stored"),
    ("refused", "Refused by the customer record"),
]


class Migration(migrations.Migration):
    dependencies = [("crm", "0005_webhook_care")]

    operations = [
        migrations.AddField(
            "importrun",
            "unchanged",
            models.PositiveIntegerField(default=0, verbose_name="unchanged"),
        ),
        migrations.AddField(
            "exportrun",
            "key",
            models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name="key"),
        ),
        migrations.CreateModel(
            name="RejectedRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("line", models.PositiveIntegerField(verbose_name="line")),
                (
                    "reason",
                    models.CharField(choices=REASONS, max_length=30, verbose_name="reason"),
                ),
                (
                    "heading",
                    models.CharField(blank=True, max_length=200, verbose_name="column"),
                ),
                ("cells", models.JSONField(default=list, verbose_name="cells")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rejected_rows",
                        to="crm.importrun",
                        verbose_name="import",
                    ),
                ),
            ],
            options={
                "verbose_name": "rejected row",
                "verbose_name_plural": "rejected rows",
                "ordering": ["id"],
            },
        ),
    ]
