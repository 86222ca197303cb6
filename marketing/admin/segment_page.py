"""The page of a segment: how it stands, who is in it, who came and went, what uses it."""

from dataclasses import dataclass
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
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from crm import search
from crm.admin.exports import export_customers
from crm.models import Customer
from marketing import segments
from marketing.choices import OverrideMode, SegmentKind
from marketing.models import Membership, Segment
from marketing.segments import Use

from . import segment_moves, segment_sizes, segment_standing

PAGE = 25
FOUND = 8
OVERRIDES_SHOWN = 50
PLAN = "marketing.view_plan"


@dataclass(frozen=True)
class User:
    """A row that uses a segment: what it is called, in which role, where it is, how it stands.

    Whoever may not see such rows is told what sort of row it is, and no more.
    """

    row: Any
    name: str
    role: Any
    address: str

    @property
    def has_state(self) -> bool:
        """Whether the row tells its state in words."""
        return hasattr(self.row, "get_state_display")


class Members(Paginator):
    """Members by pages: how many there are is known already."""

    def __init__(self, found: QuerySet[Membership], size: int, known: int | None) -> None:
        super().__init__(found, size)
        self._known = known

    @cached_property
    def count(self) -> int:
        """Those found, or all members as last computed."""
        return super().count if self._known is None else self._known


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
        **segment_standing.around(request, segment, now),
        **segment_sizes.around(segment, request.GET.get("days", ""), now),
        "opts": Segment._meta,
        "title": segment.name,
        "original": segment,
        "text": text,
        "page": _members(segment, text).get_page(request.GET.get("page")),
        "moves": segment_moves.latest(segment),
        "in_force": overrides.in_force(now=now)[:OVERRIDES_SHOWN],
        "earlier": overrides.not_in_force(now=now)[:OVERRIDES_SHOWN],
        "modes": OverrideMode,
        "users": users_of(request, segment),
        "senders": _senders(segment, request),
        "may_plan": segment.kind == SegmentKind.RULE and request.user.has_perm(PLAN),
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


def users_of(request: HttpRequest, segment: Segment) -> list[User]:
    """What uses this segment: rows of apps above, whatever these are, and other segments."""
    return [_user(request, use) for use in segments.uses(segment_id=segment.pk)]


def _user(request: HttpRequest, use: Use) -> User:
    options = use.row._meta
    if request.user.has_perm(f"{options.app_label}.view_{options.model_name}"):
        return User(use.row, str(use.row), use.role, _of(use.row))
    said = _("%(kind)s #%(id)d, which you may not see")
    name = said % {"kind": options.verbose_name, "id": use.row.pk}
    return User(use.row, name, use.role, "")


def _members(segment: Segment, text: str) -> Members:
    """Members by the newest customer, as the index has them."""
    found = Membership.objects.filter(segment=segment).select_related("customer")
    if text:
        found = found.filter(customer__in=search.customer_ids(text=text))
    return Members(found.order_by("-customer_id"), PAGE, None if text else segment.member_count)


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
    if isinstance(row, Segment):
        return address(row.pk)
    options = row._meta
    try:
        return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return ""
