"""Exports: choosing what leaves, downloading it, and the record of everything that left."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from crm import exports, tasks
from crm.admin.parts import LedgerAdmin, staff_of
from crm.admin.tags import badge, moment, state
from crm.choices import ExportState
from crm.models import Customer, ExportRun, RejectedRow

# Above this a file is written by a worker, not while somebody waits.
MOST_AT_ONCE = 200_000
_ABOUT_CUSTOMERS = ("customers", "events", "orders", "messages", "consents")


class ChoiceForm(forms.Form):
    """What shall leave, and in which form."""

    kind = forms.ChoiceField(choices=[(name, kind.label) for name, kind in exports.KINDS.items()])
    format = forms.ChoiceField(choices=[(name, name.upper()) for name in exports.FORMATS])


@admin.action(description=_("Export…"), permissions=["export"])
def export_customers(
    modeladmin: Any, request: HttpRequest, queryset: QuerySet[Customer]
) -> HttpResponseBase:
    """Let staff choose what of these customers leaves; the answer of the form is the file."""
    if not request.user.has_perm("crm.export_customer"):
        raise PermissionDenied
    if "chosen" not in request.POST:
        return _choice(request, queryset)
    return _leave(request, queryset)


def _choice(request: HttpRequest, queryset: QuerySet[Customer]) -> HttpResponse:
    number = queryset.count()
    context = {
        **admin.site.each_context(request),
        "title": gettext("Export"),
        "opts": Customer._meta,
        "number": number,
        "is_large": number > MOST_AT_ONCE,
        "is_masked": not exports.may_see(viewer=staff_of(request)),
        "formats": [(name, name.upper()) for name in exports.FORMATS],
        "kinds": [
            {"name": name, "label": exports.KINDS[name].label, "columns": exports.names(kind=name)}
            for name in _ABOUT_CUSTOMERS
        ],
        "posted": [
            (name, value)
            for name in ("action", "select_across", "index", "_selected_action")
            for value in request.POST.getlist(name)
        ],
    }
    return render(request, "admin/crm/exportrun/choose.html", context)


def _leave(request: HttpRequest, queryset: QuerySet[Customer]) -> HttpResponseBase:
    form = ChoiceForm(request.POST)
    if not form.is_valid():
        raise Http404
    kind = form.cleaned_data["kind"]
    chosen = tuple(request.POST.getlist(f"columns-{kind}"))
    wanted = exports.Request(kind, form.cleaned_data["format"], chosen)
    if request.POST["chosen"] == "later":
        ids = list(queryset.values_list("pk", flat=True))
        exports.start(
            request=wanted, customer_ids=ids, viewer=staff_of(request), now=timezone.now()
        )
        tasks.ring(tasks.write_exports)
        messages.success(request, gettext("The file is being written; it will be listed here."))
        return redirect("admin:crm_exportrun_changelist")
    pieces = exports.stream(
        request=wanted, customers=queryset, viewer=staff_of(request), clock=timezone.now
    )
    name = f"{kind}-{timezone.now():%Y-%m-%d}.{wanted.format}"
    response = StreamingHttpResponse(pieces, content_type=exports.FORMATS[wanted.format])
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


@admin.register(ExportRun)
class ExportRunAdmin(LedgerAdmin):
    """Everything that left: what, by whom, masked or not; files that are kept can be fetched."""

    list_display = ("what", "standing", "counted", "shown_as", "started_by", "asked", "fetch")
    list_select_related = ("started_by",)
    list_filter = ("kind", "state", "is_masked")
    fields = (("what", "standing"), ("counted", "shown_as"), ("started_by", "asked"), "fetch")

    def get_urls(self) -> list[URLPattern]:
        route = path(
            "<uuid:key>/download/",
            self.admin_site.admin_view(self.download_view),
            name="crm_exportrun_download",
        )
        return [route, *super().get_urls()]

    def download_view(self, request: HttpRequest, key: Any) -> FileResponse:
        """Hand a kept file to who asked for it, or to who may see everything in it."""
        if not request.user.has_perm("crm.export_customer"):
            raise PermissionDenied
        run = get_object_or_404(ExportRun, key=key, state=ExportState.FINISHED)
        if not run.is_masked and not exports.may_see(viewer=staff_of(request)):
            raise PermissionDenied
        file = exports.file_of(run=run)
        if not run.path or not file.is_file():
            raise Http404
        response = FileResponse(
            file.open("rb"),
            as_attachment=True,
            filename=exports.filename(run=run),
            content_type=exports.content_type(run=run),
        )
        response["Cache-Control"] = "no-store"
        return response

    @display(description=_("what"), ordering="kind")
    def what(self, run: ExportRun) -> str:
        kind = exports.KINDS.get(run.kind)
        return f"{kind.label if kind else run.kind} ({run.options.get('format', '').upper()})"

    @display(description=_("state"), ordering="state")
    def standing(self, run: ExportRun) -> str:
        return state(run)

    @display(description=_("rows"), ordering="rows")
    def counted(self, run: ExportRun) -> str:
        return f"{intcomma(run.rows)} · {filesizeformat(run.size)}"

    @display(description=_("personal data"), ordering="is_masked")
    def shown_as(self, run: ExportRun) -> str:
        return badge(_("masked")) if run.is_masked else badge(_("in full"), "warn")

    @display(description=_("asked for at"), ordering="created_at")
    def asked(self, run: ExportRun) -> str:
        return moment(run.created_at)

    @display(description=_("file"))
    def fetch(self, run: ExportRun) -> str:
        if not run.path or run.state != ExportState.FINISHED:
            return "–"
        address = reverse("admin:crm_exportrun_download", args=[run.key])
        return format_html('<a class="rp-link" href="{}">{}</a>', address, _("Download"))


@admin.register(RejectedRow)
class RejectedRowAdmin(LedgerAdmin):
    """Rows of imports that were not taken; reached from their import, as a file."""

    list_display = ("line", "reason", "heading", "run")
    list_select_related = ("run",)
    list_filter = ("reason",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("crm.view_personal_data")
