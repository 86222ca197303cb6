"""Imports: every file that came in, with a report that balances."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from crm.admin.parts import LedgerAdmin
from crm.admin.tags import moment, state
from crm.models import ImportRun


@admin.register(ImportRun)
class ImportRunAdmin(LedgerAdmin):
    """What each file held and what became of every row."""

    list_display = ("filename", "kind", "standing", "rows", "started", "finished")
    search_fields = ("filename", "kind")
    fields = (
        ("filename", "kind"),
        ("standing", "rows"),
        ("started", "finished"),
        "error",
        "balance",
    )

    def get_fields(self, request: HttpRequest, obj: ImportRun | None = None) -> Any:
        return [name for name in self.fields if name != "error" or (obj and obj.error)]

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
        return render_to_string("admin/crm/importrun/report.html", {"sections": sections(run)})


def sections(run: ImportRun) -> list[tuple[str, list[tuple[str, Any]]]]:
    """The report as titled tables: nested groups first named, plain numbers first of all."""
    plain = [(name, value) for name, value in run.report.items() if not isinstance(value, dict)]
    groups = [
        (name, list(value.items())) for name, value in run.report.items() if isinstance(value, dict)
    ]
    return [("", plain), *groups] if plain else groups
