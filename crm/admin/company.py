"""Companies with their members, and what attributes of customers mean."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from crm import attributes
from crm.admin.parts import LedgerAdmin
from crm.admin.tags import moment
from crm.models import AttributeDefinition, Company, CompanyMember, CompanyStatistics


class MemberInline(TabularInline):
    """Who belongs to the company; people join by the API and the tracking API."""

    model = CompanyMember
    hide_title = True
    fields = readonly_fields = ("customer", "role", "created_at")
    extra = 0
    can_delete = False
    max_num = 0


class StatisticsInline(TabularInline):
    """What the members come to."""

    model = CompanyStatistics
    hide_title = True
    fields = readonly_fields = ("members", "orders", "revenue", "last_order_at", "last_seen_at")
    extra = 0
    can_delete = False
    max_num = 0


@admin.register(Company)
class CompanyAdmin(LedgerAdmin):
    """The companies that the shop told of."""

    list_display = ("name", "key", "domain", "industry", "country", "employees", "since")
    search_fields = ("name", "=key", "domain")
    fields = (("name", "key"), ("domain", "industry"), ("country", "employees"), "attributes")
    inlines = (StatisticsInline, MemberInline)

    @display(description=_("since"), ordering="created_at")
    def since(self, company: Company) -> str:
        return moment(company.created_at)


@admin.register(AttributeDefinition)
class AttributeDefinitionAdmin(ModelAdmin):
    """Attributes: those seen in what came in, to be taken on, and those defined."""

    list_display = ("name", "label", "type", "state", "is_personal", "is_protected", "since")
    list_filter = (("state", ChoicesDropdownFilter), ("type", ChoicesDropdownFilter))
    search_fields = ("name", "label")
    fields = ("name", "label", "type", "choices", "is_personal", "is_protected", "state")
    actions = ("adopt", "ignore")

    def save_model(
        self, request: HttpRequest, obj: AttributeDefinition, form: object, change: bool
    ) -> None:
        if not change:
            obj.created_at = timezone.now()
        obj.save()

    @action(description=_("Take on"), permissions=["change"])
    def adopt(self, request: HttpRequest, queryset: object) -> None:
        """Take the chosen attributes on as they were guessed."""
        attributes.adopt(names=_names(queryset))

    @action(description=_("Ignore"), permissions=["change"])
    def ignore(self, request: HttpRequest, queryset: object) -> None:
        """List the chosen attributes no more."""
        attributes.ignore(names=_names(queryset))

    @display(description=_("first seen"), ordering="created_at")
    def since(self, row: AttributeDefinition) -> str:
        return moment(row.created_at)


def _names(queryset: object) -> list[str]:
    return list(queryset.values_list("name", flat=True))  # type: ignore[attr-defined]
