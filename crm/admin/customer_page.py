"""The page of one customer: who they are, what they are worth, what was said and decided."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import audit, extensions
from crm.admin import (
    customer_charts,
    customer_desk,
    customer_history,
    customer_overrides,
    reach,
    timeline,
)
from crm.admin.parts import Panel, drawn, staff_of
from crm.admin.veiling import words_for
from crm.choices import AccessKind, Channel, ConversationState, Purpose
from crm.models import Conversation, Customer, MarketingPause

ORDERS_SHOWN = 8
DECISIONS_SHOWN = 12


def initials(customer: Customer) -> str:
    """One or two letters that stand for a customer."""
    if customer.is_family_first:
        return (customer.last_name or customer.first_name)[:1]
    letters = [name[0] for name in (customer.first_name, customer.last_name) if name]
    return "".join(letters).upper() or (customer.email[:1] or "#").upper()


def overview(request: HttpRequest, object_id: str | int) -> HttpResponse:
    """Everything about the customer on one page."""
    context = header_of(request, object_id=object_id, tab="overview")
    customer: Customer = context["customer"]
    show = _chosen(request)
    panels = [drawn(panel, request) for panel in _panels(customer, request)]
    now = timezone.now()
    context |= customer_desk.panel(customer=customer, request=request, now=now)
    context |= {
        "privacy_requests": customer.privacy_requests.all()[:5],
        "erasure_words": words_for(customer=customer, request=request),
        "charts": customer_charts.of(customer=customer, now=now),
        "statistics": getattr(customer, "order_statistics", None),
        "currency": settings.SHOP_CURRENCY,
        "wide_panels": [panel for panel in panels if panel["is_wide"]],
        "panels": [panel for panel in panels if not panel["is_wide"]],
        "orders": customer.orders.prefetch_related("lines__product")[:ORDERS_SHOWN],
        "consents": customer.consents.order_by("channel", "purpose"),
        "decisions": customer.consent_decisions.select_related("recorded_by")[:DECISIONS_SHOWN],
        "identities": customer.identities.order_by("kind"),
        "companies": customer.companies.select_related("company"),
        "candidates": customer_desk.candidates(customer=customer, request=request),
        "labels": customer_desk.labels(customer=customer),
        "timeline_filters": timeline.FILTERS,
        "show": show,
        "page": timeline.read(customer_id=customer.pk, request=request, show=show),
    }
    return render(request, "admin/crm/customer/overview.html", context)


def timeline_part(request: HttpRequest, object_id: int) -> HttpResponse:
    """More of the timeline, or the timeline under another filter."""
    customer = _customer(request, object_id)
    show, after = _chosen(request), request.GET.get("after", "")
    page = timeline.read(customer_id=customer.pk, request=request, show=show, after=after)
    template = "timeline_entries.html" if after else "timeline.html"
    context = {
        "customer": customer,
        "page": page,
        "show": show,
        "timeline_filters": timeline.FILTERS,
    }
    return render(request, f"admin/crm/customer/{template}", context)


def overrides(request: HttpRequest, object_id: int) -> HttpResponse:
    """Every manual override of the customer, and the form to pause marketing."""
    context = header_of(request, object_id=object_id, tab="overrides")
    now = timezone.now()
    context["rows"] = customer_overrides.rows(customer=context["customer"], now=now)
    context["lockable"] = customer_desk.lockable(customer=context["customer"])
    return render(request, "admin/crm/customer/overrides.html", context)


def past(request: HttpRequest, object_id: str | int) -> HttpResponse:
    """Who changed which facts of the customer, and when."""
    context = header_of(request, object_id=object_id, tab="past")
    records = context["customer"].history.select_related("history_user")
    page = Paginator(records, customer_history.PAGE).get_page(request.GET.get("page"))
    context["page"] = page
    context["changes"] = customer_history.changes(list(page.object_list))
    return render(request, "admin/crm/customer/past.html", context)


def header_of(request: HttpRequest, *, object_id: str | int, tab: str) -> dict[str, Any]:
    """What every tab of the customer page shows at its head."""
    customer = _customer(request, object_id)
    now = timezone.now()
    access = audit.Access(AccessKind.VIEWED, "customer", by=staff_of(request), detail=tab)
    audit.note(access=access, customer_ids=[customer.pk], now=now)
    found = reach.of_customers(customer_ids=[customer.pk], now=now)[customer.pk]
    conversation = (
        Conversation.objects.filter(customer=customer)
        .order_by("-state", "-last_message_at")
        .first()
    )
    return {
        **admin.site.each_context(request),
        "title": str(customer),
        "opts": Customer._meta,
        "original": customer,
        "customer": customer,
        "initials": initials(customer),
        "tab": tab,
        "reach": found,
        "pause": pause_of(customer, now),
        "conversation": conversation,
        "open_state": ConversationState.OPEN,
        "channels": [item for item in found if item.address],
        "tomorrow": timezone.localdate(now) + timedelta(days=1),
        "all_channels": Channel,
        "consented_purposes": [purpose for purpose in Purpose if purpose.needs_consent],
    }


def pause_of(customer: Customer, now: datetime) -> Any:
    """The pause of a customer that is in force."""
    found = MarketingPause.objects.in_force(now=now).filter(customer=customer)
    return found.select_related("set_by").first()


def _customer(request: HttpRequest, object_id: str | int) -> Customer:
    if not request.user.has_perm("crm.view_customer"):
        raise PermissionDenied(_("You may not look at customers."))
    found = Customer.objects.select_related("order_statistics")
    return get_object_or_404(found, pk=object_id)


def _chosen(request: HttpRequest) -> str:
    show = request.GET.get("show", "")
    return show if show in timeline.FILTERS else ""


def _panels(customer: Customer, request: HttpRequest) -> list[Panel]:
    return [panel(customer, request) for panel in extensions.customer_panels.all()]
