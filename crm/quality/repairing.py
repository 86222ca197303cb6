"""Repairing: suggestions are applied, each change kept so that it can be taken back."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm import changes, customers
from crm.choices import AttributeType, QualityCheck
from crm.models import AttributeDefinition, Customer, QualityFinding, QualityRepair

# So many at once; the next press does the next.
AT_ONCE = 500
REST = timedelta(days=365)
# The field that stands for a pause of marketing.
_PAUSE = "pause"
_CLEARED = frozenset({QualityCheck.BAD_EMAIL, QualityCheck.BAD_PHONE})


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair did, and why it left the others."""

    repair_id: int
    done: int
    left: dict[str, int]


@transaction.atomic
def repair(
    *,
    check: str,
    finding_ids: Collection[int] | None,
    by: AbstractBaseUser | None,
    now: datetime,
) -> Repaired:
    """Mend findings of one check, the chosen or the first AT_ONCE, each by its suggestion.

    An address that cannot be right is taken away; who has gone quiet gets a year without
    marketing. A change that is refused (a locked field, an address of somebody else) is left.
    """
    wanted = QualityFinding.objects.filter(check_name=check, is_accepted=False)
    if finding_ids is not None:
        wanted = wanted.filter(pk__in=finding_ids)
    changes: list[dict[str, Any]] = []
    left: dict[str, int] = {}
    for finding in wanted.select_related("customer").order_by("pk")[:AT_ONCE]:
        try:
            with transaction.atomic():
                changes.append(_mend(finding, by, now))
                finding.delete()
        except ValidationError as error:
            why = " ".join(error.messages)
            left[why] = left.get(why, 0) + 1
    if not changes:
        return Repaired(0, 0, left)
    kept = QualityRepair.objects.create(
        check_name=check, changes=changes, done_by_id=by.pk if by else None, done_at=now
    )
    return Repaired(kept.pk, len(changes), left)


@transaction.atomic
def undo(*, repair_id: int, by: AbstractBaseUser | None, now: datetime) -> int:
    """Put back what a repair changed; what was changed again since stays. Locks the repair."""
    kept = QualityRepair.objects.select_for_update().get(pk=repair_id)
    if kept.undone_at is not None:
        raise ValidationError(_("This repair was taken back already."))
    back = sum(_put_back(change, by, now) for change in kept.changes)
    kept.undone_at, kept.undone_by_id = now, by.pk if by else None
    kept.save(update_fields=["undone_at", "undone_by"])
    return back


def accept(*, finding_ids: Collection[int]) -> int:
    """Leave findings as they are, on purpose; they are listed no more."""
    return QualityFinding.objects.filter(pk__in=finding_ids).update(is_accepted=True)


def _mend(finding: QualityFinding, by: AbstractBaseUser | None, now: datetime) -> dict[str, Any]:
    customer_id = finding.customer_id
    if finding.check_name == QualityCheck.STALE:
        customers.pause(
            customer_id=customer_id,
            until_at=now + REST,
            reason="Nothing heard for two years",
            by=by,
            now=now,
        )
        return {"customer": customer_id, "field": _PAUSE, "before": None, "after": True}
    if not finding.suggestion and finding.check_name not in _CLEARED:
        raise ValidationError(_("There is no suggestion: open the customer and mend it by hand."))
    after = _typed(finding)
    before = _value(finding.customer, finding.field)
    customers.change(customer_id=customer_id, values=_values(finding.field, after), now=now)
    # As it is kept, not as it was typed, so that the undo knows it again.
    after = _value(Customer.objects.get(pk=customer_id), finding.field)
    return {"customer": customer_id, "field": finding.field, "before": before, "after": after}


def _put_back(change: dict[str, Any], by: AbstractBaseUser | None, now: datetime) -> bool:
    customer = Customer.objects.filter(pk=change["customer"]).first()
    if customer is None:
        return False
    if change["field"] == _PAUSE:
        return customers.lift_pause(customer_id=customer.pk, by=by, now=now)
    if _value(customer, change["field"]) != change["after"]:
        return False
    values = _values(change["field"], change["before"])
    try:
        with transaction.atomic():
            customers.change(customer_id=customer.pk, values=values, now=now)
    except ValidationError:
        # An address that could not be right cannot be typed again: it goes back as it was.
        Customer.objects.filter(pk=customer.pk).update(**{change["field"]: change["before"]})
        changes.note(customer_ids=[customer.pk], subjects=(changes.PERSON,), now=now)
    return True


def _value(customer: Customer, field: str) -> Any:
    if field.startswith("attributes."):
        return customer.attributes.get(field.removeprefix("attributes."))
    return getattr(customer, field)


def _values(field: str, value: Any) -> dict[str, Any]:
    if field.startswith("attributes."):
        return {"attributes": {field.removeprefix("attributes."): value}}
    return {field: value}


def _typed(finding: QualityFinding) -> Any:
    """The suggestion as a value of the attribute's type."""
    name = finding.field.removeprefix("attributes.")
    if name == finding.field:
        return finding.suggestion
    definition = AttributeDefinition.objects.filter(name=name).first()
    kind = definition.type if definition else AttributeType.TEXT
    if kind == AttributeType.BOOLEAN:
        return finding.suggestion == "true"
    if kind in (AttributeType.NUMBER, AttributeType.MONEY):
        number = float(finding.suggestion)
        return int(number) if number.is_integer() else number
    return finding.suggestion
