"""One customer changed by hand or by a program: facts, handles."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm import changes, normalise, webhooks
from crm.choices import IdentityKind
from crm.customers import handles
from crm.customers.addresses import read, readdress
from crm.customers.people import FIELDS
from crm.models import Customer, FieldLock, Identity
from crm.models.customer import LONGEST_HANDLE
from crm.signals import announce, customers_changed

_ADDRESSES = {"email": IdentityKind.EMAIL, "phone": IdentityKind.PHONE}
_FORMS = {
    "country": normalise.country,
    "language": normalise.language,
    "time_zone": normalise.time_zone,
}


def change(*, customer_id: int, values: Mapping[str, Any], now: datetime) -> Customer:
    """Change facts of a customer as `correct` does; a field that staff locked is refused."""
    attributes = [f"attributes.{name}" for name in values.get("attributes", {})]
    with transaction.atomic():
        _lock(customer_id, values)
        _refuse_locked(
            customer_id, [*(name for name in FIELDS if name in values), *attributes], now
        )
        return correct(customer_id=customer_id, values=values, now=now)


@transaction.atomic
def correct(*, customer_id: int, values: Mapping[str, Any], now: datetime) -> Customer:
    """Change facts by the hand of staff, past their locks; gives the customer of now.

    Locks the handles, then the row. What is not among the values stays as it is; an empty text
    takes a fact away. Attributes are merged, and one that is None is taken away. An address that
    leads to somebody else is refused, and so is a code that nobody knows.
    """
    customer = _lock(customer_id, values)
    for name in FIELDS:
        if name in values and name not in _ADDRESSES:
            setattr(customer, name, _written(name, values[name]))
    merged = {**customer.attributes, **values.get("attributes", {})}
    customer.attributes = {name: value for name, value in merged.items() if value is not None}
    customer.save()
    for name, kind in _ADDRESSES.items():
        if name in values:
            readdress(customer_id=customer_id, kind=kind, value=values[name], now=now)
    customer.refresh_from_db(fields=list(_ADDRESSES))
    attributes = {changes.attribute(name) for name in values.get("attributes", {})}
    _tell(customer_id, {changes.PERSON, *attributes}, now)
    return customer


@transaction.atomic
def add_identity(*, customer_id: int, kind: str, value: str, now: datetime) -> Identity:
    """Let one more handle lead to a customer. Locks the handle."""
    country = Customer.objects.get(pk=customer_id).country
    written = _handle(kind, value, country)
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
    _tell(customer_id, {changes.PERSON, changes.IDENTITY}, now)
    return found


@transaction.atomic
def remove_identity(*, identity_id: int, now: datetime) -> None:
    """Let a handle lead to its customer no more; the last one stays. Locks the handle."""
    told = Identity.objects.get(pk=identity_id)
    handles.lock(wanted=[(told.kind, told.value)])
    found = Identity.objects.get(pk=identity_id)
    customer = Customer.objects.select_for_update().get(pk=found.customer_id)
    if not customer.identities.exclude(pk=found.pk).exists():
        raise ValidationError(_("A customer without any handle could not be found again."))
    _refuse_locked(customer.pk, [found.kind], now)
    found.delete()
    if found.kind in _ADDRESSES and getattr(customer, found.kind) == found.value:
        other = customer.identities.filter(kind=found.kind).first()
        setattr(customer, found.kind, other.value if other else "")
        customer.save(update_fields=[found.kind])
    _tell(customer.pk, {changes.PERSON, changes.IDENTITY}, now)


def _tell(customer_id: int, subjects: Collection[str], now: datetime) -> None:
    changes.note(customer_ids=[customer_id], subjects=subjects, now=now)
    webhooks.tell_changed(customer_ids=[customer_id], now=now)
    announce(customers_changed, sender=Customer, customer_ids=[customer_id])


def _handle(kind: str, value: str, country: str) -> str:
    if kind in _ADDRESSES and value.strip():
        return read(kind=_ADDRESSES[kind], value=value, country=country)
    written = value.strip()[:LONGEST_HANDLE]
    if not written:
        raise ValidationError(_("%s is no address of this kind.") % value)
    return written


def _lock(customer_id: int, values: Mapping[str, Any]) -> Customer:
    """Handles before the row, and all at once: whoever takes both takes them in this order."""
    kinds = {name: kind for name, kind in _ADDRESSES.items() if name in values}
    if kinds:
        known = Customer.objects.get(pk=customer_id)
        country = known.country
        if "country" in values:
            country = _written("country", values["country"])
        told = [
            (kind.value, address)
            for name, kind in kinds.items()
            for address in (
                getattr(known, name),
                read(kind=kind, value=values[name], country=country),
            )
        ]
        handles.lock(wanted=[handle for handle in told if handle[1]])
    return Customer.objects.select_for_update().get(pk=customer_id)


def _written(name: str, value: str) -> str:
    field: Any = Customer._meta.get_field(name)
    form = _FORMS.get(name)
    if form is None:
        return value.strip()[: field.max_length]
    if not value.strip():
        return "" if name == "country" else str(field.default)
    written = form(value.strip())
    if not written:
        raise ValidationError(
            _("%(value)s is no %(field)s that we know.")
            % {"value": value, "field": field.verbose_name}
        )
    return written


def _refuse_locked(customer_id: int, names: list[str], now: datetime) -> None:
    locks = FieldLock.objects.in_force(now=now).filter(customer_id=customer_id, field__in=names)
    locked = locks.values_list("field", flat=True).first()
    if locked:
        raise ValidationError(_("Staff locked the field %s.") % locked)
