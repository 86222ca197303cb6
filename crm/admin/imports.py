"""Imports: every file that came in, with a report that balances."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from crm import imports
from crm.admin import import_pages
from crm.admin.parts import LedgerAdmin
from crm.admin.tags import moment, state
from crm.models import ImportRun


@admin.register(ImportRun)
class ImportRunAdmin(LedgerAdmin):
    """What each file held and what became of every row."""

    list_display = ("filename", "sort", "standing", "read", "started", "finished")
    list_before_template = "admin/crm/importrun/list_hint.html"
    search_fields = ("filename", "kind")
    fields = (
        ("filename", "sort"),
        ("standing", "read"),
        ("started", "finished"),
        "error",
        "balance",
    )

    def get_urls(self) -> list[URLPattern]:
        own = [
            ("upload", "upload/", import_pages.upload),
            *(
                (view.__name__, f"<int:object_id>/{view.__name__}/", view)
                for view in (
                    import_pages.settle,
                    import_pages.start,
                    import_pages.pause,
                    import_pages.resume,
                    import_pages.cancel,
                    import_pages.progress,
                    import_pages.rejected,
                )
            ),
        ]
        urls = [
            path(route, self.admin_site.admin_view(view), name=f"crm_importrun_{name}")
            for name, route, view in own
        ]
        return urls + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """An import of customers has pages of its own."""
        run = self.get_object(request, object_id)
        if run is None or run.kind != imports.KIND:
            return super().change_view(request, object_id, form_url, extra_context)
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        return import_pages.page(request, run)

    def get_fields(self, request: HttpRequest, obj: ImportRun | None = None) -> Any:
        return [name for name in self.fields if name != "error" or (obj and obj.error)]

    @display(description=_("kind"), ordering="kind")
    def sort(self, run: ImportRun) -> str:
        return str(WORDS.get(run.kind, run.kind))

    @display(description=_("rows read"), ordering="rows")
    def read(self, run: ImportRun) -> str:
        return intcomma(run.rows)

    @display(description=_("state"), ordering="state")
    def standing(self, run: ImportRun) -> str:
        return state(run)

    @display(description=_("started at"), ordering="started_at")
    def started(self, run: ImportRun) -> str:
        return moment(run.started_at)

    @display(description=_("finished at"), ordering="finished_at")
    def finished(self, run: ImportRun) -> str:
        return moment(run.finished_at)

    @display(description=_("report"))
    def balance(self, run: ImportRun) -> str:
        context = {"groups": groups(run), "facts": facts(run), "rows": run.rows}
        return render_to_string("admin/crm/importrun/report.html", context)


@dataclass(frozen=True)
class Group:
    """Rows that were treated alike, by kind, and how many they are together."""

    title: Any
    rows: list[tuple[Any, int]]

    @property
    def total(self) -> int:
        """All rows of the group."""
        return sum(count for _kind, count in self.rows)


def groups(run: ImportRun) -> list[Group]:
    """What became of every row: the groups together are the rows read."""
    return [
        Group(TITLES.get(name, name), [(WORDS.get(kind, kind), n) for kind, n in kinds.items()])
        for name, kinds in run.report.items()
        if isinstance(kinds, dict)
    ]


def facts(run: ImportRun) -> list[tuple[Any, Any]]:
    """What the rows came to: customers, orders, revenue."""
    return [
        (WORDS.get(name, name), value)
        for name, value in run.report.items()
        if not isinstance(value, dict) and name not in ("rows", "run_id")
    ]


TITLES: Mapping[str, Any] = {"kept": _("Kept"), "rejected": _("Left out")}
# What reports of imports name, in words; a kind that is not here shows as it is.
WORDS: Mapping[str, Any] = {
    "kept": _("Kept as purchases"),
    "kept_without_customer": _("Kept without a customer"),
    "kept_as_return": _("Returns, matched with their purchases"),
    "unreadable": _("Unreadable: a number, date or column is missing"),
    "repeated": _("Repeats of an identical line"),
    "postage": _("Postage"),
    "discount": _("Discounts"),
    "manual_entry": _("Manual entries"),
    "samples": _("Samples"),
    "bank_charges": _("Bank charges"),
    "marketplace_fee": _("Marketplace fees"),
    "donation": _("Donations"),
    "gift_voucher": _("Gift vouchers"),
    "adjustment": _("Adjustments and tests"),
    "return_without_purchase": _("Returns of something not bought in this file"),
    "stock_correction": _("Stock corrections"),
    "no_price": _("Without a price"),
    "customers": _("Customers"),
    "products": _("Products"),
    "orders": _("Orders"),
    "orders_cancelled": _("Orders cancelled"),
    "orders_without_customer": _("Orders without a customer"),
    "revenue": _("Revenue"),
    "seconds": _("Seconds it took"),
}
