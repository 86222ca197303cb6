"""Notices: what staff must know at once, on the dashboard and by mail."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext, override

from crm import accounts, signatures
from crm.channels import base, registry
from crm.choices import Channel, Purpose
from crm.models import Notice

MAX_ATTEMPTS = 5
LATER = timedelta(minutes=2)
SHOWN_FOR = timedelta(days=7)
_BATCH = 50


class _NoJournal:
    """A notice that comes twice does no harm."""

    def mark(self, index: int, state: int) -> None:
        """Note nothing."""


def tell(
    *, staff_ids: Iterable[int], title: str, detail: str = "", path: str = "", now: datetime
) -> None:
    """Put a notice on the dashboard and mail it to these staff; the title is one of our words.

    Where nobody is named it is for all who see the dashboard.
    """
    known: Sequence[int | None] = sorted(set(staff_ids))
    Notice.objects.bulk_create(
        Notice(
            staff_id=staff_id,
            title=title[:200],
            detail=detail[:500],
            path=path[:200],
            created_at=now,
            due_at=now if staff_id else None,
        )
        for staff_id in known or [None]
    )


def latest(*, staff_id: int, now: datetime) -> list[Notice]:
    """What one of the staff was told of late, each thing once, the newest first."""
    recent = Notice.objects.filter(created_at__gt=now - SHOWN_FOR)
    mine = recent.filter(staff_id=staff_id) | recent.filter(staff_id=None)
    return list(mine.order_by("-pk")[:10])


def who_may(*, permission: str) -> list[int]:
    """The active staff who have a right."""
    found = User.objects.with_perm(permission, backend="django.contrib.auth.backends.ModelBackend")
    return sorted(user.pk for user in found.filter(is_staff=True))


def send_due(*, now: datetime) -> int:
    """Mail what is due; gives how many were tried. The try is counted first."""
    with transaction.atomic():
        due = Notice.objects.filter(due_at__lte=now).order_by("pk")
        notices = list(
            due.select_for_update(skip_locked=True, of=("self",)).select_related("staff")[:_BATCH]
        )
        for notice in notices:
            notice.attempts += 1
            tries_left = notice.attempts < MAX_ATTEMPTS
            notice.due_at = now + LATER * notice.attempts if tries_left else None
            notice.save(update_fields=["attempts", "due_at"])
    if notices:
        _mail(notices, now)
    return len(notices)


def _mail(notices: Sequence[Notice], now: datetime) -> None:
    reachable = [one for one in notices if one.staff and one.staff.email]
    mailed = _handed_over(reachable, now)
    for notice in notices:
        error = mailed.get(notice.pk, "no e-mail address" if notice not in reachable else "unsent")
        changed: dict[str, object] = {"error": error[:500]}
        if not error:
            changed |= {"mailed_at": now, "due_at": None}
        elif notice not in reachable:
            changed |= {"due_at": None}
        Notice.objects.filter(pk=notice.pk).update(**changed)


def _handed_over(notices: Sequence[Notice], now: datetime) -> Mapping[int, str]:
    """What went wrong with each that an answer came for; nothing where it went."""
    kept = accounts.usable(channel=Channel.EMAIL, purpose=Purpose.TRANSACTIONAL, now=now)
    if kept is None or not notices:
        return {}
    batch = [_outgoing(notice, kept.sender) for notice in notices]
    adapter = registry.adapter_class(kept.account.provider)(kept.account)
    try:
        outcomes = list(adapter.send_many(batch, journal=_NoJournal()))
    finally:
        adapter.close()
    return {
        one.message_id: "" if one.state == base.SENT else one.detail or one.reason
        for one in outcomes
    }


def _outgoing(notice: Notice, sender: str) -> base.Outgoing:
    assert notice.staff is not None
    with override(settings.LANGUAGE_CODE):
        title = gettext(notice.title)
    said = [title, notice.detail, settings.PUBLIC_URL + notice.path if notice.path else ""]
    return base.Outgoing(
        message_id=notice.pk,
        key=f"notice-{notice.pk}",
        sender=sender,
        recipient=notice.staff.email,
        subject=title,
        text="\n\n".join(part for part in said if part) + "\n",
        headers=(("Auto-Submitted", "auto-generated"),),
        signers=signatures.of_sender(sender=sender),
    )
