"""What customers allow: the ledger, where it stands, pauses, and suppressed addresses."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
)

from crm import consent, normalise
from crm.admin.customer_posts import end_of
from crm.admin.parts import LedgerAdmin, post_once
from crm.admin.tags import json_block, moment, state
from crm.choices import Channel, SuppressionReason
from crm.models import Consent, ConsentDecision, MarketingPause, Suppression


@admin.register(ConsentDecision)
class ConsentDecisionAdmin(LedgerAdmin):
    """The ledger of decisions, each with its proof."""

    list_display = (
        "customer",
        "channel",
        "purpose",
        "decision",
        "source",
        "decided",
        "recorded_by",
    )
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("channel", ChoicesDropdownFilter),
        ("source", ChoicesDropdownFilter),
    )
    list_filter_submit = True
    list_select_related = ("customer", "recorded_by")
    search_fields = ("customer__email", "customer__phone")
    show_full_result_count = False
    list_per_page = 50
    fields = (
        ("customer", "decision"),
        ("channel", "purpose"),
        ("source", "recorded_by"),
        "decided",
        "evidence",
    )

    @display(description=_("decision"), ordering="state")
    def decision(self, row: ConsentDecision) -> str:
        return state(row)

    @display(description=_("decided at"), ordering="decided_at")
    def decided(self, row: ConsentDecision) -> str:
        return moment(row.decided_at)

    @display(description=_("proof"))
    def evidence(self, row: ConsentDecision) -> str:
        return json_block(row.proof)


@admin.register(Consent)
class ConsentAdmin(LedgerAdmin):
    """Where every consent stands now; the ledger is the truth behind it."""

    list_display = ("customer", "channel", "purpose", "standing", "decided")
    list_filter = (("state", ChoicesDropdownFilter), ("channel", ChoicesDropdownFilter))
    list_filter_submit = True
    list_select_related = ("customer",)
    search_fields = ("customer__email", "customer__phone")
    show_full_result_count = False
    fields = (("customer", "standing"), ("channel", "purpose"), "decided")

    @display(description=_("state"), ordering="state")
    def standing(self, row: Consent) -> str:
        return state(row)

    @display(description=_("decided at"), ordering="decided_at")
    def decided(self, row: Consent) -> str:
        return moment(row.decided_at)


@admin.register(MarketingPause)
class MarketingPauseAdmin(LedgerAdmin):
    """Every pause that staff set; a pause is set and lifted on the customer page."""

    list_display = ("customer", "reason", "set_by", "created", "until", "lifted")
    list_select_related = ("customer", "set_by", "lifted_by")
    search_fields = ("customer__email", "customer__last_name", "reason")
    fields = ("customer", "reason", ("set_by", "created"), "until", ("lifted_by", "lifted"))

    @display(description=_("set at"), ordering="created_at")
    def created(self, row: MarketingPause) -> str:
        return moment(row.created_at)

    @display(description=_("until"), ordering="expires_at")
    def until(self, row: MarketingPause) -> str:
        return moment(row.expires_at)

    @display(description=_("lifted at"), ordering="lifted_at")
    def lifted(self, row: MarketingPause) -> str:
        return moment(row.lifted_at)


class SuppressionForm(forms.ModelForm):
    """An address to keep from being written to; only its hash is stored."""

    channel = forms.ChoiceField(
        label=_("channel"), choices=Channel.choices, widget=UnfoldAdminSelectWidget
    )
    address = forms.CharField(
        label=_("address"),
        widget=UnfoldAdminTextInputWidget,
        help_text=_("An e-mail address, or a phone number with its country code."),
    )
    detail = forms.CharField(label=_("reason"), max_length=255, widget=UnfoldAdminTextInputWidget)
    until_date = forms.DateField(
        label=_("until the end of"),
        required=False,
        widget=UnfoldAdminSingleDateWidget,
        help_text=_("Empty: for good."),
    )

    class Meta:
        model = Suppression
        fields = ("channel", "address", "detail")

    def clean(self) -> dict[str, Any]:
        """An address that cannot be one is refused here, where it can still be mended."""
        data = super().clean() or {}
        text = data.get("address", "")
        is_email = data.get("channel") == Channel.EMAIL
        if text and not (normalise.email(text) if is_email else normalise.phone(text)):
            raise ValidationError({"address": _("This is no address of that channel.")})
        return data


@admin.register(Suppression)
class SuppressionAdmin(ModelAdmin):
    """Addresses not to be written to; they are kept as hashes, so lifting one asks for it."""

    form = SuppressionForm
    list_display = ("address", "channel", "reason", "source", "detail", "since", "until")
    list_display_links = None
    list_filter = (("reason", ChoicesDropdownFilter), ("channel", ChoicesDropdownFilter))
    list_filter_submit = True
    list_before_template = "admin/crm/suppression/lift.html"
    search_fields = ("detail",)
    fieldsets = ((None, {"fields": ("channel", "address", "detail", "until_date")}),)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        lift = path(
            "lift/", self.admin_site.admin_view(self.lift_view), name="crm_suppression_lift"
        )
        return [lift, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        get_object_or_404(Suppression, pk=object_id)
        return HttpResponseRedirect(reverse("admin:crm_suppression_changelist"))

    def save_model(self, request: HttpRequest, obj: Suppression, form: Any, change: bool) -> None:
        now = timezone.now()
        wanted = consent.NewSuppression(
            channel=form.cleaned_data["channel"],
            address=form.cleaned_data["address"],
            reason=SuppressionReason.STAFF,
            detail=form.cleaned_data["detail"],
            expires_at=end_of(form.cleaned_data["until_date"]),
        )
        consent.suppress(suppression=wanted, now=now)
        address = normalise.address(channel=wanted.channel, text=wanted.address)
        hashed = normalise.address_hash(channel=wanted.channel, address=address)
        obj.pk = Suppression.objects.get(channel=wanted.channel, address_hash=hashed).pk

    def lift_view(self, request: HttpRequest) -> HttpResponse:
        """Let an address be written to again."""

        def call() -> str:
            channel, address = request.POST.get("channel", ""), request.POST.get("address", "")
            if channel not in Channel.values or not address:
                raise ValidationError(gettext("Name a channel and an address."))
            if not consent.unsuppress(channel=channel, address=address, now=timezone.now()):
                raise ValidationError(gettext("This address is not suppressed."))
            return gettext("The address may be written to again.")

        back_to = reverse("admin:crm_suppression_changelist")
        return post_once(request, permission="crm.delete_suppression", back_to=back_to, call=call)

    @display(description=_("address hash"))
    def address(self, row: Suppression) -> str:
        return f"{row.address_hash[:12]}…"

    @display(description=_("since"), ordering="created_at")
    def since(self, row: Suppression) -> str:
        return moment(row.created_at)

    @display(description=_("until"), ordering="expires_at")
    def until(self, row: Suppression) -> str:
        return moment(row.expires_at, gettext("for good"))
