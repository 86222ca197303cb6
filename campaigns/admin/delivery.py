"""The ledger of deliveries: every plan with its verdict, and the one thing staff may do to it."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from campaigns import broadcasts
from campaigns.choices import DeliveryState
from campaigns.models import Delivery
from crm.admin.parts import LedgerAdmin
from crm.admin.tags import moment

from .verbs import act, read_reason, staff

STATE_COLOURS = {
    DeliveryState.SKIPPED: "default",
    DeliveryState.HANDED_OVER: "success",
    DeliveryState.PLANNED: "info",
    DeliveryState.FAILED: "danger",
    DeliveryState.CANCELLED: "warning",
}


@admin.register(Delivery)
class DeliveryAdmin(LedgerAdmin):
    """Deliveries, newest first."""

    list_display = [
        "customer_link",
        "campaign",
        "state_badge",
        "reason",
        "fared",
        "tries",
        "planned",
        "decided",
    ]
    list_display_links = ["campaign"]
    list_filter = [
        "state",
        "reason",
        ("campaign", AutocompleteSelectFilter),
        "step__channel",
        "message__state",
    ]
    list_filter_submit = True
    list_select_related = ["customer", "campaign", "message"]
    list_per_page = 50
    show_full_result_count = False
    search_fields = ["customer__email", "customer__last_name", "customer__phone"]
    change_form_outer_before_template = "admin/campaigns/delivery_cancel.html"
    fields = [
        "customer",
        "campaign",
        "step",
        "state",
        "reason",
        "detail",
        "message",
        "tries",
        "strikes",
        "held_until_at",
        "planned_at",
        "decided_at",
        "cancelled_by",
    ]

    @display(description=gettext_lazy("customer"), ordering="customer__last_name")
    def customer_link(self, obj: Delivery) -> str:
        address = reverse("admin:crm_customer_change", args=[obj.customer_id])
        return format_html('<a class="rp-link" href="{}">{}</a>', address, obj.customer)

    @display(description=gettext_lazy("state"), label=STATE_COLOURS, ordering="state")
    def state_badge(self, obj: Delivery) -> tuple[str, str]:
        return obj.state, obj.get_state_display()

    @display(description=gettext_lazy("message"))
    def fared(self, obj: Delivery) -> str:
        if obj.message is None:
            return "–"
        address = reverse("admin:crm_message_change", args=[obj.message_id])
        return format_html(
            '<a class="rp-link" href="{}">{}</a>', address, obj.message.get_state_display()
        )

    @display(description=gettext_lazy("planned at"))
    def planned(self, obj: Delivery) -> str:
        return moment(obj.planned_at)

    @display(description=gettext_lazy("decided at"))
    def decided(self, obj: Delivery) -> str:
        return moment(obj.decided_at)

    def get_urls(self) -> list[URLPattern]:
        cancelling = path(
            "<int:pk>/cancel/",
            self.admin_site.admin_view(cancel),
            name="campaigns_delivery_cancel",
        )
        return [cancelling, *super().get_urls()]


def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Cancel one planned delivery, with a reason."""

    def call() -> str:
        reason = read_reason(request)
        broadcasts.cancel_delivery(
            delivery_id=pk, by=staff(request), reason=reason, now=timezone.now()
        )
        return _("The delivery is cancelled.")

    back_to = reverse("admin:campaigns_delivery_change", args=[pk])
    return act(request, back_to, call, permission="campaigns.cancel_delivery")
