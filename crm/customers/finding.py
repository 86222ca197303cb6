"""Find customers by what staff know of them."""

from django.db.models import Q, QuerySet

from crm.models import Customer, Identity, Order


def search(*, text: str) -> QuerySet[Customer]:
    """Find customers by any part of name, e-mail or phone, or by customer or order number."""
    words = text.split()
    if not words:
        return Customer.objects.none()
    parts = Q()
    for word in words:
        parts &= (
            Q(first_name__icontains=word)
            | Q(last_name__icontains=word)
            | Q(email__icontains=word)
            | Q(phone__icontains=word)
        )
    by_number = Identity.objects.filter(value=text.strip()).values("customer_id")
    by_order = Order.objects.filter(number=text.strip()).values("customer_id")
    return Customer.objects.filter(parts | Q(pk__in=by_number) | Q(pk__in=by_order) | _joined(text))


def _joined(text: str) -> Q:
    """A name written without a space, as Chinese names are: family name first."""
    name = text.strip()
    found = Q(pk__in=[])
    if name.isascii() or not 2 <= len(name) <= 5:
        return found
    for cut in range(1, len(name)):
        found |= Q(last_name=name[:cut], first_name=name[cut:])
    return found
