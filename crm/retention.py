"""Retention: what is old enough is deleted, kind by kind, as the rules say."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from crm import changes, customers
from crm.choices import IdentityKind, RetainedKind
from crm.models import Customer, Identity, RetentionRule

_SLICE = 10_000
_PEOPLE = 500
# One run deletes at most this much of a kind; the next goes on.
_SLICES = 50

# Kept for how many days, and whether the rule is in force before staff say so.
DEFAULTS: Mapping[RetainedKind, tuple[int, bool]] = {
    RetainedKind.EVENTS: (1095, False),
    RetainedKind.MESSAGES: (1095, False),
    RetainedKind.CALLBACKS: (30, True),
    RetainedKind.CAUGHT_MAIL: (30, True),
    RetainedKind.REJECTED_EVENTS: (90, True),
    RetainedKind.ANONYMOUS: (395, False),
    RetainedKind.ACCESS: (1095, True),
}

_FORGET_EVENTS = """
    WITH gone AS (
        DELETE FROM crm_event WHERE id IN (
            SELECT id FROM crm_event WHERE occurred_at < %s ORDER BY id LIMIT %s
        ) RETURNING customer_id, name
    ), told AS (
        INSERT INTO crm_change (customer_ids, subjects, created_at)
        SELECT array_agg(DISTINCT customer_id), ARRAY[%s || name], %s FROM gone GROUP BY name
    )
    SELECT count(*) FROM gone
"""

_FORGET_MAILS = f"""
    WITH old AS (
        SELECT id, callback_id FROM crm_returnedmail WHERE taken_at < %s
        ORDER BY id LIMIT {_SLICE}
    ), raw AS (
        DELETE FROM crm_callback WHERE id IN (SELECT callback_id FROM old)
    )
    DELETE FROM crm_returnedmail WHERE id IN (SELECT id FROM old)
"""  # noqa: S608 - our own tables
_FORGET_CALLBACKS = f"""
    DELETE FROM crm_callback WHERE id IN (
        SELECT id FROM crm_callback callback
        WHERE received_at < %s AND state <> 'received' AND NOT EXISTS (
            SELECT FROM crm_returnedmail mail WHERE mail.callback_id = callback.id
        )
        ORDER BY id LIMIT {_SLICE})
"""  # noqa: S608

_BLANK = f"""
    WITH old AS (
        (SELECT id FROM crm_message
         WHERE created_at < %s AND state NOT IN ('queued', 'sending')
           AND (text <> '' OR subject <> '')
         ORDER BY id LIMIT {_SLICE})
        UNION
        (SELECT id FROM crm_keptvariables JOIN crm_message ON id = message_id
         WHERE created_at < %s AND state NOT IN ('queued', 'sending')
         ORDER BY message_id LIMIT {_SLICE})
    ), gone AS (
        DELETE FROM crm_keptvariables WHERE message_id IN (SELECT id FROM old)
    )
    UPDATE crm_message SET subject = '', text = '', address = ''
    WHERE id IN (SELECT id FROM old)
"""  # noqa: S608

Deletion = Callable[[datetime, datetime], int]


def fill_in() -> None:
    """See to it that there is a rule for every kind; those that are there stay as they are."""
    known = set(RetentionRule.objects.values_list("what", flat=True))
    RetentionRule.objects.bulk_create(
        [
            RetentionRule(what=kind, keep_days=keep_days, is_on=is_on)
            for kind, (keep_days, is_on) in DEFAULTS.items()
            if kind not in known
        ],
        ignore_conflicts=True,
    )


def run_due(*, now: datetime) -> dict[str, int]:
    """Delete what every rule in force calls too old; gives how many of each kind."""
    fill_in()
    return {rule.what: _run(rule, now) for rule in RetentionRule.objects.filter(is_on=True)}


def _run(rule: RetentionRule, now: datetime) -> int:
    before = now - timedelta(days=rule.keep_days)
    delete = _DELETIONS[RetainedKind(rule.what)]
    deleted = 0
    for _ in range(_SLICES):
        gone = delete(before, now)
        deleted += gone
        if not gone:
            break
    RetentionRule.objects.filter(pk=rule.pk).update(last_run_at=now, last_deleted=deleted)
    return deleted


def _rows(table: str, condition: str) -> Deletion:
    def delete(before: datetime, now: datetime) -> int:
        return _execute(
            f"DELETE FROM {table} WHERE id IN ("  # noqa: S608 - our own tables
            f"SELECT id FROM {table} WHERE {condition} ORDER BY id LIMIT {_SLICE})",
            before,
        )

    return delete


def _forget_events(before: datetime, now: datetime) -> int:
    """Old events go, and whoever asks for them is told whose they were."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_EVENTS, [before, _SLICE, changes.event(""), now])
        return int(cursor.fetchone()[0])


def _blank_messages(before: datetime, now: datetime) -> int:
    """What a message said goes; that it was sent, and how it fared, stays."""
    return _execute(_BLANK, before, before)


def _forget_callbacks(before: datetime, now: datetime) -> int:
    """Old callbacks go, and mails that came back with what is known of them."""
    return _execute(_FORGET_MAILS, before) + _execute(_FORGET_CALLBACKS, before)


def _forget_strangers(before: datetime, now: datetime) -> int:
    """Visitors who never said who they are and did not come back."""
    ids = list(_strangers(before).values_list("pk", flat=True)[:_PEOPLE])
    if ids:
        customers.forget_many(customer_ids=ids, now=now)
    return len(ids)


def _strangers(before: datetime) -> QuerySet[Customer]:
    named = Identity.objects.filter(customer=OuterRef("pk")).exclude(
        kind__in=(IdentityKind.ANONYMOUS, IdentityKind.WEBCHAT)
    )
    silent = Customer.objects.filter(last_seen_at__lt=before) | Customer.objects.filter(
        last_seen_at=None, created_at__lt=before
    )
    return silent.filter(~Exists(named), email="", phone="").order_by("pk")


def _execute(statement: str, *moments: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, moments)
        return int(cursor.rowcount)


_DELETIONS: Mapping[RetainedKind, Deletion] = {
    RetainedKind.EVENTS: _forget_events,
    RetainedKind.MESSAGES: _blank_messages,
    RetainedKind.CALLBACKS: _forget_callbacks,
    RetainedKind.CAUGHT_MAIL: _rows("crm_caughtmessage", "caught_at < %s"),
    RetainedKind.REJECTED_EVENTS: _rows("crm_rejectedevent", "received_at < %s"),
    RetainedKind.ANONYMOUS: _forget_strangers,
    RetainedKind.ACCESS: _rows("crm_accessrecord", "happened_at < %s"),
}
