"""The right to see PostgreSQL's plan of a segment."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("marketing", "0004_followed"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="segment",
            options={
                "ordering": ["name"],
                "permissions": [("view_plan", "Can see PostgreSQL's plan of a segment")],
                "verbose_name": "segment",
                "verbose_name_plural": "segments",
            },
        ),
    ]
