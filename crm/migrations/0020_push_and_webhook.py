"""Web push and webhooks as channels, and room for the address of a browser."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('crm', '0019_doubts'),
    ]

    operations = [
        migrations.AlterField(
            model_name='caughtmessage',
            name='channel',
            field=models.CharField(choices=[('email', 'E-mail'), ('sms', 'SMS'), ('push', 'Web push'), ('webhook', 'Webhook')], max_length=20, verbose_name='channel'),
        ),
        migrations.AlterField(
            model_name='consent',
            name='channel',
            field=models.CharField(choices=[('email', 'E-mail'), ('sms', 'SMS'), ('push', 'Web push'), ('webhook', 'Webhook')], max_length=20, verbose_name='channel'),
        ),
        migrations.AlterField(
            model_name='consentdecision',
            name='channel',
            field=models.CharField(choices=[('email', 'E-mail'), ('sms', 'SMS'), ('push', 'Web push'), ('webhook', 'Webhook')], max_length=20, verbose_name='channel'),
        ),
        migrations.AlterField(
            model_name='conversation',
            name='channel',
            field=models.CharField(choices=[('email', 'E-mail'), ('sms', 'SMS'), ('push', 'Web push'), ('webhook', 'Webhook')], max_length=20, verbose_name='channel'),
        ),
        migrations.AlterField(
            model_name='historicalprovideraccount',
            name='channel',
            field=models.CharField(choices=[('email', 'E-mail'), ('sms', 'SMS'), ('push', 'Web push'), ('webhook', 'Webhook')], max_length=20, verbose_name='channel'),
        ),
        migrations.AlterField(
            model_name='identity',
            name='kind',
            field=models.CharField(choices=[('external', 'Customer number'), ('email', 'E-mail address'), ('phone', 'Phone number'), ('whatsapp', 'WhatsApp id'), ('telegram', 'Telegram id'), ('webchat', 'Web chat id'), ('anonymous', 'Anonymous id'), ('push', 'Push subscription')], max_length=20, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='identity',
            name='value',
            field=models.CharField(max_length=1000, verbose_name='value'),
        ),
        migrations.AlterField(
            model_name='message',
            name='address',
            field=models.CharField(max_length=1000, verbose_name='address'),
        ),
        migrations.AlterField(
            model_name='message',
            name='channel',
            field=models.CharField(choices=[('email', 'E-mail'), ('sms', 'SMS'), ('push', 'Web push'), ('webhook', 'Webhook')], max_length=20, verbose_name='channel'),
        ),
        migrations.AlterField(
            model_name='provideraccount',
            name='channel',
            field=models.CharField(choices=[('email', 'E-mail'), ('sms', 'SMS'), ('push', 'Web push'), ('webhook', 'Webhook')], max_length=20, verbose_name='channel'),
        ),
        migrations.AlterField(
            model_name='suppression',
            name='channel',
            field=models.CharField(choices=[('email', 'E-mail'), ('sms', 'SMS'), ('push', 'Web push'), ('webhook', 'Webhook')], max_length=20, verbose_name='channel'),
        ),
        migrations.AlterField(
            model_name='template',
            name='channel',
            field=models.CharField(choices=[('email', 'E-mail'), ('sms', 'SMS'), ('push', 'Web push'), ('webhook', 'Webhook')], max_length=20, verbose_name='channel'),
        ),
    ]
