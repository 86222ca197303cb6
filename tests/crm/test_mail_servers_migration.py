"""Addresses of mail servers become fields, and the other way round."""

from datetime import datetime
from importlib import import_module

import pytest
from django.apps import apps

from crm import accounts
from crm.channels.smtp_server import Server
from crm.models import ProviderAccount

pytestmark = pytest.mark.django_db
migration = import_module("crm.migrations.0030_mail_servers")


@pytest.mark.parametrize(
    "url",
    [
        "smtp://relay.example",
        "smtp+tls://ada%40shop@smtp.example:2587?connections=4&hello=shop.example",
        "smtps://ada@smtp.example?timeout=30",
        "smtp://ada@smtp.example",
        "smtp://ada@smtp.example:587?tls=none",
    ],
)
def test_a_server_stays_the_same_both_ways(now: datetime, url: str):
    row = ProviderAccount(name="relay", channel="email", provider="email", url=url, created_at=now)
    row.keep_secrets({"url_password": "s3cret/ü"} if "@" in url else {})
    row.save()
    before = Server.of(accounts.named(name="relay").account)

    migration.to_fields(apps, None)
    accounts.forget()
    row.refresh_from_db()
    assert row.url == ""
    assert Server.of(accounts.named(name="relay").account) == before

    migration.to_addresses(apps, None)
    accounts.forget()
    row.refresh_from_db()
    assert row.options == {}
    assert Server.of(accounts.named(name="relay").account) == before
