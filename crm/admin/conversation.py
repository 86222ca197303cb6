"""Conversations as records; staff work with them in the inbox."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from crm.admin.parts import LedgerAdmin
from crm.admin.tags import moment, state
from crm.models import Conversation


@admin.register(Conversation)
class ConversationAdmin(LedgerAdmin):
    """Every thread with how it stands."""

    list_display = (
        "__str__",
        "standing",
        "answered_by",
        "assigned_to",
        "waiting",
        "last",
    )
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("handler", ChoicesDropdownFilter),
        ("channel", ChoicesDropdownFilter),
    )
    list_filter_submit = True
    list_select_related = ("customer", "assigned_to")
    search_fields = ("customer__email", "customer__phone", "subject")
    show_full_result_count = False
    fields = (
        ("customer", "channel"),
        "in_the_inbox",
        "subject",
        ("standing", "answered_by"),
        ("assigned_to", "handed_over_because"),
        ("opened", "last"),
        ("waiting", "closed"),
    )

    @display(description=_("inbox"))
    def in_the_inbox(self, conversation: Conversation) -> str:
        address = reverse("admin:crm_inbox_conversation", args=[conversation.pk])
        return format_html('<a class="rp-link" href="{}">{}</a>', address, _("Open in the inbox"))

    @display(description=_("state"), ordering="state")
    def standing(self, conversation: Conversation) -> str:
        return state(conversation)

    @display(description=_("answered by"), ordering="handler")
    def answered_by(self, conversation: Conversation) -> str:
        return state(conversation, "handler")

    @display(description=_("waiting since"), ordering="waiting_since_at")
    def waiting(self, conversation: Conversation) -> str:
        return moment(conversation.waiting_since_at)

    @display(description=_("opened at"), ordering="opened_at")
    def opened(self, conversation: Conversation) -> str:
        return moment(conversation.opened_at)

    @display(description=_("last message"), ordering="last_message_at")
    def last(self, conversation: Conversation) -> str:
        return moment(conversation.last_message_at)

    @display(description=_("closed at"), ordering="closed_at")
    def closed(self, conversation: Conversation) -> str:
        return moment(conversation.closed_at)
