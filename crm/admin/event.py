"""Events: the ledger of what customers did."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from crm.admin.parts import LedgerAdmin
from crm.admin.tags import badge, json_block, moment
from crm.admin.timeline_words import NAMES
from crm.models import Event


@admin.register(Event)
class EventAdmin(LedgerAdmin):
    """Every event, found by its name, its moment or its customer."""

    list_display = ("told", "customer", "occurred", "key")
    list_filter = (("occurred_at", RangeDateTimeFilter),)
    list_filter_submit = True
    list_select_related = ("customer",)
    search_fields = ("name", "=key")
    search_help_text = _("Name (order.placed) or exact key")
    show_full_result_count = False
    list_per_page = 50
    fields = ("told", "customer", "occurred", "received", "key", "facts")

    @display(description=_("event"), ordering="name")
    def told(self, event: Event) -> str:
        title, icon = NAMES.get(event.name, (event.name, "bolt"))
        return badge(title if title == event.name else f"{title} · {event.name}", "", icon)

    @display(description=_("occurred at"), ordering="occurred_at")
    def occurred(self, event: Event) -> str:
        return moment(event.occurred_at)

    @display(description=_("received at"))
    def received(self, event: Event) -> str:
        return moment(event.received_at)

    @display(description=_("properties"))
    def facts(self, event: Event) -> str:
        return json_block(event.properties)
