import crm.models.encrypted
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('crm', '0020_push_and_webhook'),
    ]

    operations = [
        migrations.CreateModel(
            name='DomainStanding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('findings', models.JSONField(default=list, verbose_name='findings')),
                ('checked_at', models.DateTimeField(null=True, verbose_name='checked at')),
                ('check_wanted_at', models.DateTimeField(null=True, verbose_name='to be checked since')),
                ('domain', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='standing', to='crm.sendingdomain', verbose_name='domain')),
            ],
            options={
                'verbose_name': 'standing of a sending domain',
                'verbose_name_plural': 'standings of sending domains',
                'ordering': ['domain'],
            },
        ),
        migrations.CreateModel(
            name='SigningKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('selector', models.CharField(max_length=63, verbose_name='selector')),
                ('algorithm', models.CharField(choices=[('rsa-sha256', 'RSA-2048'), ('ed25519-sha256', 'Ed25519')], max_length=20, verbose_name='algorithm')),
                ('private_key', crm.models.encrypted.EncryptedTextField(blank=True, editable=False, verbose_name='private key')),
                ('record', models.TextField(verbose_name='record')),
                ('state', models.CharField(choices=[('planned', 'To be published'), ('published', 'Seen in DNS'), ('active', 'Signs'), ('retired', 'Retired')], default='planned', max_length=10, verbose_name='state')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('published_at', models.DateTimeField(null=True, verbose_name='seen in DNS at')),
                ('activated_at', models.DateTimeField(null=True, verbose_name='signs since')),
                ('retired_at', models.DateTimeField(null=True, verbose_name='retired at')),
                ('domain', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='signing_keys', to='crm.sendingdomain', verbose_name='domain')),
                ('replaces', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='successors', to='crm.signingkey', verbose_name='takes the place of')),
            ],
            options={
                'verbose_name': 'signing key',
                'verbose_name_plural': 'signing keys',
                'ordering': ['-id'],
                'permissions': [('manage_signingkey', 'Can make, use and retire the keys that sign mails')],
                'constraints': [models.UniqueConstraint(fields=('domain', 'selector'), name='one_key_a_selector'), models.UniqueConstraint(condition=models.Q(('state', 'active')), fields=('domain', 'algorithm'), name='one_active_key_an_algorithm'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'active'), _negated=True), models.Q(('private_key', ''), _negated=True), _connector='OR'), name='an_active_key_can_sign')],
            },
        ),
    ]
