"""Erasure: the person leaves every table and every file; what must stay names nobody."""

import json
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from crm import audit, consent, customers, exports, normalise, webhooks
from crm.choices import (
    AccessKind,
    Channel,
    DecisionSource,
    ExportState,
    PrivacyKind,
    PrivacyState,
    SuppressionReason,
)
from crm.imports.running import file_of as file_of_import
from crm.models import CaughtMessage, Customer, ExportRun, ImportRun, PrivacyRequest

_BATCH = 20
_CHUNK = 1 << 20

# What holds somebody's handles without a foreign key, and how it is found.
_LOOSE = {
    "crm_rejectedevent": "payload LIKE ANY(%(patterns)s)",
    "crm_rejectedrow": "cells::text LIKE ANY(%(patterns)s)",
    "crm_idempotentcall": "answer::text LIKE ANY(%(patterns)s)",
    "crm_accounttrial": "address LIKE ANY(%(patterns)s) OR detail LIKE ANY(%(patterns)s)",
    "crm_callback": """EXISTS (SELECT FROM unnest(%(bytes)s::bytea[]) AS handle
        WHERE position(handle IN body) > 0)""",
}
# What stays, without the words that name somebody.
_BLANKED = {
    "crm_suppression": ("detail", "address_hash = ANY(%(hashes)s)"),
    "crm_importrun": ("error", "false"),
    "crm_exportrun": ("error", "false"),
}
_EXAMPLES = ("crm_attributedefinition", "crm_historicalattributedefinition")


def erase_due(*, now: datetime) -> int:
    """Erase whoever confirmed that they want it; gives how many requests were done."""
    confirmed = PrivacyRequest.objects.filter(
        kind=PrivacyKind.ERASURE, state=PrivacyState.CONFIRMED
    )
    waiting = list(confirmed.order_by("pk").values_list("pk", "done_by_id")[:_BATCH])
    return sum(_erase(request_id, by_id, now) for request_id, by_id in waiting)


def erase(*, request_id: int, by: AbstractBaseUser | None, now: datetime) -> PrivacyRequest:
    """Do a confirmed request for erasure now."""
    if not _erase(request_id, by.pk if by else None, now):
        raise ValidationError(_("Only a confirmed request for erasure can be done."))
    return PrivacyRequest.objects.get(pk=request_id)


@transaction.atomic
def _erase(request_id: int, by_id: int | None, now: datetime) -> bool:
    # The customer first, as whoever asks for something takes them: else both wait for ever.
    whole = Customer.objects.select_for_update(of=("self",))
    whole.filter(privacy_requests=request_id).first()
    request = PrivacyRequest.objects.select_for_update(skip_locked=True).filter(
        pk=request_id, kind=PrivacyKind.ERASURE, state=PrivacyState.CONFIRMED
    )
    if (found := request.first()) is None:
        return False
    report: dict[str, int] = {}
    if found.customer_id is not None:
        report = _forget(found.customer_id, now)
        access = audit.Access(AccessKind.CHANGED, "erasure")
        audit.note(access=access, customer_ids=[found.customer_id], now=now)
    request.update(
        state=PrivacyState.DONE, done_at=now, done_by_id=by_id, customer=None, report=report
    )
    return True


def _forget(customer_id: int, now: datetime) -> dict[str, int]:
    customer = Customer.objects.get(pk=customer_id)
    handles = sorted({*customer.identities.values_list("value", flat=True), *_addresses(customer)})
    _suppress(customer, now)
    webhooks.tell_erasure(customer_id=customer_id, now=now)
    _forget_examples(customer)
    counts = _forget_loose(handles)
    counts |= _forget_files(handles, customer.created_at)
    return counts | customers.forget_many(customer_ids=[customer_id], now=now)


def _addresses(customer: Customer) -> list[str]:
    return [address for address in (customer.email, customer.phone) if address]


