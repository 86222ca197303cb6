"""Callbacks of providers that do not call us: fetched, by one worker an account at a time."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection

from crm import accounts
from crm.channels import base, registry
from crm.models import Callback, ProviderAccount

logger = logging.getLogger(__name__)


def fetch_all(*, seconds: float, now: datetime) -> int:
    """Listen for so long to each provider that does not call us, and keep what it says.

    One worker listens to an account at a time. Gives how many callbacks were kept.
    """
    found = 0
    for name in ProviderAccount.objects.values_list("name", flat=True):
        account = accounts.for_provider(provider=name)
        if account is None or not hasattr(registry.adapter_class(account.provider), "fetch"):
            continue
        with _alone(name) as is_alone:
            if is_alone:
                found += _fetch(account, seconds, now)
    return found


def _fetch(account: base.Account, seconds: float, now: datetime) -> int:
    adapter = registry.adapter_for(account)
    assert isinstance(adapter, base.Fetches)
    kept = []

    def keep(body: bytes) -> None:
        key = hashlib.sha256(body).hexdigest()
        told = {"headers": {}, "body": body, "received_at": now}
        Callback.objects.get_or_create(provider=account.name, key=key, defaults=told)
        kept.append(key)

    try:
        adapter.fetch(seconds=seconds, keep=keep)
    except base.ProviderAway as error:
        logger.warning("Nothing could be fetched for %s: %s", account.name, error)
    return len(kept)


@contextmanager
def _alone(name: str) -> Iterator[bool]:
    """Hold the account's lock of the database, or say that somebody else does."""
    number = int.from_bytes(hashlib.sha256(f"fetch {name}".encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
        (is_alone,) = cursor.fetchone() or (False,)
        try:
            yield bool(is_alone)
        finally:
            if is_alone:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [number])
