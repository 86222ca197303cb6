"""Recommendations: how well they do, what staff set by hand, bestsellers, and learning anew."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from crm.admin.parts import LedgerAdmin, post_once, staff_of
from crm.tasks import ring
from marketing import recommendations, tasks, training
from marketing.choices import RecommendationMode, RunKind, RunState
from marketing.models import Bestseller, RecommendationOverride, TrainingRun

from .measures import verdict
from .segment_verbs import read_end, read_reason

CHANGE = "marketing.add_recommendationoverride"
_COLOURS = {RecommendationMode.FIRST: "success", RecommendationMode.NEVER: "danger"}
_OPEN = (RunState.QUEUED, RunState.RUNNING)


@admin.register(RecommendationOverride)
class RecommendationOverrideAdmin(LedgerAdmin):
    """What staff set by hand, below how the recommendations stand."""

    list_display = ["what", "mode_badge", "reason", "set_by", "created_at", "holds", "lift_it"]
    list_filter = ["mode"]
    list_select_related = ["product", "set_by"]
    list_per_page = 50
    search_fields = ["product__name", "product__sku"]
    list_before_template = "admin/marketing/recommendation_standing.html"
    autocomplete_fields = ["product"]
    fields = ["product", "mode", "reason", "expires_at"]

    @display(description=gettext_lazy("product"), ordering="product__name")
    def what(self, obj: RecommendationOverride) -> SafeString:
        return product_link(obj.product)

    @display(description=gettext_lazy("by hand"), label=_COLOURS, ordering="mode")
    def mode_badge(self, obj: RecommendationOverride) -> tuple[str, str]:
        return obj.mode, obj.get_mode_display()

    @display(description=gettext_lazy("in force"), boolean=True)
    def holds(self, obj: RecommendationOverride) -> bool:
        return _holds(obj, timezone.now())

    @display(description="")
    def lift_it(self, obj: RecommendationOverride) -> str | SafeString:
        if not _holds(obj, timezone.now()):
            return ""
        address = reverse("admin:crm_product_change", args=[obj.product_id])
        return format_html('<a class="rp-link" href="{}#by-hand">{}</a>', address, _("Change"))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(CHANGE)

    def save_model(
        self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool
    ) -> None:
        made = recommendations.choose(
            product_id=obj.product_id,
            mode=obj.mode,
            reason=obj.reason,
            by=staff_of(request),
            now=timezone.now(),
            expires_at=obj.expires_at,
        )
        obj.pk, obj.created_at = made.pk, made.created_at

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {
            **(extra_context or {}),
            "title": _("Recommendations"),
            **standing(),
            "may_train": request.user.has_perm("marketing.add_trainingrun"),
            "may_view_runs": request.user.has_perm("marketing.view_trainingrun"),
        }
        return super().changelist_view(request, context)

    def get_urls(self) -> list[URLPattern]:
        verbs = [
            path(
                "learn/", self.admin_site.admin_view(learn), name="marketing_recommendation_learn"
            ),
            path(
                "<int:product_id>/choose/",
                self.admin_site.admin_view(choose),
                name="marketing_recommendation_choose",
            ),
            path(
                "<int:product_id>/lift/",
                self.admin_site.admin_view(lift),
                name="marketing_recommendation_lift",
            ),
        ]
        return [*verbs, *super().get_urls()]


@admin.register(Bestseller)
class BestsellerAdmin(LedgerAdmin):
    """What most people bought lately, as the latest run found it."""

    list_display = ["rank", "what", "category", "buyers", "lately"]
    list_select_related = ["product"]
    list_per_page = 50
    search_fields = ["product__name", "product__sku", "product__category"]

    @display(description=gettext_lazy("product"), ordering="product__name")
    def what(self, obj: Bestseller) -> SafeString:
        return product_link(obj.product)

    @display(description=gettext_lazy("category"), ordering="product__category")
    def category(self, obj: Bestseller) -> str:
        return obj.product.category

    @display(description=gettext_lazy("of them lately"), ordering="weight")
    def lately(self, obj: Bestseller) -> str:
        return f"{obj.weight:.1f}"


def standing() -> dict[str, Any]:
    """How the recommendations stand: the latest finished run, and one that is under way."""
    runs = TrainingRun.objects.filter(kind=RunKind.RECOMMENDATIONS).defer("artifact")
    latest = runs.exclude(state__in=_OPEN).order_by("-finished_at", "-pk").first()
    return {
        "run": latest,
        "verdict": verdict(latest) if latest else "",
        "is_learning": runs.filter(state__in=_OPEN).exists(),
        "bestsellers": Bestseller.objects.select_related("product")[:10],
    }


def product_link(product: Any) -> SafeString:
    """The name of a product, leading to its page."""
    address = reverse("admin:crm_product_change", args=[product.pk])
    return format_html('<a class="rp-link" href="{}">{}</a>', address, product.name)


def learn(request: HttpRequest) -> HttpResponse:
    """Ask for a new run; a worker makes it."""

    def call() -> str:
        training.request(kind=RunKind.RECOMMENDATIONS, now=timezone.now())
        ring(tasks.train_due)
        return _("Asked for: a worker learns now, and the result appears here.")

    return post_once(request, permission="marketing.add_trainingrun", back_to=_page(), call=call)


def choose(request: HttpRequest, product_id: int) -> HttpResponse:
    """Recommend a product never, or to everybody first."""

    def call() -> str:
        recommendations.choose(
            product_id=product_id,
            mode=_read_mode(request),
            reason=read_reason(request),
            by=staff_of(request),
            now=timezone.now(),
            expires_at=read_end(request),
        )
        return _("Set by hand; no run changes it.")

    return post_once(request, permission=CHANGE, back_to=_product_page(product_id), call=call)


def lift(request: HttpRequest, product_id: int) -> HttpResponse:
    """Let what is learnt decide about a product again."""

    def call() -> str:
        recommendations.lift(product_id=product_id, by=staff_of(request), now=timezone.now())
        return _("Lifted: what people buy decides again.")

    return post_once(request, permission=CHANGE, back_to=_product_page(product_id), call=call)


def _read_mode(request: HttpRequest) -> RecommendationMode:
    try:
        return RecommendationMode(request.POST.get("mode", ""))
    except ValueError as error:
        raise forms.ValidationError(_("Choose first or never.")) from error


def _holds(override: RecommendationOverride, now: datetime) -> bool:
    has_ended = override.expires_at is not None and override.expires_at <= now
    return override.lifted_at is None and not has_ended


def _page() -> str:
    return reverse("admin:marketing_recommendationoverride_changelist")


def _product_page(product_id: int) -> str:
    return reverse("admin:crm_product_change", args=[product_id])
