"""Segments: the list, the form with the rule builder, and the addresses of the segment's page."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import F, QuerySet
from django.forms import Script
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from crm.admin.tags import ago, badge
from crm.tasks import ring
from marketing import overlaps, segments, tasks
from marketing.choices import SegmentKind
from marketing.models import Segment
from marketing.rules import naming

from . import (
    segment_form,
    segment_lists,
    segment_moves,
    segment_overlap,
    segment_page,
    segment_plan,
    segment_preview,
    segment_profile,
    segment_sizes,
    segment_standing,
    segment_verbs,
)
from .builder import completion
from .history import HistoryAdmin
from .segment_list import SegmentChangeList, StateFilter

KIND_COLOURS = {
    SegmentKind.RULE: "info",
    SegmentKind.LIST: "default",
    SegmentKind.CLUSTER: "primary",
}


@admin.register(Segment)
class SegmentAdmin(HistoryAdmin, ModelAdmin):
    """Saved groups of customers."""

    form = segment_form.SegmentForm
    list_display = ["link", "kind_badge", "members", "computed", "health"]
    list_filter = [StateFilter, "kind"]
    list_per_page = 50
    search_fields = ["name", "description"]
    actions = ["compare"]
    list_before_template = "admin/marketing/segment_list_hint.html"
    change_form_outer_before_template = "admin/marketing/segment_in_use.html"
    fieldsets = [
        (None, {"fields": ["name", "description", ("kind", "cluster")]}),
        (_("Who is in it"), {"fields": ["rules"], "classes": ["rp-wide"]}),
    ]

    class Media:
        js = [
            Script("marketing/builder/builder.js", type="module"),
            Script("marketing/segment_form.js", type="module"),
        ]
        css = {"all": ["marketing/builder.css", "marketing/segment.css"]}

    @display(description=_("segment"), ordering="name")
    def link(self, obj: Segment) -> str:
        return format_html(
            '<a class="rp-link" href="{}">{}</a><div class="rp-soft rp-small">{}</div>',
            segment_page.address(obj.pk),
            obj.name,
            obj.description,
        )

    @display(description=_("kind"), label=KIND_COLOURS, ordering="kind")
    def kind_badge(self, obj: Segment) -> tuple[str, str]:
        return obj.kind, obj.get_kind_display()

    @display(description=_("members"), ordering="member_count")
    def members(self, obj: Segment) -> str:
        return intcomma(obj.member_count)

    @display(description=_("computed at"), ordering="refreshed_at")
    def computed(self, obj: Segment) -> str:
        return ago(obj.refreshed_at)

    @display(description=_("state"), ordering=F("failing_since_at"))
    def health(self, obj: Any) -> str:
        stands = obj.standing
        said = badge(stands.word, stands.tone, stands.icon)
        if not stands.trouble:
            return said
        problem = stands.trouble.problem
        return format_html('{}<div class="rp-is-text-bad rp-small">{}</div>', said, problem)

    @action(description=_("Compare how they overlap"))
    def compare(self, request: HttpRequest, queryset: QuerySet[Segment]) -> HttpResponse:
        chosen = queryset.values_list("pk", flat=True)[: overlaps.MOST]
        query = urlencode([("segments", pk) for pk in chosen])
        return HttpResponseRedirect(f"{reverse('admin:marketing_segment_overlap')}?{query}")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[SegmentChangeList]:
        return SegmentChangeList

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Say before saving what a change touches."""
        segment = self.get_object(request, object_id) if object_id else None
        users = segment_page.users_of(request, segment) if segment else []
        more = {**(extra_context or {}), "users": users}
        hidden = segment_standing.hidden_from(request)
        with naming.using(naming.Names(hidden=hidden)):
            response = super().changeform_view(request, object_id, form_url, more)
            # The builder offers names: it is drawn while it is known which the reader may see.
            return response.render() if isinstance(response, TemplateResponse) else response

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Rules in the address begin a new segment."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        if "rules" in initial:
            initial["rules"] = segment_form.read(str(initial["rules"]))
        return initial

    def save_model(self, request: HttpRequest, obj: Segment, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        segments.request_refresh(segment_id=obj.pk, now=timezone.now())
        ring(tasks.refresh_segment, obj.pk)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """What would go; a segment that is in use is protected by what uses it."""
        chosen = list(objs)
        protected = [
            f"{obj}: {user.role} – {user.name}"
            for obj in chosen
            for user in segment_page.users_of(request, obj)
        ]
        counts = {Segment._meta.verbose_name_plural: len(chosen)}
        return [str(obj) for obj in chosen], counts, set(), protected

    def delete_model(self, request: HttpRequest, obj: Segment) -> None:
        segments.delete(segment_id=obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        for obj in queryset:
            segments.delete(segment_id=obj.pk)

    def response_post_save_add(self, request: HttpRequest, obj: Segment) -> HttpResponse:
        return HttpResponseRedirect(segment_page.address(obj.pk))

    response_post_save_change = response_post_save_add

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        pages = [
            ("", segment_page.show, "page"),
            ("standing/", segment_standing.show, "standing"),
            ("sizes/", segment_sizes.show, "sizes"),
            ("moves/", segment_moves.show, "moves"),
            ("plan/", segment_plan.show, "plan"),
            ("snapshot/", segment_lists.snapshot, "snapshot"),
            ("upload/", segment_lists.upload, "upload"),
            ("upload/report/", segment_lists.report, "report"),
            ("people/", segment_page.people, "people"),
            ("export/", segment_page.export, "export"),
            ("refresh/", segment_verbs.refresh, "refresh"),
            ("put/", segment_verbs.put, "put"),
            ("profile/", segment_profile.show, "profile"),
            ("lift/", segment_verbs.lift, "lift"),
        ]
        mine = [
            path(f"<int:pk>/{tail}", view(page), name=f"marketing_segment_{name}")
            for tail, page, name in pages
        ]
        others = [
            path("preview/", view(segment_preview.show), name="marketing_segment_preview"),
            path("values/", view(completion.show), name="marketing_segment_values"),
            path("overlap/", view(segment_overlap.show), name="marketing_segment_overlap"),
            path("overlap/find/", view(segment_overlap.find), name="marketing_segment_find"),
            path("named/", view(segment_verbs.named), name="marketing_segment_named"),
            path("put/", view(segment_verbs.put_one), name="marketing_segment_put_one"),
        ]
        return [*others, *mine, *super().get_urls()]
