"""The ledger of merges, each of which can be undone."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from crm import customers
from crm.admin.parts import LedgerAdmin, post_once, staff_of
from crm.admin.tags import badge, moment
from crm.models import Customer, Merge


@admin.register(Merge)
class MergeAdmin(LedgerAdmin):
    """Who became one with whom, why, and whether it was undone."""

    list_display = ("pair", "why", "cause", "merged", "merged_by", "fate")
    list_filter = (("cause", ChoicesDropdownFilter), ("merged_at", RangeDateTimeFilter))
    list_filter_submit = True
    list_select_related = ("merged_by", "undone_by")
    search_fields = ("=kept_id", "=merged_id", "reason")
    search_help_text = _("Number of a customer, or words of the reason")
    show_full_result_count = False
    list_per_page = 50

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("crm.merge_customer")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Merge]:
        # The log of a merge may be long.
        return super().get_queryset(request).defer("undo")

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<int:object_id>/undo/",
                self.admin_site.admin_view(self.undo_view),
                name="crm_merge_undo",
            )
        ]
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        ledger = Merge.objects.select_related("merged_by", "undone_by")
        row = get_object_or_404(ledger, pk=object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Merge %s") % row,
            "opts": self.opts,
            "row": row,
            "kept": Customer.objects.filter(pk=row.kept_id).first(),
            "moved": _counts(row, "moved"),
            "aside": _counts(row, "aside"),
            "refusal": _refusal(row),
        }
        return render(request, "admin/crm/merge/page.html", context)

    def undo_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Part the two again."""

        def call() -> str:
            try:
                row = customers.unmerge(
                    merge_id=object_id, by=staff_of(request), now=timezone.now()
                )
            except customers.MergeRefused as refused:
                raise ValidationError(str(refused)) from refused
            return gettext("Undone: #%(merged)s and #%(kept)s are two customers again.") % {
                "merged": row.merged_id,
                "kept": row.kept_id,
            }

        back = reverse("admin:crm_merge_change", args=[object_id])
        return post_once(request, permission="crm.merge_customer", back_to=back, call=call)

    @display(description=_("merge"), ordering="pk")
    def pair(self, row: Merge) -> str:
        return str(row)

    @display(description=_("reason"))
    def why(self, row: Merge) -> str:
        return row.reason or "–"

    @display(description=_("merged at"), ordering="merged_at")
    def merged(self, row: Merge) -> str:
        return moment(row.merged_at)

    @display(description=_("state"), ordering="undone_at")
    def fate(self, row: Merge) -> str:
        return badge(_("Undone")) if row.undone_at else badge(_("In force"), "good")


def _counts(row: Merge, part: str) -> list[tuple[Any, int]]:
    titles = customers.table_titles()
    told = row.undo.get(part, {})
    return [(titles.get(name, name), len(rows)) for name, rows in sorted(told.items()) if rows]


def _refusal(row: Merge) -> str:
    try:
        customers.check_unmerge(merge_id=row.pk)
    except customers.MergeRefused as refused:
        return str(refused)
    return ""
