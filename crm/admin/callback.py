"""Callbacks: what providers told us, as it came."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from crm.admin.parts import LedgerAdmin
from crm.admin.tags import json_block, moment, state
from crm.models import Callback

SHOWN_BYTES = 20_000


@admin.register(Callback)
class CallbackAdmin(LedgerAdmin):
    """Each call once, with how its processing stands; the body is shown as plain text."""

    list_display = ("__str__", "standing", "attempts", "received", "processed", "error")
    list_filter = (("state", ChoicesDropdownFilter), "provider")
    list_filter_submit = True
    search_fields = ("=key", "provider")
    show_full_result_count = False
    fields = (
        ("provider", "standing"),
        ("received", "processed"),
        ("attempts", "error"),
        "key",
        "sent_headers",
        "raw",
    )

    @display(description=_("state"), ordering="state")
    def standing(self, callback: Callback) -> str:
        return state(callback)

    @display(description=_("received at"), ordering="received_at")
    def received(self, callback: Callback) -> str:
        return moment(callback.received_at)

    @display(description=_("processed at"), ordering="processed_at")
    def processed(self, callback: Callback) -> str:
        return moment(callback.processed_at)

    @display(description=_("headers"))
    def sent_headers(self, callback: Callback) -> str:
        return json_block(callback.headers)

    @display(description=_("body"))
    def raw(self, callback: Callback) -> str:
        text = bytes(callback.body[:SHOWN_BYTES]).decode("utf-8", errors="replace")
        return format_html('<pre class="rp-pre">{}</pre>', text)
