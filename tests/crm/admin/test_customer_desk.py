"""Notes, tasks and locked fields on the customer page, its charts, and search from everywhere."""

from datetime import timedelta

import pytest
from django.urls import reverse

from crm import desk
from crm.models import Customer, CustomerNote, CustomerTask, EventDay, FieldLock
from tests import making


def post_to(customer, name):
    return reverse(f"admin:crm_customer_{name}", args=[customer.pk])


def test_a_note_is_kept_with_its_author(admin, staff, ada):
    answer = admin.post(post_to(ada, "add_note"), {"text": "Likes <b>tea</b>"}, follow=True)

    assert ada.notes.get().author == staff
    assert "Likes &lt;b&gt;tea&lt;/b&gt;" in answer.content.decode()


def test_a_note_of_another_customer_cannot_be_deleted_from_here(admin, staff, ada, now):
    other = making.customer(now=now, external_id="other", email="o@x.example", phone="")
    note = desk.add_note(customer_id=other.pk, text="Mine", by=staff, now=now)

    admin.post(post_to(ada, "delete_note"), {"id": note.pk})

    assert CustomerNote.objects.filter(pk=note.pk).exists()


def test_a_task_is_written_down_done_and_opened_again(admin, staff, ada):
    posted = {"title": "Call back", "due_date": "2030-01-31", "assigned_to": staff.pk}
    admin.post(post_to(ada, "add_task"), posted)
    task = CustomerTask.objects.get()

    admin.post(post_to(ada, "turn_task"), {"id": task.pk})
    task.refresh_from_db()

    assert task.done_at
    admin.post(post_to(ada, "turn_task"), {"id": task.pk})
    task.refresh_from_db()
    assert task.done_at is None


def test_a_locked_field_is_listed_and_lifted(admin, ada):
    admin.post(post_to(ada, "lock"), {"field": "first_name", "reason": "By phone"})
    listed = admin.get(post_to(ada, "overrides")).content.decode()

    assert "Field locked: first name" in listed
    admin.post(post_to(ada, "unlock"), {"field": "first_name"})
    assert not FieldLock.objects.filter(lifted_at=None).exists()


@pytest.mark.parametrize(
    "name",
    [
        *("add_note", "pin_note", "delete_note", "add_task", "turn_task"),
        *("lock", "unlock", "ask_consent"),
    ],
)
def test_who_may_not_change_anything_changes_nothing(newcomer, ada, name):
    assert newcomer.post(post_to(ada, name), {"text": "x"}).status_code == 403


def test_the_charts_say_what_was_spent_and_done(admin, ada, order, now):
    EventDay.objects.create(
        customer=ada,
        name="page.viewed",
        date=(now - timedelta(days=1)).date(),
        count=7,
        first_at=now,
        last_at=now,
    )

    text = admin.get(reverse("admin:crm_customer_change", args=[ada.pk])).content.decode()

    assert "60.00" in text
    assert "7 times" in text


def found(client, text):
    return client.get(reverse("admin:search"), {"s": text, "extended": 1}).content.decode()


def test_people_and_orders_are_found_from_every_page(admin, ada, order):
    assert post_to(ada, "change") in found(admin, "ada")
    assert "Order R-1" in found(admin, "r-1")


def test_who_may_see_nothing_finds_nothing(newcomer, ada, order):
    text = found(newcomer, "ada")

    assert str(Customer.objects.get(pk=ada.pk)) not in text


def test_staff_ask_for_a_consent_and_the_customer_decides(admin, ada):
    posted = {"channel": "email", "purpose": "newsletter"}

    answer = admin.post(post_to(ada, "ask_consent"), posted, follow=True)

    assert "on its way" in answer.content.decode()
    assert ada.consents.get(purpose="newsletter").state == "pending"
    again = admin.post(post_to(ada, "ask_consent"), posted, follow=True)
    assert "within the hour" in again.content.decode()
