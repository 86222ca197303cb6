"""Orders with their lines, and the products they are made of."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import DecimalField, F, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from crm import extensions, products
from crm.admin.parts import LedgerAdmin, drawn
from crm.admin.tags import moment, money, state
from crm.models import Order, OrderLine, Product


class OrderLineInline(TabularInline):
    """The lines of an order."""

    model = OrderLine
    extra = 0
    fields = readonly_fields = ("product", "quantity", "price", "sum")
    verbose_name_plural = _("lines")
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderLine]:
        return super().get_queryset(request).select_related("product", "order")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("unit price"))
    def price(self, line: OrderLine) -> str:
        return money(line.unit_price, line.order.currency)

    @display(description=_("sum"))
    def sum(self, line: OrderLine) -> str:
        return money(line.quantity * line.unit_price, line.order.currency)


@admin.register(Order)
class OrderAdmin(LedgerAdmin):
    """Orders come from the shop; here they are read."""

    list_display = ("number", "customer", "standing", "placed", "amount")
    list_filter = (("state", ChoicesDropdownFilter), ("placed_at", RangeDateTimeFilter))
    list_filter_submit = True
    list_select_related = ("customer",)
    search_fields = ("=number", "customer__email")
    search_help_text = _("Order number or e-mail address")
    show_full_result_count = False
    list_per_page = 50
    inlines = (OrderLineInline,)
    fields = (("number", "standing"), ("customer", "placed"), "amount")

    @display(description=_("state"), ordering="state")
    def standing(self, order: Order) -> str:
        return state(order)

    @display(description=_("placed at"), ordering="placed_at")
    def placed(self, order: Order) -> str:
        return moment(order.placed_at)

    @display(description=_("total"), ordering="total")
    def amount(self, order: Order) -> str:
        return money(order.total, order.currency)


@admin.register(Product)
class ProductAdmin(SimpleHistoryAdmin, ModelAdmin):
    """What the shop sells, with what each product brought in."""

    list_display = ("name", "sku", "category", "brand", "amount", "sold", "is_active")
    list_filter = ("is_active", "category")
    search_fields = ("name", "sku", "category", "brand")
    list_per_page = 50
    change_form_outer_after_template = "admin/crm/product_panels.html"
    fieldsets = (
        (None, {"fields": (("sku", "name"), "description", ("category", "brand"))}),
        (_("Price"), {"fields": (("price", "currency"), "is_active")}),
        (_("Addresses"), {"fields": ("url", "image_url")}),
        (None, {"fields": ("created_at",)}),
    )

    def has_delete_permission(self, request: HttpRequest, obj: Product | None = None) -> bool:
        return False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        product = get_object_or_404(Product, pk=unquote(object_id))
        found = (panel(product, request) for panel in extensions.product_panels.all())
        context = {**(extra_context or {}), "panels": [drawn(panel, request) for panel in found]}
        return super().change_view(request, object_id, form_url, context)

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if {"category", "brand"} & set(form.changed_data):
            products.note_moved(product_ids=[obj.pk], now=timezone.now())

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = list(changelist.result_list)
        _count_sold(changelist.result_list)
        return changelist

    @display(description=_("price"), ordering="price")
    def amount(self, product: Product) -> str:
        return money(product.price, product.currency)

    @display(description=_("sold"))
    def sold(self, product: Product) -> str:
        return money(product.brought_in, product.currency)  # type: ignore[attr-defined]


def _count_sold(products: list[Product]) -> None:
    worth = F("quantity") * F("unit_price")
    rows = (
        OrderLine.objects.filter(product__in=products, order__state="placed")
        .values("product_id")
        .annotate(worth=Sum(worth, output_field=DecimalField()))
    )
    sums = {row["product_id"]: row["worth"] for row in rows}
    for product in products:
        product.brought_in = sums.get(product.pk, Decimal(0))  # type: ignore[attr-defined]
