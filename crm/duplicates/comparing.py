"""Two customers side by side: what a merge would come to, and why it may be refused."""

from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, F, Value
from django.db.models.functions import Concat
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from crm import customers
from crm.choices import Channel, ConsentState, IdentityKind, Purpose
from crm.customers import MergeRefused, tables
from crm.customers.people import FIELDS, is_nameless
from crm.models import Consent, Customer, Identity

_STRICTEST = (ConsentState.WITHDRAWN, ConsentState.PENDING, ConsentState.GRANTED)


@dataclass(frozen=True, slots=True)
class Line:
    """One fact as each of the two has it, and as the merged customer would."""

    label: str | Promise
    left: Any
    right: Any
    result: Any

    @property
    def differs(self) -> bool:
        """Whether the two do not say the same."""
        return bool(self.left != self.right)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that staff see before they merge; the left one is kept."""

    left: Customer
    right: Customer
    fields: tuple[Line, ...]
    identities: tuple[Line, ...]
    consents: tuple[Line, ...]
    moves: tuple[tuple[str | Promise, int], ...]
    refusal: str


def compare(*, left_id: int, right_id: int) -> Comparison:
    """Put two customers side by side, as if the left one were kept."""
    people = Customer.objects.in_bulk([left_id, right_id])
    left, right = people[left_id], people[right_id]
    return Comparison(
        left=left,
        right=right,
        fields=tuple(_fields(left, right)),
        identities=tuple(_identities(left, right)),
        consents=tuple(_consents(left, right)),
        moves=tuple(tables.counts(customer_id=right_id)),
        refusal=_refusal(left_id, right_id),
    )


def suggest_kept(*, left_id: int, right_id: int) -> int:
    """Whom of two to keep: the known one before a visitor, then whom we have known longer."""
    people = Customer.objects.filter(pk__in=[left_id, right_id]).order_by("created_at", "pk")
    ids = list(people.values_list("pk", flat=True))
    known = [pk for pk in ids if not is_nameless(handles=_handles(pk))]
    return (known or ids or [left_id])[0]


def _fields(left: Customer, right: Customer) -> list[Line]:
    merged = customers.preview(kept=left, merged=right)
    lines = [
        Line(
            capfirst(Customer._meta.get_field(name).verbose_name),  # type: ignore[union-attr]
            getattr(left, name),
            getattr(right, name),
            merged[name],
        )
        for name in FIELDS
    ]
    attributes = merged.get("attributes", left.attributes)
    names = sorted({*left.attributes, *right.attributes})
    lines += [
        Line(name, left.attributes.get(name), right.attributes.get(name), attributes.get(name))
        for name in names
    ]
    since = min(left.created_at, right.created_at)
    lines.append(Line(_("Since"), left.created_at, right.created_at, since))
    return [line for line in lines if line.left or line.right]


def _identities(left: Customer, right: Customer) -> list[Line]:
    rows = Identity.objects.filter(customer__in=[left, right]).order_by("value")
    trust = [kind.value for kind in IdentityKind]
    lines = []
    for row in sorted(rows, key=lambda row: trust.index(row.kind)):
        shown = f"{row.value} ✓" if row.verified_at else row.value
        sides = (shown, "") if row.customer_id == left.pk else ("", shown)
        lines.append(Line(row.get_kind_display(), *sides, shown))
    return lines


def _consents(left: Customer, right: Customer) -> list[Line]:
    rows = Consent.objects.filter(customer__in=[left, right]).annotate(
        what=Concat(F("channel"), Value("/"), F("purpose"), output_field=CharField())
    )
    states = {(row.what, row.customer_id): ConsentState(row.state) for row in rows}
    lines = []
    for what in sorted({what for what, _id in states}):
        sides = [states.get((what, customer.pk)) for customer in (left, right)]
        result = next(state for state in _STRICTEST if state in sides)
        channel, _slash, purpose = what.partition("/")
        label = f"{Channel(channel).label} · {Purpose(purpose).label}"
        words = [state.label if state else "" for state in (*sides, result)]
        lines.append(Line(label, *words))
    return lines


def _refusal(left_id: int, right_id: int) -> str:
    try:
        customers.check_merge(kept_id=left_id, merged_id=right_id)
    except MergeRefused as refused:
        return str(refused)
    return ""


def _handles(customer_id: int) -> set[tuple[str, str]]:
    rows = Identity.objects.filter(customer_id=customer_id)
    return set(rows.values_list("kind", "value"))
