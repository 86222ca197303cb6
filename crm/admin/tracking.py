"""What is known of openings and clicks: by link and day, what does not count, and who refused."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from crm import tracking
from crm.admin.parts import LedgerAdmin
from crm.admin.tags import moment
from crm.models import LinkDay, TrackingRefusal, UncountedSighting


@admin.register(UncountedSighting)
class UncountedSightingAdmin(LedgerAdmin):
    """Openings and clicks that no person made, each with its reason."""

    list_display = ("message", "kind", "reason", "times", "agent", "last")
    list_filter = (("reason", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter))
    list_filter_submit = True
    list_select_related = ("message",)
    show_full_result_count = False
    fields = ("message", ("kind", "reason"), "times", "agent", ("first", "last"))

    @display(description=_("first"), ordering="first_at")
    def first(self, row: UncountedSighting) -> str:
        return moment(row.first_at)

    @display(description=_("last"), ordering="last_at")
    def last(self, row: UncountedSighting) -> str:
        return moment(row.last_at)


@admin.register(LinkDay)
class LinkDayAdmin(LedgerAdmin):
    """How often each link of a version was followed, day by day, whoever it was."""

    list_display = ("version", "link", "seen_date", "people", "programs")
    list_select_related = ("version__template",)
    search_fields = ("version__template__name",)
    date_hierarchy = "seen_date"
    show_full_result_count = False
    fields = ("version", "link", "seen_date", "people", "programs")

    @display(description=_("link"), ordering="position")
    def link(self, row: LinkDay) -> str:
        if not row.position:
            return str(_("Openings"))
        found = row.version.links.filter(position=row.position).first()
        return found.url if found else str(row.position)


@admin.register(TrackingRefusal)
class TrackingRefusalAdmin(ModelAdmin):
    """People who want less to be noted of them; they choose it themselves, or tell staff."""

    list_display = ("customer", "mode", "since")
    list_filter = (("mode", ChoicesDropdownFilter),)
    list_filter_submit = True
    list_select_related = ("customer",)
    raw_id_fields = ("customer",)
    fields = ("customer", "mode")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["choices"] = [one for one in db_field.choices if one[0] != "personal"]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: TrackingRefusal, form: Any, change: bool
    ) -> None:
        tracking.choose_mode(customer_id=obj.customer_id, mode=obj.mode, now=timezone.now())
        obj.pk = TrackingRefusal.objects.get(customer_id=obj.customer_id).pk

    def delete_model(self, request: HttpRequest, obj: TrackingRefusal) -> None:
        tracking.choose_mode(customer_id=obj.customer_id, mode="", now=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[TrackingRefusal]) -> None:
        for row in queryset:
            self.delete_model(request, row)

    @display(description=_("since"), ordering="refused_at")
    def since(self, row: TrackingRefusal) -> str:
        return moment(row.refused_at)
