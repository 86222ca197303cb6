"""Messages: the ledger of everything said, and exactly what the customer got."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from crm import audit, extensions, messages, rendering
from crm.admin import frame
from crm.admin.parts import LedgerAdmin, staff_of
from crm.admin.tags import moment, state, with_channel
from crm.admin.timeline_words import NAMES, TOLD_BY_MESSAGES
from crm.choices import AccessKind
from crm.models import CaughtMessage, Event, Message, veil
from crm.models.message import WATCHED_STATES


class StateFilter(ChoicesDropdownFilter):
    """Finds the states that are watched by their index."""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        wanted = self.value()
        is_watched = wanted in WATCHED_STATES
        found = queryset.filter(watched_state=wanted) if is_watched else queryset
        return super().queryset(request, found)


@admin.register(Message)
class MessageAdmin(LedgerAdmin):
    """One row per thing said, in or out, with how it fared."""

    list_display = ("said", "customer", "standing", "why", "author", "purpose", "created")
    list_filter = (
        ("state", StateFilter),
        ("reason", ChoicesDropdownFilter),
        ("channel", ChoicesDropdownFilter),
        ("purpose", ChoicesDropdownFilter),
        ("author", ChoicesDropdownFilter),
        ("created_at", RangeDateTimeFilter),
    )
    list_filter_submit = True
    list_select_related = ("customer", "template_version__template")
    search_fields = ("address", "=key", "=provider_message_id")
    search_help_text = _("Address, key or the provider's id")
    show_full_result_count = False
    list_per_page = 50

    def get_urls(self) -> list[URLPattern]:
        content = path(
            "<int:object_id>/content/",
            self.admin_site.admin_view(self.content_view),
            name="crm_message_content",
        )
        return [content, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        message = self._message(request, object_id)
        access = audit.Access(AccessKind.VIEWED, "message", by=staff_of(request))
        audit.note(access=access, customer_ids=[message.customer_id], now=timezone.now())
        context = {
            **self.admin_site.each_context(request),
            "title": str(message),
            "opts": self.opts,
            "original": message,
            "message": message,
            "source": _source(message),
            "caught": _caught(message),
            "events": _events(message),
            **_shown(message),
        }
        return render(request, "admin/crm/message/page.html", context)

    def content_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The HTML that the customer got, as a sealed document."""
        return frame.document(_shown(self._message(request, object_id))["html"])

    def _message(self, request: HttpRequest, object_id: str | int) -> Message:
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = Message.objects.select_related(
            "customer", "conversation", "staff", "template_version__template"
        ).prefetch_related("template_version__snippet_uses__snippet_version__snippet")
        return get_object_or_404(found, pk=object_id)

    @display(description=_("message"))
    def said(self, message: Message) -> str:
        version = message.template_version
        words = message.subject or message.text or (version.template.name if version else "")
        return with_channel(message.channel, words[:80] or str(message))

    @display(description=_("state"), ordering="state")
    def standing(self, message: Message) -> str:
        return state(message)

    @display(description=_("reason"), ordering="reason")
    def why(self, message: Message) -> str:
        return message.get_reason_display()

    @display(description=_("created at"), ordering="id")
    def created(self, message: Message) -> str:
        return moment(message.created_at)


def _shown(message: Message) -> dict[str, Any]:
    if veil.is_drawn():
        problem = _("What was said is shown to staff who may see personal data.")
        return {"subject": message.subject, "html": "", "text": message.text, "problem": problem}
    try:
        shown = messages.show(message=message)
    except rendering.RenderError as error:
        return {"subject": message.subject, "html": "", "text": "", "problem": str(error)}
    changed = _("Shown again it differs from what was sent: settings or links have changed since.")
    return {
        "subject": shown.subject,
        "html": shown.html,
        "text": shown.text,
        "problem": "" if shown.is_exact else changed,
    }


def _source(message: Message) -> tuple[str, str] | None:
    if message.source_kind not in set(extensions.message_sources.names()):
        return None
    words_and_address: tuple[str, str] = extensions.message_sources.get(message.source_kind)(
        message.source_id
    )
    return words_and_address


def _caught(message: Message) -> CaughtMessage | None:
    # A Message-ID is our key and a domain.
    ours = Q(key=message.key) | Q(key__startswith=f"{message.key}@")
    return CaughtMessage.objects.filter(ours).only("pk").first()


def _events(message: Message) -> Any:
    found = Event.objects.filter(
        customer_id=message.customer_id,
        name__startswith="message.",
        properties__message_id=message.pk,
    )
    # The message itself says when it was sent and delivered.
    found = found.exclude(name__in=(*TOLD_BY_MESSAGES, "message.delivered"))
    found = found.order_by("occurred_at", "id")[:50]
    return [(NAMES.get(event.name, (event.name, ""))[0], event) for event in found]
