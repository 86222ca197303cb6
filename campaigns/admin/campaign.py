"""Campaigns: the list, the form of a draft, and the addresses of the campaign's page."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from campaigns import mentions
from campaigns.choices import CampaignState
from campaigns.models import Campaign, Step
from crm.admin.tags import moment
from marketing.admin.history import HistoryAdmin

from . import audience, page, preview, verbs
from .changes import CampaignChangeList
from .forms import CampaignForm

STATE_COLOURS = {
    CampaignState.DRAFT: "default",
    CampaignState.SCHEDULED: "info",
    CampaignState.RUNNING: "info",
    CampaignState.PAUSED: "warning",
    CampaignState.FINISHED: "success",
    CampaignState.CANCELLED: "danger",
}


@admin.register(Campaign)
class CampaignAdmin(HistoryAdmin, ModelAdmin):
    """Drafts can be edited; what was launched is locked and has a page of its own."""

    form = CampaignForm
    list_display = ["link", "state_badge", "channels", "progress", "starts", "created_by"]
    list_display_links = None
    list_filter = ["state", "purpose"]
    list_select_related = ["created_by"]
    list_per_page = 50
    search_fields = ["name"]
    autocomplete_fields = ["segments", "excluded_segments"]
    list_before_template = "admin/campaigns/list_hint.html"
    change_form_outer_before_template = "admin/campaigns/form_hint.html"
    fieldsets = [
        (None, {"fields": ["name", "purpose"]}),
        (_("To whom"), {"fields": ["segments", "excluded_segments", "holdout_percent"]}),
        (_("What"), {"fields": ["channel", "template", "tracking", "opt_out_text"]}),
        (_("When"), {"fields": ["scheduled_at"]}),
    ]

    class Media:
        js = ["campaigns/campaign_form.js"]

    @display(description=_("campaign"), ordering="name")
    def link(self, obj: Campaign) -> str:
        return page.link(obj)

    @display(description=_("state"), label=STATE_COLOURS, ordering="state")
    def state_badge(self, obj: Campaign) -> tuple[str, str]:
        return obj.state, obj.get_state_display()

    @display(description=_("channel"))
    def channels(self, obj: Campaign) -> str:
        return ", ".join(step.get_channel_display() for step in obj.steps.all())

    @display(description=_("progress"))
    def progress(self, obj: Campaign) -> str:
        return page.small_progress(obj.tally)  # type: ignore[attr-defined]

    @display(description=_("send at"), ordering="starts_at")
    def starts(self, obj: Campaign) -> str:
        return moment(obj.started_at or obj.starts_at or obj.scheduled_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        return super().get_queryset(request).prefetch_related("steps")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # Drafts are deleted one by one: what was launched stays.
        return {}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CampaignChangeList]:
        return CampaignChangeList

    def has_change_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        return _is_open(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        return _is_open(obj) and super().has_delete_permission(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """What would go; a campaign that the rules of a segment name is protected by it."""
        chosen = list(objs)
        found, counts, missing, protected = super().get_deleted_objects(chosen, request)
        naming = [
            f"{_('condition of a segment')}: {segment}"
            for campaign in chosen
            for segment in mentions.segments(campaign_id=campaign.pk)
        ]
        # The steps of a draft are nobody's ledger yet.
        missing = missing - {Step._meta.verbose_name}
        return found, counts, missing, [*protected, *naming]

    def delete_model(self, request: HttpRequest, obj: Campaign) -> None:
        mentions.delete(campaign_id=obj.pk)

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        campaign = self.get_object(request, object_id)
        if campaign is not None and not _is_open(campaign):
            return HttpResponseRedirect(page.address(campaign))
        return super().change_view(request, object_id, *args, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: Campaign, form: CampaignForm, change: bool
    ) -> None:
        if not change:
            obj.created_by = verbs.staff(request)
        super().save_model(request, obj, form, change)
        form.save_step()

    def response_post_save_add(self, request: HttpRequest, obj: Campaign) -> HttpResponse:
        return HttpResponseRedirect(page.address(obj))

    response_post_save_change = response_post_save_add

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        pages = [
            ("", page.show, "page"),
            ("live/", page.live, "live"),
            ("audience/", audience.card, "audience"),
            ("people/", preview.people, "people"),
            ("preview/", preview.card, "preview"),
            ("preview/document/", preview.document, "document"),
            ("launch/", verbs.launch, "launch"),
            ("take-back/", verbs.take_back, "take_back"),
            ("pause/", verbs.pause, "pause"),
            ("resume/", verbs.resume, "resume"),
            ("cancel/", verbs.cancel, "cancel"),
        ]
        mine = [
            path(f"<int:pk>/{tail}", view(page_view), name=f"campaigns_campaign_{name}")
            for tail, page_view, name in pages
        ]
        return [*mine, *super().get_urls()]


def _is_open(campaign: Campaign | None) -> bool:
    return campaign is None or campaign.state == CampaignState.DRAFT
