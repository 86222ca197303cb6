"""One customer changed by hand or by a program: facts, handles."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm import normalise, webhooks
from crm.choices import IdentityKind
from crm.customers import handles
from crm.customers.addresses import readdress
from crm.customers.people import FIELDS
from crm.models import Customer, FieldLock, Identity
from crm.signals import announce, customers_changed

_ADDRESSES = {"email": IdentityKind.EMAIL, "phone": IdentityKind.PHONE}
_FORMS = {
    "country": normalise.country,
    "language": normalise.language,
    "time_zone": normalise.time_zone,
}


@transaction.atomic
def change(*, customer_id: int, values: Mapping[str, Any], now: datetime) -> Customer:
    """Change facts of a customer; attributes are merged, and one that is None is taken away.

    Locks the row. A field that staff locked is refused, an address that leads to somebody else
    too.
    """
    for name in _ADDRESSES.keys() & values.keys():
        _refuse_locked(customer_id, [name], now)
        readdress(customer_id=customer_id, kind=_ADDRESSES[name], value=values[name], now=now)
    customer = Customer.objects.select_for_update().get(pk=customer_id)
    plain = {name: values[name] for name in FIELDS if name in values and name not in _ADDRESSES}
    attributes = values.get("attributes", {})
    _refuse_locked(customer_id, [*plain, *(f"attributes.{name}" for name in attributes)], now)
    for name, value in plain.items():
        setattr(customer, name, _written(name, value))
    merged = {**customer.attributes, **attributes}
    customer.attributes = {name: value for name, value in merged.items() if value is not None}
    customer.save()
    _tell(customer_id, now)
    return customer


@transaction.atomic
def add_identity(*, customer_id: int, kind: str, value: str, now: datetime) -> Identity:
    """Let one more handle lead to a customer. Locks the handle."""
    written = _handle(kind, value)
    handles.lock(wanted=[(kind, written)])
    customer = Customer.objects.select_for_update().get(pk=customer_id)
    found, _is_new = Identity.objects.get_or_create(
        kind=kind, value=written, defaults={"customer": customer, "created_at": now}
    )
    if found.customer_id != customer_id:
        raise ValidationError(_("This handle belongs to another customer."))
    if kind in _ADDRESSES and not getattr(customer, kind):
        setattr(customer, kind, written)
        customer.save(update_fields=[kind])
    _tell(customer_id, now)
    return found


@transaction.atomic
def remove_identity(*, identity_id: int, now: datetime) -> None:
    """Let a handle lead to its customer no more; the last one stays. Locks the handle."""
    found = Identity.objects.select_related("customer").get(pk=identity_id)
    customer = Customer.objects.select_for_update().get(pk=found.customer_id)
    handles.lock(wanted=[(found.kind, found.value)])
    if not customer.identities.exclude(pk=found.pk).exists():
        raise ValidationError(_("A customer without any handle could not be found again."))
    _refuse_locked(customer.pk, [found.kind], now)
    found.delete()
    if found.kind in _ADDRESSES and getattr(customer, found.kind) == found.value:
        other = customer.identities.filter(kind=found.kind).first()
        setattr(customer, found.kind, other.value if other else "")
        customer.save(update_fields=[found.kind])
    _tell(customer.pk, now)


def _tell(customer_id: int, now: datetime) -> None:
    webhooks.tell_changed(customer_ids=[customer_id], now=now)
    announce(customers_changed, sender=Customer, customer_ids=[customer_id])


def _handle(kind: str, value: str) -> str:
    form = {"email": normalise.email, "phone": normalise.phone}.get(kind, str.strip)
    written = form(value)[:320]
    if not written:
        raise ValidationError(_("%s is no address of this kind.") % value)
    return written


def _written(name: str, value: str) -> str:
    form = _FORMS.get(name)
    field: Any = Customer._meta.get_field(name)
    limit = field.max_length
    written = form(value) if form else value.strip()[:limit]
    if written or name not in ("language", "time_zone"):
        return written
    return str(field.default)


def _refuse_locked(customer_id: int, names: list[str], now: datetime) -> None:
    locks = FieldLock.objects.in_force(now=now).filter(customer_id=customer_id, field__in=names)
    locked = locks.values_list("field", flat=True).first()
    if locked:
        raise ValidationError(_("Staff locked the field %s.") % locked)
