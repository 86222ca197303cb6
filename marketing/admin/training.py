"""Training runs: the gate, what was measured against the baseline, and asking for a new one."""

from typing import Any

from django.contrib import admin
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from crm.admin.parts import LedgerAdmin, post_once
from crm.admin.tags import moment
from crm.tasks import ring
from marketing import tasks, training
from marketing.choices import RunKind, RunState
from marketing.models import TrainingRun

from .measures import gate_rows, measures, verdict

STATE_COLOURS = {
    RunState.REPLACED: "default",
    RunState.USED: "success",
    RunState.QUEUED: "info",
    RunState.RUNNING: "info",
    RunState.NOT_USED: "warning",
    RunState.REFUSED: "warning",
    RunState.FAILED: "danger",
}


@admin.register(TrainingRun)
class TrainingRunAdmin(LedgerAdmin):
    """Every fit that was asked for, and why it is or is not used."""

    list_display = ["kind", "state_badge", "verdict", "seen", "as_of_date", "asked"]
    list_filter = ["kind", "state"]
    list_per_page = 50
    list_before_template = "admin/marketing/training_list_hint.html"
    change_form_template = "admin/marketing/training_page.html"
    fields = ["kind", "state"]

    @display(description=gettext_lazy("state"), label=STATE_COLOURS, ordering="state")
    def state_badge(self, obj: TrainingRun) -> tuple[str, str]:
        return obj.state, obj.get_state_display()

    @display(description=gettext_lazy("measured"))
    def verdict(self, obj: TrainingRun) -> str:
        return verdict(obj)

    @display(description=gettext_lazy("customers seen"), ordering="rows")
    def seen(self, obj: TrainingRun) -> str:
        return intcomma(obj.rows)

    @display(description=gettext_lazy("requested at"), ordering="requested_at")
    def asked(self, obj: TrainingRun) -> str:
        return moment(obj.requested_at)

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).defer("artifact")

    def changelist_view(self, request: HttpRequest, extra_context=None) -> HttpResponse:
        context: dict[str, Any] = {
            **(extra_context or {}),
            "run_kinds": RunKind,
            "may_train": request.user.has_perm("marketing.add_trainingrun"),
        }
        return super().changelist_view(request, context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context=None
    ) -> HttpResponse:
        run = get_object_or_404(TrainingRun.objects.defer("artifact"), pk=object_id)
        context = {
            **(extra_context or {}),
            "run": run,
            "verdict": verdict(run),
            "measures": measures(run),
            "gate": gate_rows(run),
            "clusters": run.clusters.all(),
        }
        return super().change_view(request, object_id, form_url, context)

    def get_urls(self) -> list[URLPattern]:
        asking = path(
            "train/", self.admin_site.admin_view(train), name="marketing_trainingrun_train"
        )
        return [asking, *super().get_urls()]


def train(request: HttpRequest) -> HttpResponse:
    """Ask for a new run; a worker makes it."""
    kind = request.POST.get("kind", "")

    def call() -> str:
        training.request(kind=RunKind(kind), now=timezone.now())
        ring(tasks.train_due)
        return _("Asked for: a worker trains it now, and the result appears here.")

    back_to = reverse("admin:marketing_trainingrun_changelist")
    return post_once(request, permission="marketing.add_trainingrun", back_to=back_to, call=call)
