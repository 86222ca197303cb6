"""What staff find from every page (Ctrl-K): people, orders and companies by anything they know."""

from collections.abc import Iterator

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.translation import gettext as _
from unfold.dataclasses import SearchResult

from crm import audit, search
from crm.admin.parts import staff_of
from crm.admin.tags import money
from crm.choices import AccessKind
from crm.models import Company, Order

PEOPLE_SHOWN = 20
OTHERS_SHOWN = 5


def find(request: HttpRequest, search_term: str) -> list[SearchResult]:
    """People first, then orders and companies, each as far as the reader may see them."""
    text = search_term.strip()
    if len(text) < 2 and text.isascii():
        return []
    return [*_people(request, text), *_orders(request, text), *_companies(request, text)]


def _people(request: HttpRequest, text: str) -> Iterator[SearchResult]:
    if not request.user.has_perm("crm.view_customer"):
        return
    access = audit.Access(AccessKind.SEARCHED, "search", by=staff_of(request))
    audit.note_whole(access=access, now=timezone.now())
    for customer in search.customers(text=text)[:PEOPLE_SHOWN]:
        address = customer.email or customer.phone
        place = ", ".join(filter(None, (customer.city, customer.country)))
        yield SearchResult(
            title=str(customer),
            description=" · ".join(filter(None, (address, place))) or _("customer"),
            link=reverse("admin:crm_customer_change", args=[customer.pk]),
            icon="person",
        )


def _orders(request: HttpRequest, text: str) -> Iterator[SearchResult]:
    if not request.user.has_perm("crm.view_order"):
        return
    found = Order.objects.filter(number__startswith=text.upper()) | Order.objects.filter(
        number__startswith=text
    )
    for order in found.select_related("customer").order_by("number")[:OTHERS_SHOWN]:
        amount = strip_tags(money(order.total, order.currency))
        yield SearchResult(
            title=_("Order %s") % order.number,
            description=f"{amount} · {order.customer or '–'}",
            link=reverse("admin:crm_order_change", args=[order.pk]),
            icon="receipt_long",
        )


def _companies(request: HttpRequest, text: str) -> Iterator[SearchResult]:
    if not request.user.has_perm("crm.view_company"):
        return
    for company in Company.objects.filter(name__icontains=text)[:OTHERS_SHOWN]:
        yield SearchResult(
            title=company.name,
            description=company.domain or _("company"),
            link=reverse("admin:crm_company_change", args=[company.pk]),
            icon="domain",
        )
