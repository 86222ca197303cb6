"""What the tracking API was told and could not record, with the reason."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from crm.admin.parts import LedgerAdmin
from crm.admin.tags import moment
from crm.models import RejectedEvent


@admin.register(RejectedEvent)
class RejectedEventAdmin(LedgerAdmin):
    """Kept as it came, so that whoever sends it can mend it and send it again."""

    list_display = ("reason", "detail", "source", "received")
    list_filter = ("reason", "source")
    list_select_related = ("source",)
    show_full_result_count = False
    fields = (("reason", "received"), "detail", "source", "as_it_came")

    @display(description=_("received at"), ordering="received_at")
    def received(self, row: RejectedEvent) -> str:
        return moment(row.received_at)

    @display(description=_("as it came"))
    def as_it_came(self, row: RejectedEvent) -> str:
        return format_html('<pre class="rp-pre">{}</pre>', row.payload)