def _suppress(customer: Customer, now: datetime) -> None:
    """Whoever asked to be erased is not written to when somebody brings the address again."""
    consent.suppress_many(
        suppressions=[
            consent.NewSuppression(
                channel=channel,
                address=address,
                reason=SuppressionReason.ERASED,
                source=DecisionSource.PREFERENCES,
            )
            for channel, address in ((Channel.EMAIL, customer.email), (Channel.SMS, customer.phone))
            if address
        ],
        now=now,
    )


def _forget_loose(handles: Collection[str]) -> dict[str, int]:
    counts = {}
    known: dict[str, list[Any]] = {
        "patterns": [f"%{_escaped(handle)}%" for handle in handles],
        "hashes": [
            normalise.address_hash(channel=channel, address=handle)
            for handle in handles
            for channel in Channel
        ],
        "bytes": [spelt.encode() for handle in handles for spelt in _spellings(handle)],
    }
    with connection.cursor() as cursor:
        for table, condition in _LOOSE.items():
            cursor.execute(f"DELETE FROM {table} WHERE {condition}", known)  # noqa: S608
            counts[table] = cursor.rowcount
        for table, (column, condition) in _BLANKED.items():
            cursor.execute(
                f"UPDATE {table} SET {column} = '' WHERE {column} <> ''"  # noqa: S608
                f" AND ({column} LIKE ANY(%(patterns)s) OR {condition})",
                known,
            )
    caught = CaughtMessage.objects.filter(recipient__in=handles) | CaughtMessage.objects.filter(
        sender__in=handles
    )
    counts["crm_caughtmessage"] = caught.delete()[0]
    return {table: count for table, count in counts.items() if count}


def _forget_examples(customer: Customer) -> None:
    """The example of an attribute that nobody adopted yet may be what this person said."""
    said = [str(value) for value in customer.attributes.values() if value not in (None, "")]
    with connection.cursor() as cursor:
        for table in _EXAMPLES:
            cursor.execute(
                f"UPDATE {table} SET example = '' WHERE example <> '' AND EXISTS ("  # noqa: S608
                "SELECT FROM unnest(%s::text[]) AS said WHERE starts_with(said, example))",
                [said],
            )


def _spellings(handle: str) -> set[str]:
    """A handle as it stands in texts, JSON and forms."""
    return {handle, json.dumps(handle)[1:-1], quote_plus(handle)}


def _escaped(handle: str) -> str:
    return handle.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _forget_files(handles: Collection[str], known_since_at: datetime) -> dict[str, int]:
    """Delete every file of imports and exports that names the person, or that may."""
    needles = [spelt.encode() for handle in handles for spelt in _spellings(handle)]
    left = ExportRun.objects.filter(
        state=ExportState.FINISHED, finished_at__gte=known_since_at
    ).exclude(path="")
    came = ImportRun.objects.exclude(path="").filter(finished_at__isnull=False)
    exported = [run.pk for run in left if _delete(exports.file_of(run=run), needles)]
    imported = [run.pk for run in came if _delete(file_of_import(run=run), needles)]
    ExportRun.objects.filter(pk__in=exported).update(path="", state=ExportState.EXPIRED)
    ImportRun.objects.filter(pk__in=imported).update(path="")
    counts = {"files of exports": len(exported), "files of imports": len(imported)}
    return {name: count for name, count in counts.items() if count}


def _delete(path: Path, needles: Collection[bytes]) -> bool:
    if not path.is_file() or not _may_name(path, needles):
        return False
    path.unlink()
    return True


def _may_name(path: Path, needles: Collection[bytes]) -> bool:
    """Whether a file holds one of the handles; one that is packed is not looked into but gone."""
    longest = max((len(needle) for needle in needles), default=1)
    with path.open("rb") as file:
        tail = b""
        while chunk := file.read(_CHUNK):
            if not tail and chunk[:2] in {b"PK", b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff"}:
                return True
            seen = tail + chunk
            if any(needle in seen for needle in needles):
                return True
            tail = seen[-longest:]
    return False
