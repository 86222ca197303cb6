"""What else a timeline tells: notes, tasks, merges and privacy requests, each as one entry."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _

from crm.models import CustomerNote, CustomerTask, Event, Merge, Message, PrivacyRequest


@dataclass(frozen=True)
class Entry:
    """One line of the timeline: an event, a message, or something that staff did."""

    at: datetime
    event: Event | None = None
    message: Message | None = None
    title: Any = ""
    icon: str = "bolt"
    # What it is about: the product, where the event names one; the words of a note.
    about: str = ""
    facts: tuple[tuple[Any, Any], ...] = ()
    message_id: int | None = None
    # Where it is told in full, where it is no event.
    link: str = ""
    folded: tuple["Entry", ...] = field(default=())


@dataclass(frozen=True)
class Source:
    """A kind of row that has a place on the timeline, and who may see it."""

    rows: Callable[[int], QuerySet[Any]]
    moment: str
    permission: str
    filter: str
    tell: Callable[[Any], Entry]


def teller(*, kind: str, pks: list[int]) -> Callable[[int], Entry]:
    """What tells the rows of a kind, read in one statement."""
    source = SOURCES[kind]
    found = _READ[kind].in_bulk(pks)
    return lambda pk: source.tell(found[pk])


def _note(row: CustomerNote) -> Entry:
    return Entry(
        at=row.created_at,
        title=_("Note"),
        icon="sticky_note_2",
        about=row.text,
        facts=_by(row.author),
    )


def _task(row: CustomerTask) -> Entry:
    title = _("Task done") if row.done_at else _("Task")
    icon = "task_alt" if row.done_at else "assignment"
    facts = _by(row.assigned_to)
    if row.due_date and not row.done_at:
        facts = (*facts, (_("due"), formats.date_format(row.due_date)))
    return Entry(at=row.created_at, title=title, icon=icon, about=row.title, facts=facts)


def _merge(row: Merge) -> Entry:
    title = _("Merge undone") if row.undone_at else _("Merged with #%s") % row.merged_id
    return Entry(
        at=row.merged_at,
        title=title,
        icon="merge",
        facts=((_("cause"), row.get_cause_display()), *_by(row.merged_by)),
        link=reverse("admin:crm_merge_change", args=[row.pk]),
    )


def _request(row: PrivacyRequest) -> Entry:
    return Entry(
        at=row.requested_at,
        title=_("Privacy request"),
        icon="shield_person",
        about=row.get_kind_display(),
        facts=((_("state"), row.get_state_display()), (_("source"), row.get_source_display())),
        link=reverse("admin:crm_privacyrequest_change", args=[row.pk]),
    )


def _by(staff: Any) -> tuple[tuple[Any, Any], ...]:
    return ((_("by"), str(staff)),) if staff else ()


SOURCES: Mapping[str, Source] = {
    "note": Source(
        lambda pk: CustomerNote.objects.filter(customer_id=pk),
        "created_at",
        "crm.view_customernote",
        "staff",
        _note,
    ),
    "task": Source(
        lambda pk: CustomerTask.objects.filter(customer_id=pk),
        "created_at",
        "crm.view_customertask",
        "staff",
        _task,
    ),
    "merge": Source(
        lambda pk: Merge.objects.filter(kept_id=pk),
        "merged_at",
        "crm.merge_customer",
        "staff",
        _merge,
    ),
    "privacy": Source(
        lambda pk: PrivacyRequest.objects.filter(customer_id=pk),
        "requested_at",
        "crm.view_privacyrequest",
        "consent",
        _request,
    ),
}
_READ: Mapping[str, QuerySet[Any]] = {
    "note": CustomerNote.objects.select_related("author"),
    "task": CustomerTask.objects.select_related("assigned_to"),
    "merge": Merge.objects.select_related("merged_by").defer("undo"),
    "privacy": PrivacyRequest.objects.all(),
}
