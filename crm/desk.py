"""What staff keep beside a customer: notes, tasks, and fields that stay as they are."""

from datetime import date, datetime

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm.models import Customer, CustomerNote, CustomerTask, FieldLock

# Columns that come in from outside and that staff may know better.
LOCKABLE = (
    *("first_name", "last_name", "email", "phone", "country", "city", "postcode", "street"),
    *("language", "time_zone"),
)


def add_note(
    *, customer_id: int, text: str, by: AbstractBaseUser | None, now: datetime
) -> CustomerNote:
    """Keep a remark about a customer that they never see."""
    return CustomerNote.objects.create(
        customer_id=customer_id, text=_written(text), author_id=_pk(by), created_at=now
    )


def pin_note(*, note_id: int) -> None:
    """Keep a note above the others, or let go of it where it is pinned."""
    with transaction.atomic():
        note = CustomerNote.objects.select_for_update().get(pk=note_id)
        note.is_pinned = not note.is_pinned
        note.save(update_fields=["is_pinned"])


def delete_note(*, note_id: int, by: AbstractBaseUser) -> None:
    """Take a note away; only who wrote it may, or whoever may delete anybody's."""
    note = CustomerNote.objects.get(pk=note_id)
    if note.author_id != by.pk and not _may(by, "crm.delete_customernote"):
        raise ValidationError(_("Only who wrote a note may delete it."))
    note.delete()


def add_task(
    *,
    customer_id: int,
    title: str,
    due_date: date | None,
    assigned_to: AbstractBaseUser | None,
    by: AbstractBaseUser | None,
    now: datetime,
) -> CustomerTask:
    """Write down what was promised to a customer, by when and by whom."""
    return CustomerTask.objects.create(
        customer_id=customer_id,
        title=_written(title)[:255],
        due_date=due_date,
        assigned_to_id=_pk(assigned_to),
        created_by_id=_pk(by),
        created_at=now,
    )


def finish_task(*, task_id: int, now: datetime) -> bool:
    """Say that a task is done; says whether it was open."""
    return bool(CustomerTask.objects.filter(pk=task_id, done_at=None).update(done_at=now))


def reopen_task(*, task_id: int) -> bool:
    """Say that a task is not done after all; says whether it was done."""
    done = CustomerTask.objects.filter(pk=task_id, done_at__isnull=False)
    return bool(done.update(done_at=None))


@transaction.atomic
def lock_field(
    *, customer_id: int, field: str, reason: str, by: AbstractBaseUser | None, now: datetime
) -> FieldLock:
    """Keep a field as it is, whatever comes in from outside; a lock in force stays."""
    if field not in LOCKABLE and not field.startswith("attributes."):
        raise ValidationError(_("%s is no field that can be locked.") % field)
    Customer.objects.select_for_update().get(pk=customer_id)
    lock, _is_new = FieldLock.objects.get_or_create(
        customer_id=customer_id,
        field=field,
        lifted_at=None,
        defaults={"reason": reason, "set_by_id": _pk(by), "created_at": now},
    )
    return lock


def unlock_field(
    *, customer_id: int, field: str, by: AbstractBaseUser | None, now: datetime
) -> bool:
    """Let a field follow what comes in again; says whether it was locked."""
    held = FieldLock.objects.filter(customer_id=customer_id, field=field, lifted_at=None)
    return bool(held.update(lifted_at=now, lifted_by_id=_pk(by)))


def _written(text: str) -> str:
    plain = text.replace("\0", "").strip()
    if not plain:
        raise ValidationError(_("Write something first."))
    return plain


def _pk(user: AbstractBaseUser | None) -> int | None:
    return user.pk if user else None


def _may(user: AbstractBaseUser, permission: str) -> bool:
    has_perm = getattr(user, "has_perm", None)
    return bool(has_perm and has_perm(permission))
