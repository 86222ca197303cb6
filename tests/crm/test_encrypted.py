"""Secrets at rest: unreadable in the database, readable after keys were replaced."""

from datetime import datetime
from io import StringIO

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection

from crm import messages, rotation
from crm.models import Message, Webhook
from tests import making

pytestmark = pytest.mark.django_db


def kept(table: str, column: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table}")
        return cursor.fetchone()[0]


@pytest.fixture
def webhook(now: datetime) -> Webhook:
    return Webhook.objects.create(
        name="crm", url="https://x.example", events=["*"], secrets="whsec_canary", created_at=now
    )


def test_a_secret_cannot_be_read_in_the_database(webhook: Webhook) -> None:
    assert "canary" not in kept("crm_webhook", "secrets")
    assert Webhook.objects.get().secrets == "whsec_canary"


def test_an_old_key_still_reads_and_the_new_one_writes(webhook: Webhook, settings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["first"]
    webhook.save()
    settings.FIELD_ENCRYPTION_KEYS = ["second", "first"]

    again = Webhook.objects.get()
    again.save()
    settings.FIELD_ENCRYPTION_KEYS = ["second"]

    assert Webhook.objects.get().secrets == "whsec_canary"


def test_without_its_key_a_secret_says_how_to_get_it_back(webhook: Webhook, settings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["another"]

    with pytest.raises(ImproperlyConfigured, match="FIELD_ENCRYPTION_KEYS"):
        Webhook.objects.get()


@pytest.mark.parametrize("is_chosen", [True, False])
def test_what_is_written_is_encrypted_where_that_was_chosen(
    now: datetime, settings, is_chosen: bool
) -> None:
    settings.ENCRYPT_MESSAGE_BODIES = is_chosen
    customer = making.customer(now=now)

    said = messages.NewMessage(customer_id=customer.pk, channel="email", author="staff", text="Hi")
    messages.say(message=said, now=now)

    assert (kept("crm_message", "text") == "Hi") is not is_chosen
    assert Message.objects.get().text == "Hi"


def test_rotation_writes_everything_under_the_newest_key(webhook: Webhook, settings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["first"]
    webhook.save()
    settings.FIELD_ENCRYPTION_KEYS = ["second", "first"]

    assert rotation.rotate()["crm_webhook.secrets"] == 1

    settings.FIELD_ENCRYPTION_KEYS = ["second"]
    assert Webhook.objects.get().secrets == "whsec_canary"


@pytest.mark.parametrize("is_chosen", [True, False])
def test_rotation_does_as_was_chosen_since(now: datetime, settings, is_chosen: bool) -> None:
    settings.ENCRYPT_MESSAGE_BODIES = not is_chosen
    customer = making.customer(now=now)
    said = messages.NewMessage(customer_id=customer.pk, channel="email", author="staff", text="Hi")
    messages.say(message=said, now=now)
    settings.ENCRYPT_MESSAGE_BODIES = is_chosen

    call_command("rotate_keys", stdout=StringIO())

    assert (kept("crm_message", "text") == "Hi") is not is_chosen
