"""The rows behind segments, scores and readings, to be looked at."""

from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from crm.admin.parts import LedgerAdmin
from marketing.models import (
    Feature,
    Insight,
    Membership,
    Score,
    ScoreOverride,
    SegmentOverride,
)

IN_FORCE = "lifted_at"


class CustomerLedger(LedgerAdmin):
    """Rows that are each about one customer."""

    list_select_related: Any = ["customer"]
    list_per_page = 50
    show_full_result_count = False
    search_fields = ["customer__email", "customer__last_name", "customer__first_name"]

    @display(description=_("customer"))
    def person(self, obj: Any) -> SafeString:
        address = reverse("admin:crm_customer_change", args=[obj.customer_id])
        return format_html('<a class="rp-link" href="{}">{}</a>', address, obj.customer)


@admin.register(Membership)
class MembershipAdmin(CustomerLedger):
    """Who is in which segment since when."""

    list_display = ["segment", "person", "entered_at"]
    list_filter = [("segment", AutocompleteSelectFilter)]
    list_filter_submit = True
    list_select_related = ["customer", "segment"]


@admin.register(SegmentOverride)
class SegmentOverrideAdmin(CustomerLedger):
    """Who was put in or out of a segment by hand, by whom and why."""

    list_display = ["segment", "person", "mode", "reason", "set_by", "created_at", IN_FORCE]
    list_filter = [("segment", AutocompleteSelectFilter), "mode"]
    list_filter_submit = True
    list_select_related = ["customer", "segment", "set_by"]


@admin.register(Score)
class ScoreAdmin(CustomerLedger):
    """The automatic scores."""

    list_display = ["kind", "person", "value", "run", "computed_at"]
    list_filter = ["kind"]
    list_select_related = ["customer", "run"]


@admin.register(ScoreOverride)
class ScoreOverrideAdmin(CustomerLedger):
    """The scores that were set by hand, by whom and why."""

    list_display = ["kind", "person", "value", "reason", "set_by", "created_at", IN_FORCE]
    list_filter = ["kind"]
    list_select_related = ["customer", "set_by"]


@admin.register(Feature)
class FeatureAdmin(CustomerLedger):
    """What the estimators saw."""

    list_display = ["as_of_date", "person", "recency_days", "orders", "revenue", "views_90_days"]
    list_filter = ["as_of_date"]


@admin.register(Insight)
class InsightAdmin(LedgerAdmin):
    """What inbound messages were read as."""

    list_display = ["words", "intent", "confidence", "read_at"]
    list_filter = ["intent"]
    list_select_related = ["intent", "message"]
    list_per_page = 50
    show_full_result_count = False
    ordering = ["-read_at"]

    @display(description=_("message"))
    def words(self, obj: Insight) -> str:
        return (obj.message.text or obj.message.subject)[:100]
