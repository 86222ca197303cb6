"""Suppressions: addresses not to be written to, kept as hashes so that they survive erasure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from crm import changes, normalise
from crm.choices import Channel, DecisionSource, IdentityKind
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
    """Keep addresses from being written to; the longer term holds, then the graver reason."""
    if not suppressions:
        return
    rows = {
        _hash(suppression.channel, suppression.address): suppression for suppression in suppressions
    }
    with transaction.atomic(), connection.cursor() as cursor:
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
        _note([(row.channel, row.address) for row in rows.values()], now)


@transaction.atomic
def unsuppress(*, channel: str, address: str, now: datetime) -> bool:
    """Let an address be written to again; says whether it was suppressed."""
    found = Suppression.objects.filter(channel=channel, address_hash=_hash(channel, address))
    is_gone = bool(found.delete()[0])
    if is_gone:
        _note([(channel, address)], now)
    return is_gone


# Whatever order the news about an address come in, one reason stays.
_GRAVEST_FIRST = "ARRAY['erased', 'staff', 'complaint', 'hard_bounce', 'invalid']"
_SUPPRESS = """
    INSERT INTO crm_suppression AS held
        (channel, address_hash, reason, source, detail, created_at, expires_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (channel, address_hash) DO UPDATE SET
        reason = excluded.reason, source = excluded.source, detail = excluded.detail,
        expires_at = excluded.expires_at
    WHERE held.expires_at IS NOT NULL
      AND (excluded.expires_at IS NULL OR excluded.expires_at > held.expires_at)
       OR held.expires_at IS NULL AND excluded.expires_at IS NULL
      AND array_position({gravest}, held.reason::text)
        > array_position({gravest}, excluded.reason::text)
""".replace("{gravest}", _GRAVEST_FIRST)


_KINDS = {
    Channel.EMAIL.value: IdentityKind.EMAIL,
    Channel.SMS.value: IdentityKind.PHONE,
    Channel.PUSH.value: IdentityKind.PUSH,
}
_WHOSE = """
    SELECT held.customer_id FROM unnest(%s::text[], %s::text[]) AS told (kind, value)
    JOIN crm_identity held ON held.kind = told.kind AND held.value = told.value
"""


def _note(addresses: Sequence[tuple[str, str]], now: datetime) -> None:
    """Tell of whom this is the address, as long as anybody is known by it."""
    known = [(channel, text) for channel, text in addresses if str(channel) in _KINDS]
    kinds = [_KINDS[str(channel)].value for channel, _ in known]
    values = [normalise.address(channel=channel, text=text) for channel, text in known]
    if values:
        changes.note_selected(
            select=_WHOSE, params=[kinds, values], subjects=(changes.SUPPRESSION,), now=now
        )


def _hash(channel: str, address: str) -> str:
    normalised = normalise.address(channel=channel, text=address)
    return normalise.address_hash(channel=channel, address=normalised)
