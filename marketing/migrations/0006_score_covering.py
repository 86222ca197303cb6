"""The index of scores names whom each is about, so that rules read it alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("marketing", "0005_view_plan"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="score", name="score_by_value"),
        migrations.AddIndex(
            model_name="score",
            index=models.Index(
                fields=["kind", "value"], include=("customer",), name="score_by_value"
            ),
        ),
    ]
