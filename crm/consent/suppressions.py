"""Suppressions: addresses not to be written to, kept as hashes so that they survive erasure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from crm import normalise
from crm.choices import DecisionSource
from crm.models import Suppression


@dataclass(frozen=True, slots=True)
class NewSuppression:
    """An address that is not to be written to, and why."""

    channel: str
    address: str
    reason: str
    detail: str = ""
    expires_at: datetime | None = None
    source: str = DecisionSource.STAFF


def suppress(*, suppression: NewSuppression, now: datetime) -> None:
    """Keep one address from being written to."""
    suppress_many(suppressions=[suppression], now=now)


def suppress_many(*, suppressions: Sequence[NewSuppression], now: datetime) -> None:
    """Keep addresses from being written to; of two terms for an address the longer holds."""
    rows = {
        _hash(suppression.channel, suppression.address): suppression for suppression in suppressions
    }
    with connection.cursor() as cursor:
        cursor.executemany(
            _SUPPRESS,
            [
                [
                    row.channel,
                    hash_,
                    row.reason,
                    row.source,
                    row.detail[:255],
                    now,
                    row.expires_at,
                ]
                for hash_, row in sorted(rows.items())
            ],
        )


def unsuppress(*, channel: str, address: str) -> bool:
    """Let an address be written to again; says whether it was suppressed."""
    found = Suppression.objects.filter(channel=channel, address_hash=_hash(channel, address))
    return bool(found.delete()[0])


_SUPPRESS = """
    INSERT INTO crm_suppression AS held
        (channel, address_hash, reason, source, detail, created_at, expires_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (channel, address_hash) DO UPDATE SET
        reason = excluded.reason, source = excluded.source, detail = excluded.detail,
        expires_at = excluded.expires_at
    WHERE held.expires_at IS NOT NULL
      AND (excluded.expires_at IS NULL OR excluded.expires_at > held.expires_at)
"""


def _hash(channel: str, address: str) -> str:
    normalised = normalise.address(channel=channel, text=address)
    return normalise.address_hash(channel=channel, address=normalised)
