"""Notes, tasks and locked fields on the page of a customer."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import attributes, desk
from crm.admin.customer_posts import read
from crm.admin.parts import OverrideRow, post_once, staff_of
from crm.choices import CandidateState
from crm.models import Customer, CustomerNote, CustomerTask, DuplicateCandidate

NOTES_SHOWN = 20
TASKS_SHOWN = 20
CANDIDATES_SHOWN = 3


class NoteForm(forms.Form):
    """A remark."""

    text = forms.CharField(max_length=20_000)


class TaskForm(forms.Form):
    """What is to be done, by when and by whom."""

    title = forms.CharField(max_length=255)
    due_date = forms.DateField(required=False)
    assigned_to = forms.ModelChoiceField(
        get_user_model().objects.filter(is_active=True, is_staff=True), required=False
    )


class LockForm(forms.Form):
    """Which field, and why."""

    field = forms.CharField(max_length=120)
    reason = forms.CharField(max_length=255)


def panel(*, customer: Customer, request: HttpRequest, now: datetime) -> dict[str, Any]:
    """What the card of notes and tasks shows."""
    may_see_notes = request.user.has_perm("crm.view_customernote")
    may_see_tasks = request.user.has_perm("crm.view_customertask")
    notes = customer.notes.select_related("author")[:NOTES_SHOWN] if may_see_notes else []
    tasks = customer.tasks.select_related("assigned_to")[:TASKS_SHOWN] if may_see_tasks else []
    colleagues = get_user_model().objects.filter(is_active=True, is_staff=True)
    return {
        "notes": notes,
        "tasks": tasks,
        "today": timezone.localdate(now),
        "colleagues": colleagues.order_by("username") if may_see_tasks else [],
        "may_see_desk": may_see_notes or may_see_tasks,
    }


def candidates(*, customer: Customer, request: HttpRequest) -> list[dict[str, Any]]:
    """Who may be the same person, for whoever may merge: the other one, why, and how likely."""
    if not request.user.has_perm("crm.merge_customer"):
        return []
    pairs = DuplicateCandidate.objects.filter(state=CandidateState.OPEN)
    mine = pairs.filter(Q(left=customer) | Q(right=customer)).select_related("left", "right")
    return [
        {"pair": pair, "other": pair.right if pair.left_id == customer.pk else pair.left}
        for pair in mine[:CANDIDATES_SHOWN]
    ]


def labels(*, customer: Customer) -> list[tuple[str, Any]]:
    """The attributes of a customer under the names that staff gave them."""
    known = attributes.definitions()
    named = {name: known[name].label for name in customer.attributes if name in known}
    return [(named.get(name) or name, value) for name, value in customer.attributes.items()]


def lockable(*, customer: Customer) -> list[tuple[str, str]]:
    """Every field of a customer that can be locked and is not, with its name in words."""
    held = set(customer.field_locks.filter(lifted_at=None).values_list("field", flat=True))
    columns = [(name, _words(name)) for name in desk.LOCKABLE]
    facts = [(f"attributes.{name}", name) for name in sorted(customer.attributes)]
    return [(name, words) for name, words in (*columns, *facts) if name not in held]


def lock_rows(*, customer: Customer) -> list[OverrideRow]:
    """The locked fields of a customer as the overrides tab lists them."""
    lift = reverse("admin:crm_customer_unlock", args=[customer.pk])
    return [
        OverrideRow(
            what=_("Field locked: %s") % _words(lock.field),
            reason=lock.reason,
            set_by=str(lock.set_by or ""),
            created_at=lock.created_at,
            expires_at=lock.expires_at,
            lifted_at=lock.lifted_at,
            lifted_by=str(lock.lifted_by or ""),
            lift_url="" if lock.lifted_at else lift,
            lift_fields={"field": lock.field},
        )
        for lock in customer.field_locks.select_related("set_by", "lifted_by")
    ]


def urls(wrap: Any) -> list[URLPattern]:
    """Where notes, tasks and locks of a customer are posted to."""
    own = [
        ("add-note", add_note),
        ("pin-note", pin_note),
        ("delete-note", delete_note),
        ("add-task", add_task),
        ("turn-task", turn_task),
        ("lock", lock),
        ("unlock", unlock),
    ]
    return [
        path(f"<int:object_id>/{name}/", wrap(view), name=f"crm_customer_{name.replace('-', '_')}")
        for name, view in own
    ]


def add_note(request: HttpRequest, object_id: int) -> HttpResponse:
    """Keep a remark."""

    def call() -> str:
        text = read(NoteForm, request)["text"]
        desk.add_note(customer_id=object_id, text=text, by=staff_of(request), now=timezone.now())
        return _("The note is kept.")

    return _post(request, "crm.add_customernote", object_id, call)


def pin_note(request: HttpRequest, object_id: int) -> HttpResponse:
    """Keep a note above the others, or let go of it."""

    def call() -> str:
        desk.pin_note(note_id=_row(request, CustomerNote, object_id))
        return _("The notes are sorted again.")

    return _post(request, "crm.change_customernote", object_id, call)


def delete_note(request: HttpRequest, object_id: int) -> HttpResponse:
    """Take a note away."""

    def call() -> str:
        desk.delete_note(note_id=_row(request, CustomerNote, object_id), by=staff_of(request))
        return _("The note is gone.")

    return _post(request, "crm.add_customernote", object_id, call)


def add_task(request: HttpRequest, object_id: int) -> HttpResponse:
    """Write down what was promised."""

    def call() -> str:
        desk.add_task(
            customer_id=object_id,
            **read(TaskForm, request),
            by=staff_of(request),
            now=timezone.now(),
        )
        return _("The task is written down.")

    return _post(request, "crm.add_customertask", object_id, call)


def turn_task(request: HttpRequest, object_id: int) -> HttpResponse:
    """Say that a task is done, or that it is not after all."""

    def call() -> str:
        task_id = _row(request, CustomerTask, object_id)
        if desk.finish_task(task_id=task_id, now=timezone.now()):
            return _("The task is done.")
        desk.reopen_task(task_id=task_id)
        return _("The task is open again.")

    return _post(request, "crm.change_customertask", object_id, call)


def lock(request: HttpRequest, object_id: int) -> HttpResponse:
    """Keep a field as it is."""

    def call() -> str:
        desk.lock_field(
            customer_id=object_id,
            **read(LockForm, request),
            by=staff_of(request),
            now=timezone.now(),
        )
        return _("The field stays as it is, whatever comes in.")

    return _post(request, "crm.add_fieldlock", object_id, call)


def unlock(request: HttpRequest, object_id: int) -> HttpResponse:
    """Let a field follow what comes in."""

    def call() -> str:
        desk.unlock_field(
            customer_id=object_id,
            field=request.POST.get("field", ""),
            by=staff_of(request),
            now=timezone.now(),
        )
        return _("The field follows what comes in again.")

    return _post(request, "crm.add_fieldlock", object_id, call)


def _post(request: HttpRequest, permission: str, customer_id: int, call: Any) -> HttpResponse:
    back_to = reverse("admin:crm_customer_change", args=[customer_id])
    return post_once(request, permission=permission, back_to=back_to, call=call)


def _row(request: HttpRequest, model: Any, customer_id: int) -> int:
    """The row that a form names, if it is one of this customer's."""
    wanted = request.POST.get("id", "")
    found = model.objects.filter(customer_id=customer_id, pk=wanted if wanted.isdigit() else 0)
    pk = found.values_list("pk", flat=True).first()
    if pk is None:
        raise forms.ValidationError(_("It is not here any more."))
    return int(pk)


def _words(name: str) -> str:
    if name in desk.LOCKABLE:
        field: Any = Customer._meta.get_field(name)
        return str(field.verbose_name)
    return name.removeprefix("attributes.")
