"""Mailboxes: read one after the other, each by one worker at a time; nothing twice, nothing lost.

A mail and its number are written down in one transaction; only then it is marked, moved or
deleted. What cannot be read is put aside and stays where it is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from crm import accounts, postboxes, returned_mail
from crm.channels import oauth
from crm.channels.base import legible
from crm.choices import Health
from crm.mail_choices import AfterTaking, MailProtocol, ReturnedState
from crm.models import Mailbox, MailboxUid, ReturnedMail
from crm.postboxes import Box, BoxError, MailRefused
from crm.returned_mail import Origin

# What staff tell and is never shown again; what they leave empty stays as it is.
SECRETS = ("password", "client_secret", "refresh_token")
LEASE = timedelta(minutes=5)
# One visit takes so many mails; the next goes on at once.
MOST = 200
_LONGEST_PAUSE = timedelta(hours=1)

Clock = Callable[[], datetime]
Open = Callable[[postboxes.Place], Box]


class LeaseLost(RuntimeError):  # noqa: N818 - it names what happened
    """Another worker reads the mailbox by now."""


def check_place(*, mailbox: Mailbox) -> None:
    """Refuse a mailbox in a private network that the operator has not named."""
    accounts.check_host(host=mailbox.host, port=_place(mailbox).at_port)


def keep(*, mailbox: Mailbox, secrets: Mapping[str, str], now: datetime) -> None:
    """Write a mailbox down as staff describe it; a secret that is not told stays.

    One that is elsewhere now is read from its beginning: what was taken is known by its content.
    """
    check_place(mailbox=mailbox)
    with transaction.atomic():
        _keep(mailbox, secrets, now)


def _keep(mailbox: Mailbox, secrets: Mapping[str, str], now: datetime) -> None:
    before = Mailbox.objects.select_for_update().filter(pk=mailbox.pk).first()
    for name in SECRETS:
        setattr(mailbox, name, secrets.get(name) or (getattr(before, name) if before else ""))
    mailbox.created_at = mailbox.created_at or now
    if before is None or _where(before) != _where(mailbox):
        mailbox.uid_validity, mailbox.last_uid = None, 0
        MailboxUid.objects.filter(mailbox_id=mailbox.pk).delete()
    mailbox.health, mailbox.health_detail, mailbox.failures = Health.UNKNOWN, "", 0
    mailbox.due_at, mailbox.owner, mailbox.lease_until_at = now, "", None
    mailbox.save()


@dataclass(frozen=True, slots=True)
class Worries:
    """What of mailboxes waits for a person: those that cannot be read, and mails put aside."""

    ailing: Sequence[Mailbox]
    put_aside: int


def worries() -> Worries:
    """Mailboxes that cannot be read for more than a moment, and how many mails are put aside."""
    ailing = Mailbox.objects.filter(is_active=True, health=Health.AILING, failures__gt=1)
    aside = ReturnedMail.objects.filter(state=ReturnedState.PUT_ASIDE)
    return Worries(list(ailing), aside.count())


def read_soon(*, mailbox_id: int, now: datetime) -> None:
    """Let a mailbox be read by the next visit."""
    Mailbox.objects.filter(pk=mailbox_id).update(due_at=now)


def read_due(*, owner: str, clock: Clock, open_box: Open = postboxes.open_box) -> int:
    """Read one mailbox that is due, and give how many were read: one, or none."""
    mailbox = _claim(owner, clock())
    if mailbox is None:
        return 0
    try:
        box = open_box(_with_token(_place(mailbox), mailbox))
        try:
            is_done = _visit(box, mailbox, owner, clock)
        finally:
            box.close()
    except BoxError as error:
        # If it was the token that is not taken any more, the next visit asks for another.
        oauth.forget(_grant(mailbox))
        _ail(mailbox, owner, str(error), clock())
    except LeaseLost:
        return 1
    else:
        _well(mailbox, owner, clock(), is_done=is_done)
    return 1


def _claim(owner: str, now: datetime) -> Mailbox | None:
    """Take the lease of a mailbox; skips what another worker holds."""
    with transaction.atomic():
        free = Q(lease_until_at=None) | Q(lease_until_at__lt=now)
        due = Q(due_at=None) | Q(due_at__lte=now)
        waiting = Mailbox.objects.filter(free, due, is_active=True).order_by("due_at", "pk")
        mailbox = waiting.select_for_update(skip_locked=True).first()
        if mailbox is not None:
            mailbox.owner, mailbox.lease_until_at = owner, now + LEASE
            mailbox.save(update_fields=["owner", "lease_until_at"])
        return mailbox


def _visit(box: Box, mailbox: Mailbox, owner: str, clock: Clock) -> bool:
    """Take in what is new; gives whether nothing is left."""
    _begin(box, mailbox, owner)
    uids = list(_new_ones(box, mailbox))
    for uid in uids[:MOST]:
        now = clock()
        raw, refused = _fetch(box, uid)
        if _take(mailbox, owner, uid, (raw, refused), now):
            _tidy(box, mailbox, uid)
    return len(uids) <= MOST


def _begin(box: Box, mailbox: Mailbox, owner: str) -> None:
    """Numbers begin anew with a folder; what a broken visit left is tidied up."""
    if box.validity != mailbox.uid_validity:
        with transaction.atomic():
            _hold(mailbox, owner)
            mailbox.uid_validity, mailbox.last_uid = box.validity, 0
            mailbox.save(update_fields=["uid_validity", "last_uid"])
            MailboxUid.objects.filter(mailbox=mailbox).delete()
    left = MailboxUid.objects.filter(mailbox=mailbox)
    if mailbox.protocol == MailProtocol.POP3:
        listed = box.waiting(after=0, most=MOST)
        left.exclude(uid__in=listed).delete()
        left = left.filter(uid__in=listed)
    if mailbox.protocol == MailProtocol.IMAP and mailbox.after == AfterTaking.KEEP:
        left.delete()
    if mailbox.after != AfterTaking.KEEP:
        for uid in left.values_list("uid", flat=True)[:MOST]:
            _tidy(box, mailbox, uid)


def _new_ones(box: Box, mailbox: Mailbox) -> Iterator[str]:
    """Numbers to take: those that staff want to be asked for again, then what is new."""
    folder = _key(mailbox, "")
    aside = ReturnedMail.objects.filter(
        mailbox=mailbox, state=ReturnedState.PUT_ASIDE, uid__startswith=folder
    )
    for key in aside.filter(attempts=0, callback=None).values_list("uid", flat=True):
        yield key.removeprefix(folder)
    known = set(MailboxUid.objects.filter(mailbox=mailbox).values_list("uid", flat=True))
    known.update(key.removeprefix(folder) for key in aside.values_list("uid", flat=True))
    for uid in box.waiting(after=mailbox.last_uid, most=MOST + 1):
        if uid not in known:
            yield uid


def _fetch(box: Box, uid: str) -> tuple[bytes | None, str]:
    try:
        return box.fetch(uid), ""
    except MailRefused as error:
        return None, legible(str(error))


def _take(
    mailbox: Mailbox, owner: str, uid: str, fetched: tuple[bytes | None, str], now: datetime
) -> bool:
    """Write a mail and its number down together; whether it was taken in. Locks the mailbox."""
    raw, refused = fetched
    origin = Origin(mailbox.pk, _key(mailbox, uid))
    with transaction.atomic():
        _hold(mailbox, owner)
        taken = None
        if raw is None:
            returned_mail.put_aside(raw=None, error=refused, now=now, origin=origin)
        else:
            taken = returned_mail.take_or_put_aside(raw=raw, recipient="", now=now, origin=origin)
        _remember(mailbox, uid, now, is_taken=taken is not None)
    return taken is not None


def _remember(mailbox: Mailbox, uid: str, now: datetime, *, is_taken: bool) -> None:
    if mailbox.protocol == MailProtocol.IMAP:
        mailbox.last_uid = max(mailbox.last_uid, int(uid))
    mailbox.lease_until_at = now + LEASE
    mailbox.save(update_fields=["last_uid", "lease_until_at"])
    is_kept = mailbox.protocol == MailProtocol.IMAP and mailbox.after == AfterTaking.KEEP
    if is_taken and not is_kept:
        MailboxUid.objects.get_or_create(mailbox=mailbox, uid=uid)
    if is_taken:
        gone = ReturnedMail.objects.filter(mailbox=mailbox, uid=_key(mailbox, uid), callback=None)
        gone.filter(state=ReturnedState.PUT_ASIDE).delete()


def _tidy(box: Box, mailbox: Mailbox, uid: str) -> None:
    """What becomes of a taken mail; only after it is written down for good."""
    if mailbox.after == AfterTaking.DELETE:
        box.delete(uid)
    elif mailbox.after == AfterTaking.MOVE:
        box.move(uid, mailbox.moved_to)
    else:
        box.mark(uid)
        return
    if mailbox.protocol == MailProtocol.IMAP:
        MailboxUid.objects.filter(mailbox=mailbox, uid=uid).delete()


def _hold(mailbox: Mailbox, owner: str) -> None:
    """Lock the mailbox, if it is still ours."""
    held = Mailbox.objects.select_for_update().filter(pk=mailbox.pk, owner=owner)
    if not held.exists():
        raise LeaseLost(mailbox.name)


def _well(mailbox: Mailbox, owner: str, now: datetime, *, is_done: bool) -> None:
    pause = timedelta(seconds=mailbox.every_seconds if is_done else 0)
    Mailbox.objects.filter(pk=mailbox.pk, owner=owner).update(
        health=Health.WELL,
        health_detail="",
        failures=0,
        read_at=now,
        due_at=now + pause,
        owner="",
        lease_until_at=None,
    )


def _ail(mailbox: Mailbox, owner: str, error: str, now: datetime) -> None:
    """Try later, and later still; what was taken stays taken."""
    failures = min(mailbox.failures + 1, 12)
    pause = timedelta(seconds=mailbox.every_seconds) * 2 ** (failures - 1)
    Mailbox.objects.filter(pk=mailbox.pk, owner=owner).update(
        health=Health.AILING,
        health_detail=legible(error),
        failures=failures,
        due_at=now + min(pause, _LONGEST_PAUSE),
        owner="",
        lease_until_at=None,
    )


def _key(mailbox: Mailbox, uid: str) -> str:
    """A number that stays its mail's own when the numbers of the folder begin anew."""
    return f"{mailbox.uid_validity or 0}.{uid}"


