"""Possible duplicates: the list, and two customers side by side before they are merged."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from crm import customers, duplicates
from crm.admin import pages
from crm.admin.parts import LedgerAdmin, post_once, staff_of
from crm.admin.tags import as_json, badge, moment, state
from crm.choices import CandidateState, MergeCause
from crm.models import Customer, DuplicateCandidate

_LIKELY, _MAYBE = 0.85, 0.65


@admin.register(DuplicateCandidate)
class DuplicateCandidateAdmin(LedgerAdmin):
    """Pairs who may be one person; each opens side by side."""

    list_display = ("one", "other", "why", "likeness", "decision", "found")
    list_display_links = ("one", "other")
    list_filter = (("state", ChoicesDropdownFilter), ("reason", ChoicesDropdownFilter))
    list_filter_submit = True
    list_select_related = ("left", "right")
    list_before_template = "admin/crm/duplicate/banner.html"
    search_fields = ("left__email", "right__email", "left__phone", "right__phone")
    search_help_text = _("E-mail or phone of one of the two")
    show_full_result_count = False
    list_per_page = 50

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("crm.merge_customer")

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<int:object_id>/two-people/",
                self.admin_site.admin_view(self.dismiss_view),
                name="crm_duplicatecandidate_dismiss",
            )
        ]
        return own + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not request.GET and not request.POST:
            return HttpResponseRedirect(f"{request.path}?state__exact={CandidateState.OPEN}")
        extra = {"title": gettext("Possible duplicates")}
        return super().changelist_view(request, {**(extra_context or {}), **extra})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        pair = get_object_or_404(DuplicateCandidate, pk=object_id)
        kept = duplicates.suggest_kept(left_id=pair.left_id, right_id=pair.right_id)
        other = pair.right_id if kept == pair.left_id else pair.left_id
        return HttpResponseRedirect(merge_address(kept, other))

    def dismiss_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Staff say that these are two people."""

        def call() -> str:
            duplicates.dismiss(candidate_id=object_id, by=staff_of(request), now=timezone.now())
            return gettext("They are two people; the pair is not listed again.")

        back = reverse("admin:crm_duplicatecandidate_changelist")
        return post_once(request, permission="crm.merge_customer", back_to=back, call=call)

    @display(description=_("one customer"))
    def one(self, pair: DuplicateCandidate) -> str:
        return _who(pair.left)

    @display(description=_("other customer"))
    def other(self, pair: DuplicateCandidate) -> str:
        return _who(pair.right)

    @display(description=_("reason"), ordering="reason")
    def why(self, pair: DuplicateCandidate) -> str:
        return format_html('<span class="rp-nowrap">{}</span>', pair.get_reason_display())

    @display(description=_("likeness"), ordering="score")
    def likeness(self, pair: DuplicateCandidate) -> str:
        tone = "good" if pair.score >= _LIKELY else "warn" if pair.score >= _MAYBE else ""
        return badge(f"{pair.score:.0%}", tone)

    @display(description=_("state"), ordering="state")
    def decision(self, pair: DuplicateCandidate) -> str:
        return state(pair)

    @display(description=_("found at"), ordering="found_at")
    def found(self, pair: DuplicateCandidate) -> str:
        return moment(pair.found_at)


def merge_address(kept_id: int, merged_id: int) -> str:
    """Where two customers are shown side by side, the first as the one that is kept."""
    return reverse("admin:crm_customer_merge", args=[kept_id, merged_id])


def merge_view(request: HttpRequest, object_id: int, other_id: int) -> HttpResponse:
    """Show two customers side by side; a POST merges the second into the first."""
    if not request.user.has_perm("crm.merge_customer"):
        raise PermissionDenied
    if request.method == "POST":
        return _merge(request, object_id, other_id)
    ids = [customers.resolve(customer_id=one) for one in (object_id, other_id)]
    if len(set(ids)) < 2 or Customer.objects.filter(pk__in=ids).count() < 2:
        raise Http404(gettext("These are not two customers: one was merged or erased."))
    return render(request, "admin/crm/duplicate/merge.html", _context(request, *ids))


def _merge(request: HttpRequest, kept_id: int, merged_id: int) -> HttpResponse:
    def call() -> str:
        try:
            customers.merge(
                kept_id=kept_id,
                merged_id=merged_id,
                cause=MergeCause.STAFF,
                reason=request.POST.get("reason", "").strip(),
                by=staff_of(request),
                now=timezone.now(),
            )
        except customers.MergeRefused as refused:
            raise ValidationError(str(refused)) from refused
        return gettext("Merged: #%(merged)s is #%(kept)s now. It can be undone under Merges.") % {
            "merged": merged_id,
            "kept": kept_id,
        }

    back = reverse("admin:crm_customer_change", args=[kept_id])
    return post_once(request, permission="crm.merge_customer", back_to=back, call=call)


def _context(request: HttpRequest, kept_id: int, merged_id: int) -> dict[str, Any]:
    seen = duplicates.compare(left_id=kept_id, right_id=merged_id)
    pair = DuplicateCandidate.objects.filter(
        left_id=min(kept_id, merged_id), right_id=max(kept_id, merged_id)
    ).first()
    return {
        **admin.site.each_context(request),
        "title": gettext("Merge two customers"),
        "opts": DuplicateCandidate._meta,
        "seen": seen,
        "pair": pair,
        "is_open": pair is not None and pair.state == CandidateState.OPEN,
        "swapped": merge_address(merged_id, kept_id),
        "tables": [
            (gettext("Facts"), _shown(seen.fields)),
            (gettext("Identities"), [one | {"differs": False} for one in _shown(seen.identities)]),
            (gettext("Consent"), _shown(seen.consents)),
        ],
    }


def _shown(lines: tuple[duplicates.Line, ...]) -> list[dict[str, Any]]:
    return [
        {
            "label": line.label,
            "left": _value(line.left),
            "right": _value(line.right),
            "result": _value(line.result),
            "differs": line.differs,
        }
        for line in lines
    ]


def _value(value: Any) -> str:
    if isinstance(value, datetime):
        return moment(value)
    if value is None or value == "":
        return ""
    return str(value) if isinstance(value, str | Promise) else as_json(value)


def _who(customer: Customer) -> str:
    address = customer.email or customer.phone or f"#{customer.pk}"
    return format_html(
        '<span class="rp-ink">{}</span><br><span class="rp-soft">{}</span>', customer, address
    )


pages.add(
    "crm/customer/<int:object_id>/merge/<int:other_id>/", merge_view, name="crm_customer_merge"
)
