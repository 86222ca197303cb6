"""Addresses whose last mails all bounced softly, whoever told us: closed for a while."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from crm import consent
from crm.choices import Channel, DecisionSource, Direction, FailureReason, SuppressionReason

CLOSED_FOR = timedelta(days=90)
# Those of the messages whose address has had nothing but soft bounces, within the days that count.
_NEVER_WORK = """
    SELECT m.id, m.address FROM crm_message m
    WHERE m.id = ANY(%(ids)s) AND m.reason = %(soft)s AND m.address <> '' AND %(times)s = (
        SELECT count(*) FILTER (WHERE last.reason = %(soft)s) FROM (
            SELECT o.reason FROM crm_message o
            WHERE o.customer_id = m.customer_id AND o.channel = %(email)s
              AND o.direction = %(out)s AND o.address = m.address
              AND o.settled_at IS NOT NULL AND o.created_at >= %(since)s
            ORDER BY o.created_at DESC, o.id DESC LIMIT %(times)s
        ) AS last)
    ORDER BY m.id
"""


def close_repeated(*, message_ids: Collection[int], now: datetime) -> list[int]:
    """Close the addresses of soft bounces that were the last of several in a row.

    Gives those of the messages that closed one.
    """
    if not message_ids:
        return []
    said = {
        "ids": sorted(message_ids),
        "soft": FailureReason.SOFT_BOUNCE,
        "times": settings.SOFT_BOUNCES,
        "email": Channel.EMAIL,
        "out": Direction.OUT,
        "since": now - timedelta(days=settings.SOFT_BOUNCE_DAYS),
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEVER_WORK, said)
        found: list[tuple[int, str]] = cursor.fetchall()
    consent.suppress_many(
        suppressions=[
            consent.NewSuppression(
                channel=Channel.EMAIL,
                address=address,
                reason=SuppressionReason.HARD_BOUNCE,
                detail=f"{settings.SOFT_BOUNCES} bounces in a row",
                expires_at=now + CLOSED_FOR,
                source=DecisionSource.PROVIDER,
            )
            for _, address in found
        ],
        now=now,
    )
    return [message_id for message_id, _ in found]
