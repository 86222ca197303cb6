"""The page of a segment: its rules in words, who is in it since when, and staff's overrides."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from crm import search
from crm.admin.exports import export_customers
from crm.models import Customer
from marketing.choices import OverrideMode, SegmentKind
from marketing.models import Membership, Segment
from marketing.rules import RuleError, explain

PAGE = 25
FOUND = 8
OVERRIDES_SHOWN = 50


def address(segment_id: int) -> str:
    """Where the segment's page is."""
    return reverse("admin:marketing_segment_page", args=[segment_id])


@permission_required("marketing.view_segment", raise_exception=True)
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """Show everything about one segment."""
    segment = get_object_or_404(Segment.objects.select_related("cluster"), pk=pk)
    text = request.GET.get("text", "").strip()
    now = timezone.now()
    overrides: Any = segment.overrides.select_related("customer", "set_by", "lifted_by")
    context = {
        **admin.site.each_context(request),
        "opts": Segment._meta,
        "title": segment.name,
        "original": segment,
        "segment": segment,
        "sentence": sentence(segment),
        "text": text,
        "page": Paginator(_members(segment, text), PAGE).get_page(request.GET.get("page")),
        "in_force": overrides.in_force(now=now)[:OVERRIDES_SHOWN],
        "earlier": overrides.not_in_force(now=now)[:OVERRIDES_SHOWN],
        "modes": OverrideMode,
        "users": _users(segment),
        "senders": _senders(segment, request),
        "can_change": request.user.has_perm("marketing.change_segment"),
    }
    return render(request, "admin/marketing/segment_page.html", context)


@permission_required("marketing.view_segment", raise_exception=True)
def people(request: HttpRequest, pk: int) -> HttpResponse:
    """Find customers to put in or out."""
    text = request.GET.get("who", "").strip()
    found = list(search.customers(text=text)[:FOUND]) if text else []
    return render(request, "admin/marketing/people.html", {"found": found, "text": text})


@permission_required("marketing.view_segment", raise_exception=True)
def export(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Let staff choose what of the segment's members leaves; the answer of the form is the file."""
    segment = get_object_or_404(Segment, pk=pk)
    members = Customer.objects.filter(pk__in=segment.memberships.values("customer_id"))
    return export_customers(None, request, members)


def sentence(segment: Segment) -> str:
    """The segment in words; empty where it has no rules or they cannot be read."""
    if segment.kind != SegmentKind.RULE:
        return ""
    try:
        return explain(rules=segment.rules)
    except RuleError:
        return ""


def _members(segment: Segment, text: str) -> QuerySet[Membership]:
    found = Membership.objects.filter(segment=segment).select_related("customer")
    if text:
        found = found.filter(customer__in=search.customer_ids(text=text))
    return found.order_by("-entered_at", "-id")


def _users(segment: Segment) -> list[dict[str, Any]]:
    """The rows of apps above that name this segment, whatever these apps are."""
    users = []
    for relation in Segment._meta.related_objects:
        if not relation.many_to_many:
            continue
        for row in getattr(segment, str(relation.get_accessor_name())).all()[:PAGE]:
            users.append({"row": row, "role": relation.field.verbose_name, "address": _of(row)})
    return users


def _senders(segment: Segment, request: HttpRequest) -> list[dict[str, Any]]:
    """What apps above let staff begin for these people: whatever has `segments` of its own."""
    senders = []
    for relation in Segment._meta.related_objects:
        options = relation.related_model._meta
        right = f"{options.app_label}.add_{options.model_name}"
        if relation.field.name != "segments" or not request.user.has_perm(right):
            continue
        begin = reverse(f"admin:{options.app_label}_{options.model_name}_add")
        senders.append({"name": options.verbose_name, "address": f"{begin}?segments={segment.pk}"})
    return senders


def _of(row: Any) -> str:
    options = row._meta
    try:
        return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return ""
