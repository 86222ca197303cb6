"""The pages of an import of customers: upload, mapping, progress, what became of its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import imports, tasks
from crm.admin.parts import post_once, staff_of
from crm.choices import AttributeType, ImportState, RejectReason
from crm.imports import previews, rejects, targets
from crm.models import ImportRun

_PREVIEW = 20
_ATTRIBUTE = "attribute"
EXISTING = (
    ("update", gettext_lazy("Update them with what the file says")),
    ("fill", gettext_lazy("Fill in only what is empty")),
    ("skip", gettext_lazy("Leave them as they are")),
)
ORDERS = (
    ("", gettext_lazy("Not said yet")),
    ("dmy", gettext_lazy("Day first: 31/12/2026")),
    ("mdy", gettext_lazy("Month first: 12/31/2026")),
)
_FOLLOWED = (ImportState.CHECKING, ImportState.RUNNING, ImportState.PAUSED)
_SETTLING = (ImportState.UPLOADED, ImportState.CHECKED)


class OptionsForm(forms.Form):
    """What the file does not say itself."""

    default_country = forms.CharField(max_length=2, required=False)
    date_order = forms.ChoiceField(choices=ORDERS, required=False)
    existing = forms.ChoiceField(choices=EXISTING)
    consent_source = forms.CharField(max_length=200, required=False)
    consent_date = forms.DateField(required=False)


@dataclass(frozen=True)
class Count:
    """One figure of an import: how many rows, in what tone."""

    label: Any
    rows: int
    css: str


def upload(request: HttpRequest) -> HttpResponse:
    """Take a file, or show where to put it."""
    _need(request, "crm.add_importrun")
    error = ""
    if request.method == "POST":
        file = request.FILES.get("file")
        try:
            if file is None or isinstance(file, list):
                raise imports.UnusableFile(_("Choose a file first."))
            run = imports.receive(
                chunks=file.chunks(),
                filename=str(file.name),
                by=staff_of(request),
                now=timezone.now(),
            )
        except imports.UnusableFile as refused:
            error = str(refused)
        else:
            return redirect("admin:crm_importrun_change", run.pk)
    context = _base(request, _("Import customers")) | {"error": error}
    return render(request, "admin/crm/importrun/upload.html", context, status=400 if error else 200)


def page(request: HttpRequest, run: ImportRun) -> HttpResponse:
    """The page of an import of customers, as far as it has come."""
    context = _base(request, run.filename) | live_context(request, run)
    if run.state in _SETTLING:
        context |= _settling(run)
        return render(request, "admin/crm/importrun/mapping.html", context)
    return render(request, "admin/crm/importrun/progress_page.html", context)


def progress(request: HttpRequest, object_id: int) -> HttpResponse:
    """The part of the page that follows the run."""
    _need(request, "crm.view_importrun")
    run = _run(object_id)
    response = render(request, "admin/crm/importrun/progress.html", live_context(request, run))
    if run.state not in _FOLLOWED:
        response["HX-Refresh"] = "true"
    return response


def settle(request: HttpRequest, object_id: int) -> HttpResponse:
    """Keep the mapping, and do what the pressed button says."""
    run = _run(object_id)

    def call() -> str:
        problems = imports.settle(run_id=run.pk, plan=_posted_plan(request, run))
        step = request.POST.get("step", "")
        if step == "preview":
            return _("The mapping is kept.")
        if problems:
            raise ValidationError(problems)
        (imports.check if step == "check" else imports.start)(run_id=run.pk)
        tasks.ring(tasks.run_imports)
        return _("A worker takes the file up within seconds.")

    return _post(request, run, call)


def start(request: HttpRequest, object_id: int) -> HttpResponse:
    """Take the checked rows in."""
    return _verb(request, object_id, "start")


def pause(request: HttpRequest, object_id: int) -> HttpResponse:
    """Stop for a while."""
    return _verb(request, object_id, "pause")


def resume(request: HttpRequest, object_id: int) -> HttpResponse:
    """Go on."""
    return _verb(request, object_id, "resume")


def cancel(request: HttpRequest, object_id: int) -> HttpResponse:
    """Stop for good."""
    run = _run(object_id)

    def call() -> str:
        imports.cancel(run_id=run.pk, now=timezone.now())
        return _("The import is cancelled; the rows that are in stay in.")

    return _post(request, run, call)


def rejected(request: HttpRequest, object_id: int) -> StreamingHttpResponse:
    """The rejected rows as a file, each with its line and the reason beside it."""
    if not request.user.has_perms(("crm.view_importrun", "crm.view_personal_data")):
        raise PermissionDenied
    run = _run(object_id)
    response = StreamingHttpResponse(
        rejects.as_csv(run=run), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="rejected-{run.pk}.csv"'
    return response


def live_context(request: HttpRequest, run: ImportRun) -> dict[str, Any]:
    """How far a run is, at what pace, and what became of its rows."""
    check = run.report.get("check", {})
    total = run.rows or check.get("rows", 0)
    seconds = run.report.get("seconds", 0.0)
    rate = run.rows_done / seconds if seconds else 0
    left = (total - run.rows_done) / rate if rate and total > run.rows_done else 0
    report = check if run.state in _SETTLING else run.report
    return {
        "run": run,
        "total": total,
        "percent": min(100, round(100 * run.rows_done / total, 1)) if total else 0,
        "rate": rate,
        "left": str(timedelta(seconds=round(left))) if left else "",
        "counts": _counts(check or None, run),
        "reasons": _reasons(report),
        "examples": [
            (line, RejectReason(reason).label, heading)
            for line, reason, heading in report.get("examples", [])
        ],
        "is_live": run.state in (ImportState.CHECKING, ImportState.RUNNING),
        "can_run": request.user.has_perm("crm.add_importrun"),
        "has_rejects": run.rejected and run.path and run.state not in _SETTLING,
    }


def _counts(check: Mapping[str, int] | None, run: ImportRun) -> list[Count]:
    from_check = check is not None and run.state in _SETTLING

    def rows(name: str) -> int:
        return int(check.get(name, 0) if from_check and check else getattr(run, name))

    return [
        Count(_("new"), rows("created"), "rp-is-good"),
        Count(_("updated"), rows("updated"), ""),
        Count(_("unchanged"), rows("unchanged"), "rp-is-soft"),
        Count(_("rejected"), rows("rejected"), "rp-is-bad"),
    ]


def _reasons(report: Mapping[str, Any]) -> list[tuple[str, int]]:
    # The check counts rejected rows in all under the name of the reasons.
    found = report.get("rejected_by", report.get("rejected", {}))
    if not isinstance(found, dict):
        return []
    ordered = sorted(found.items(), key=lambda one: -one[1])
    return [(str(RejectReason(reason).label), rows) for reason, rows in ordered]


def _settling(run: ImportRun) -> dict[str, Any]:
    plan = imports.Plan.of(run.mapping, run.options)
    try:
        shown = previews.preview(run=run, plan=plan, rows=_PREVIEW)
    except (imports.UnusableFile, FileNotFoundError) as error:
        return {"lost": str(error) or _("The file is not kept any more; upload it again.")}
    return {
        "shown": shown,
        "columns": [
            {
                "at": at,
                "column": column,
                "is_attribute": column.target.startswith(targets.ATTRIBUTE),
                "attribute": column.target.removeprefix(targets.ATTRIBUTE)
                if column.target.startswith(targets.ATTRIBUTE)
                else targets.attribute(heading=column.heading),
                "samples": shown.samples[at],
            }
            for at, column in enumerate(plan.columns)
        ],
        "targets": [(target.name, target.label) for target in targets.TARGETS],
        "types": [(kind.value, kind.label) for kind in _types()],
        "options": plan.options,
        "consent_date": plan.options.consent_at[:10],
        "orders": ORDERS,
        "existing": EXISTING,
        "form": run.format,
        "check": run.report.get("check"),
    }


def _types() -> tuple[AttributeType, ...]:
    return (
        AttributeType.TEXT,
        AttributeType.NUMBER,
        AttributeType.BOOLEAN,
        AttributeType.DATE,
    )


def _posted_plan(request: HttpRequest, run: ImportRun) -> imports.Plan:
    form = OptionsForm(request.POST)
    if not form.is_valid():
        raise ValidationError([str(error) for errors in form.errors.values() for error in errors])
    data = form.cleaned_data
    given = data["consent_date"]
    options = imports.CustomerOptions(
        default_country=data["default_country"].upper(),
        date_order=data["date_order"],
        existing=data["existing"],
        consent_source=data["consent_source"].strip(),
        consent_at=datetime.combine(given, time(), UTC).isoformat() if given else "",
    )
    headings = run.format["headings"]
    return imports.Plan(
        tuple(_posted_column(request, at, heading) for at, heading in enumerate(headings)), options
    )


def _posted_column(request: HttpRequest, at: int, heading: str) -> imports.Column:
    target = request.POST.get(f"target-{at}", "")
    if target == _ATTRIBUTE:
        name = request.POST.get(f"attribute-{at}", "").strip()
        target = f"{targets.ATTRIBUTE}{name}"
    kind = request.POST.get(f"type-{at}", AttributeType.TEXT)
    return imports.Column(heading, target, AttributeType(kind))


def _verb(request: HttpRequest, object_id: int, verb: str) -> HttpResponse:
    run = _run(object_id)
    done = {
        "start": _("A worker takes the file up within seconds."),
        "pause": _("The import is paused; the rows that are in stay in."),
        "resume": _("The import goes on behind the last row that is in."),
    }

    def call() -> str:
        getattr(imports, verb)(run_id=run.pk)
        tasks.ring(tasks.run_imports)
        return done[verb]

    return _post(request, run, call)


def _post(request: HttpRequest, run: ImportRun, call: Any) -> HttpResponse:
    back_to = reverse("admin:crm_importrun_change", args=[run.pk])
    return post_once(request, permission="crm.add_importrun", back_to=back_to, call=call)


def _need(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _run(object_id: int) -> ImportRun:
    run = get_object_or_404(ImportRun, pk=object_id)
    if run.kind != imports.KIND:
        raise Http404
    return run


def _base(request: HttpRequest, title: str) -> dict[str, Any]:
    from django.contrib import admin

    return {**admin.site.each_context(request), "title": title, "opts": ImportRun._meta}
