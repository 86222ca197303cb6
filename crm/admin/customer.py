"""Customers: the list, and where the page of one customer is mounted."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

from crm import customers, search
from crm.admin import customer_desk, customer_page, customer_posts, reach
from crm.admin.customer_filters import (
    ConsentFilter,
    CountryFilter,
    LanguageFilter,
    PausedFilter,
    ReachableFilter,
)
from crm.admin.exports import export_customers
from crm.admin.parts import CountedOnce
from crm.admin.tags import ago, day, language, money
from crm.admin.veiling import SEES_ALL
from crm.models import Customer, Identity


class IdentityInline(TabularInline):
    """The handles of a customer, as they came in."""

    model = Identity
    extra = 0
    fields = readonly_fields = ("kind", "value", "created_at")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Customer)
class CustomerAdmin(ModelAdmin):
    """The list; one customer opens as a designed page, the form is its last tab."""

    list_display = (
        "person",
        "place",
        "written_in",
        "reachable",
        "orders",
        "revenue",
        "last_order",
        "since",
    )
    list_filter = (CountryFilter, LanguageFilter, ReachableFilter, ConsentFilter, PausedFilter)
    list_select_related = ("order_statistics",)
    list_per_page = 50
    actions = (export_customers,)
    show_full_result_count = False
    search_fields = ("first_name", "last_name", "email", "phone")
    search_help_text = _("Name, e-mail, phone, customer or order number")
    inlines = (IdentityInline,)
    fieldsets = (
        (None, {"fields": (("first_name", "last_name"), ("email", "phone"))}),
        (
            _("Place and language"),
            {"fields": (("country", "city"), ("postcode", "street"), ("language", "time_zone"))},
        ),
        (_("Facts"), {"fields": ("attributes", ("created_at", "last_seen_at", "bucket"))}),
    )
    readonly_fields = ("created_at", "last_seen_at", "bucket")
    change_form_template = "admin/crm/customer/edit.html"
    warn_unsaved_form = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("crm.export_customer")

    def has_change_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        """Who sees masked values must not save them."""
        return super().has_change_permission(request, obj) and request.user.has_perm(SEES_ALL)

    def has_delete_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        own = [
            ("edit", self.edit_view),
            ("overrides", customer_page.overrides),
            ("past", customer_page.past),
            ("timeline", customer_page.timeline_part),
            ("pause", customer_posts.pause),
            ("lift-pause", customer_posts.lift_pause),
            ("decide", customer_posts.decide),
            ("ask-consent", customer_posts.ask_consent),
            ("write", customer_posts.write),
        ]
        urls = [
            path(
                f"<int:object_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"crm_customer_{name.replace('-', '_')}",
            )
            for name, view in own
        ]
        return urls + customer_desk.urls(self.admin_site.admin_view) + super().get_urls()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Customer], search_term: str
    ) -> tuple[QuerySet[Customer], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=search.customer_ids(text=search_term)), False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CountedOnce]:
        return CountedOnce

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = list(changelist.result_list)
        reach.attach(customers=changelist.result_list, now=timezone.now())
        return changelist

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return customer_page.overview(request, object_id=object_id)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        return customer_page.past(request, object_id=object_id)

    def edit_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The form, under the header of the customer page."""
        context = customer_page.header_of(request, object_id=object_id, tab="edit")
        try:
            return super().change_view(request, str(object_id), extra_context=context)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Customer, form: Any, change: bool) -> None:
        """Save what was typed and nothing else: the rest may have changed since it was shown."""
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        if "attributes" in values:
            values["attributes"] = _changed(form, "attributes")
        customers.correct(customer_id=obj.pk, values=values, now=timezone.now())
        obj.refresh_from_db()

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A field remembers what it showed, so that it is known afterwards what was typed."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.show_hidden_initial = True
        return field

    def response_post_save_change(self, request: HttpRequest, obj: Customer) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:crm_customer_change", args=[obj.pk]))

    @display(description=_("customer"), ordering="last_name", header=True)
    def person(self, customer: Customer) -> list[Any]:
        return [
            str(customer),
            customer.email or customer.phone,
            customer_page.initials(customer),
        ]

    @display(description=_("place"), ordering="country")
    def place(self, customer: Customer) -> str:
        return ", ".join(filter(None, (customer.city, customer.country)))

    @display(description=_("language"), ordering="language")
    def written_in(self, customer: Customer) -> str:
        return language(customer.language)

    @display(description=_("reach"))
    def reachable(self, customer: Customer) -> str:
        return render_to_string("admin/crm/customer/reach.html", {"reach": customer.reach})  # type: ignore[attr-defined]

    @display(description=_("orders"), ordering="order_statistics__orders")
    def orders(self, customer: Customer) -> int:
        statistics = getattr(customer, "order_statistics", None)
        return statistics.orders if statistics else 0

    @display(description=_("revenue"), ordering="order_statistics__revenue")
    def revenue(self, customer: Customer) -> str:
        statistics = getattr(customer, "order_statistics", None)
        return money(statistics.revenue if statistics else None)

    @display(description=_("last order"), ordering="order_statistics__last_order_at")
    def last_order(self, customer: Customer) -> str:
        statistics = getattr(customer, "order_statistics", None)
        return ago(statistics.last_order_at if statistics else None)

    @display(description=_("since"), ordering="created_at")
    def since(self, customer: Customer) -> str:
        return day(customer.created_at)


def _changed(form: Any, name: str) -> dict[str, Any]:
    """The keys of an object that were typed anew, and None for those that were taken out."""
    shown = form.data.get(form[name].html_initial_name)
    before = form.initial[name] if shown is None else form.fields[name].to_python(shown)
    after = form.cleaned_data[name] or {}
    typed = {key: value for key, value in after.items() if value != (before or {}).get(key)}
    return dict.fromkeys((before or {}).keys() - after.keys()) | typed
