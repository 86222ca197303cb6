"""What staff keep beside a customer: notes, tasks, locked fields."""

from datetime import date, datetime

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from crm import desk
from crm.models import Customer, CustomerNote, CustomerTask, FieldLock
from tests import making

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(now: datetime) -> Customer:
    return making.customer(now=now)


@pytest.fixture
def maria() -> User:
    return User.objects.create_user("maria", is_staff=True)


def test_a_pinned_note_stays_above_newer_ones(ada: Customer, maria: User, now: datetime) -> None:
    first = desk.add_note(customer_id=ada.pk, text=" Likes tea ", by=maria, now=now)
    second = desk.add_note(customer_id=ada.pk, text="Moved", by=maria, now=now)

    desk.pin_note(note_id=first.pk)

    assert [note.text for note in ada.notes.all()] == ["Likes tea", "Moved"]
    desk.pin_note(note_id=first.pk)
    assert not CustomerNote.objects.filter(is_pinned=True)
    assert second.author_id == maria.pk


def test_an_empty_note_is_refused(ada: Customer, maria: User, now: datetime) -> None:
    with pytest.raises(ValidationError, match="Write something"):
        desk.add_note(customer_id=ada.pk, text=" \0 ", by=maria, now=now)


def test_only_who_wrote_a_note_deletes_it(ada: Customer, maria: User, now: datetime) -> None:
    note = desk.add_note(customer_id=ada.pk, text="Likes tea", by=maria, now=now)
    other = User.objects.create_user("noah", is_staff=True)

    with pytest.raises(ValidationError, match="Only who wrote"):
        desk.delete_note(note_id=note.pk, by=other)

    desk.delete_note(note_id=note.pk, by=maria)
    assert not ada.notes.exists()


def test_who_may_delete_any_note_deletes_this_one(
    ada: Customer, maria: User, now: datetime
) -> None:
    note = desk.add_note(customer_id=ada.pk, text="Likes tea", by=maria, now=now)
    chief = User.objects.create_superuser("chief")

    desk.delete_note(note_id=note.pk, by=chief)

    assert not ada.notes.exists()


def test_a_task_is_done_once_and_can_be_opened_again(
    ada: Customer, maria: User, now: datetime
) -> None:
    task = desk.add_task(
        customer_id=ada.pk,
        title="Call back",
        due_date=date(2026, 4, 20),
        assigned_to=maria,
        by=maria,
        now=now,
    )

    assert desk.finish_task(task_id=task.pk, now=now)
    assert not desk.finish_task(task_id=task.pk, now=now)
    assert desk.reopen_task(task_id=task.pk)
    assert CustomerTask.objects.get().done_at is None


def test_a_locked_field_is_locked_once_and_freed(ada: Customer, maria: User, now: datetime) -> None:
    for _ in range(2):
        desk.lock_field(
            customer_id=ada.pk, field="first_name", reason="By phone", by=maria, now=now
        )

    assert FieldLock.objects.in_force(now=now).count() == 1
    assert desk.unlock_field(customer_id=ada.pk, field="first_name", by=maria, now=now)
    assert not desk.unlock_field(customer_id=ada.pk, field="first_name", by=maria, now=now)
    assert FieldLock.objects.get().lifted_by == maria


def test_what_is_no_field_cannot_be_locked(ada: Customer, maria: User, now: datetime) -> None:
    with pytest.raises(ValidationError, match="bucket"):
        desk.lock_field(customer_id=ada.pk, field="bucket", reason="x", by=maria, now=now)
