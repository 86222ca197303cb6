"""Another e-mail address or phone number for a customer, typed by staff."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm import changes, normalise
from crm.choices import IdentityKind
from crm.customers import handles
from crm.models import Customer, Identity

_FIELDS = {IdentityKind.EMAIL: "email", IdentityKind.PHONE: "phone"}


@transaction.atomic
def readdress(*, customer_id: int, kind: IdentityKind, value: str, now: datetime) -> str:
    """Give a customer another e-mail address or phone number; gives it as it is kept.

    Locks the handles, then the customer. The address before leads to this customer no more; one
    that leads to somebody else is refused.
    """
    field_name = _FIELDS[kind]
    known = Customer.objects.get(pk=customer_id)
    address = read(kind=kind, value=value, country=known.country)
    taken = (address, getattr(known, field_name))
    handles.lock(wanted=[(kind.value, one) for one in taken if one])
    customer = Customer.objects.select_for_update().get(pk=customer_id)
    if address == getattr(customer, field_name):
        return address
    if address and Identity.objects.filter(kind=kind, value=address).exclude(customer=customer):
        raise ValidationError(_("%s belongs to another customer.") % address)
    Identity.objects.filter(
        customer=customer, kind=kind, value=getattr(customer, field_name)
    ).delete()
    if address:
        Identity.objects.get_or_create(
            kind=kind, value=address, defaults={"customer": customer, "created_at": now}
        )
    setattr(customer, field_name, address)
    customer.save(update_fields=[field_name])
    subjects = (changes.PERSON, changes.IDENTITY)
    changes.note(customer_ids=[customer_id], subjects=subjects, now=now)
    return address


def read(*, kind: IdentityKind, value: str, country: str) -> str:
    """An address in the form that it is kept in, or ValidationError."""
    if not value.strip():
        return ""
    is_email = kind == IdentityKind.EMAIL
    address = normalise.email(value) if is_email else normalise.phone(value, country)
    if not address:
        raise ValidationError(_("%s is no address of this kind.") % value)
    return address
