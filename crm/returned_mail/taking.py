"""Mails taken in: each kept raw once and written down; what cannot be read is put aside."""

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, transaction
from django.utils.translation import gettext as _

from crm import bounces
from crm.bounces import Kind
from crm.choices import CallbackState
from crm.mail_choices import ReturnedDeed, ReturnedState
from crm.models import Callback, MailboxUid, ReturnedMail
from crm.returned_mail.following import Followed, follow, outcome_about, welcome, words_of

logger = logging.getLogger(__name__)

PROVIDER = "returned_mail"
MAX_KEPT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Taken:
    """What a mail turned out to be, and the message of ours that it is about, if any."""

    kind: Kind
    message_id: int | None = None
    is_changed: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a mail came from: a mailbox and its number there, or neither for a pipe.

    An inbox takes letters of strangers too; elsewhere only what is about a mail of ours.
    """

    mailbox_id: int | None = None
    uid: str = ""
    is_inbox: bool = False


@transaction.atomic
def take(*, raw: bytes, recipient: str, now: datetime, origin: Origin | None = None) -> Taken:
    """Take in one mail that came to our bounce address; twice does no more than once.

    `recipient` is the address of the envelope if the mail server tells it, else empty.
    """
    callback, is_new = _keep(raw, now)
    known = ReturnedMail.objects.filter(callback=callback).first()
    if not is_new and (known is None or known.state == ReturnedState.TAKEN):
        return Taken(bounces.read(raw).kind, known.message_id if known else None)
    origin = origin or Origin()
    row = known or ReturnedMail(mailbox_id=origin.mailbox_id, uid=origin.uid, callback=callback)
    row.recipient = recipient[:320]
    return _read(row, raw, origin, now)


def take_or_put_aside(
    *, raw: bytes, recipient: str, now: datetime, origin: Origin | None = None
) -> Taken | None:
    """Take in one mail; what goes wrong with it alone is written down, and it is put aside."""
    try:
        return take(raw=raw, recipient=recipient, now=now, origin=origin)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("A mail that came back could not be taken in.")
        put_aside(raw=raw, error=f"{type(error).__name__}: {error}", now=now, origin=origin)
        return None


@transaction.atomic
def put_aside(*, raw: bytes | None, error: str, now: datetime, origin: Origin | None) -> None:
    """Write down that a mail could not be taken in, and why; it stays in its mailbox."""
    origin = origin or Origin()
    callback = _keep(raw, now)[0] if raw is not None else None
    if callback is not None:
        Callback.objects.filter(pk=callback.pk).update(
            state=CallbackState.FAILED, error=error[:500]
        )
    aside = {"state": ReturnedState.PUT_ASIDE, "error": error[:500] or "?", "taken_at": now}
    which = (
        {"callback": callback}
        if callback
        else {"callback": None, "mailbox_id": origin.mailbox_id, "uid": origin.uid}
    )
    row, is_new = ReturnedMail.objects.get_or_create(
        **which, defaults={**aside, "mailbox_id": origin.mailbox_id, "uid": origin.uid}
    )
    if not is_new:
        ReturnedMail.objects.filter(pk=row.pk).update(**aside, attempts=row.attempts + 1)


@transaction.atomic
def retry(*, returned_mail_id: int, now: datetime) -> Taken | None:
    """Read a mail again that was put aside; where its mailbox did not give it, ask once more.

    Gives nothing where the mailbox is to be asked first. Locks the row.
    """
    row = ReturnedMail.objects.select_for_update().get(pk=returned_mail_id)
    if row.state != ReturnedState.PUT_ASIDE:
        raise ValidationError(_("The mail is not put aside any more."))
    if row.callback is None:
        ReturnedMail.objects.filter(pk=row.pk).update(attempts=0)
        return None
    row.attempts += 1
    if row.mailbox_id is not None:
        # The next visit tidies it up, as if it had been taken at once.
        uid = row.uid.partition(".")[2]
        MailboxUid.objects.get_or_create(mailbox_id=row.mailbox_id, uid=uid)
    return _read(row, bytes(row.callback.body), Origin(), now)


def _read(row: ReturnedMail, raw: bytes, origin: Origin, now: datetime) -> Taken:
    report = bounces.read(raw)
    followed = follow(raw=raw, report=report, recipient=row.recipient, now=now)
    if origin.is_inbox and report.kind is Kind.NOTHING and followed.message is None:
        followed = welcome(raw=raw, recipient=row.recipient, now=now)
    _write_down(row, report, followed, now)
    Callback.objects.filter(returned_mail=row).update(state=CallbackState.PROCESSED, error="")
    message = followed.message
    changed = followed.deed != ReturnedDeed.NONE
    return Taken(report.kind, message.pk if message else None, changed)


def _write_down(
    row: ReturnedMail, report: bounces.Report, followed: Followed, now: datetime
) -> None:
    outcome = outcome_about(report, followed.message)
    row.kind = report.kind.value
    row.message = followed.message
    row.deed = followed.deed
    row.state, row.error, row.taken_at = ReturnedState.TAKEN, "", now
    if outcome is not None:
        row.reason = outcome.reason.value
        row.address = outcome.address[:320]
        row.detail = f"{words_of(outcome)} {outcome.diagnostic}".strip().replace("\0", "")[:500]
    row.save()


def _keep(raw: bytes, now: datetime) -> tuple[Callback, bool]:
    """Keep the mail as it came, once; whether it is new."""
    return Callback.objects.get_or_create(
        provider=PROVIDER,
        key=hashlib.sha256(raw).hexdigest(),
        defaults={
            "body": raw[:MAX_KEPT_BYTES],
            "state": CallbackState.PROCESSED,
            "attempts": 1,
            "received_at": now,
            "processed_at": now,
        },
    )