def _where(mailbox: Mailbox) -> tuple[object, ...]:
    return (mailbox.protocol, mailbox.host, mailbox.port, mailbox.user, mailbox.folder)


def _grant(mailbox: Mailbox) -> oauth.Grant:
    return oauth.Grant(
        token_url=mailbox.token_url,
        client_id=mailbox.client_id,
        client_secret=mailbox.client_secret,
        refresh_token=mailbox.refresh_token,
        scope=mailbox.scope,
        guarded_but=tuple(settings.PROVIDER_ALLOWED_HOSTS),
    )


def _with_token(place: postboxes.Place, mailbox: Mailbox) -> postboxes.Place:
    """The place with an access token to sign in by, where it takes one."""
    if not mailbox.token_url:
        return place
    try:
        return replace(place, token=oauth.access_token(_grant(mailbox)))
    except (oauth.NotGranted, OSError) as error:
        raise BoxError(str(error)) from error


def _place(mailbox: Mailbox) -> postboxes.Place:
    return postboxes.Place(
        protocol=mailbox.protocol,
        host=mailbox.host,
        port=mailbox.port,
        security=mailbox.security,
        user=mailbox.user,
        password=mailbox.password,
        folder=mailbox.folder,
        guarded_but=tuple(settings.PROVIDER_ALLOWED_HOSTS),
    )
