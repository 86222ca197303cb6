"""Web push and webhooks as channels of steps."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0005_fewer_indexes'),
    ]

    operations = [
        migrations.AlterField(
            model_name='step',
            name='channel',
            field=models.CharField(choices=[('email', 'E-mail'), ('sms', 'SMS'), ('push', 'Web push'), ('webhook', 'Webhook')], max_length=20, verbose_name='channel'),
        ),
    ]
