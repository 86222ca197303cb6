"""The outbox: what the built-in catcher received, and the world's answers to it at a button."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Case, F, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from crm import masking, messages, outbox
from crm.admin import frame
from crm.admin.parts import LedgerAdmin, post_once
from crm.admin.tags import moment, with_channel
from crm.choices import Channel
from crm.models import CaughtMessage, veil


@admin.register(CaughtMessage)
class CaughtMessageAdmin(LedgerAdmin):
    """Every mail and SMS exactly as it left us."""

    list_display = ("recipient_shown", "subject_shown", "sender", "caught")
    list_filter = (("channel", ChoicesDropdownFilter), ("caught_at", RangeDateTimeFilter))
    list_filter_submit = True
    list_before_template = "admin/crm/outbox/banner.html"
    search_fields = ("recipient", "subject")
    search_help_text = _("Address or subject")
    show_full_result_count = False
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> Any:
        # A mail is long: only an SMS is read for the list.
        said = Case(When(channel=Channel.SMS, then=F("raw")))
        return super().get_queryset(request).defer("raw").annotate(said=said)

    def get_urls(self) -> list[URLPattern]:
        own: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("write/", self.write_view, "crm_caughtmessage_write"),
            ("<int:object_id>/content/", self.content_view, "crm_caughtmessage_content"),
            ("<int:object_id>/reply/", self.reply_view, "crm_caughtmessage_reply"),
            ("<int:object_id>/bounce/", self.bounce_view, "crm_caughtmessage_bounce"),
            ("<int:object_id>/complain/", self.complain_view, "crm_caughtmessage_complain"),
        ]
        urls = [
            path(route, self.admin_site.admin_view(view), name=name) for route, view, name in own
        ]
        return urls + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        extra = {
            "title": gettext("Outbox"),
            "carriers": [_carrier(Channel.EMAIL), _carrier(Channel.SMS)],
            "channels": Channel.choices,
        }
        return super().changelist_view(request, {**(extra_context or {}), **extra})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        caught = self._caught(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": caught.subject or str(caught),
            "opts": self.opts,
            "original": caught,
            "caught": caught,
            "content": outbox.read(caught=caught),
            "source": bytes(caught.raw).decode("utf-8", errors="replace"),
            "message": messages.find(key=caught.key),
            "is_mail": caught.channel == Channel.EMAIL,
        }
        return render(request, "admin/crm/outbox/page.html", context)

    def content_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The HTML of the mail, as a sealed document."""
        return frame.document(outbox.read(caught=self._caught(request, object_id)).html)

    def reply_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Answer as the person who got it would."""
        caught = self._caught(request, object_id)

        def call() -> str:
            text = request.POST.get("text", "").strip()
            if not text:
                raise ValidationError(gettext("Write something first."))
            outbox.reply_as(caught=caught, text=text)
            return gettext("The reply is on its way to us, as the provider would send it.")

        return self._post(request, object_id, call)

    def bounce_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Let it come back as undeliverable."""
        caught = self._caught(request, object_id)

        def call() -> str:
            outbox.bounce(caught=caught)
            return gettext("The bounce is on its way to us.")

        return self._post(request, object_id, call)

    def complain_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Let the person press “spam”."""
        caught = self._caught(request, object_id)

        def call() -> str:
            outbox.complain(caught=caught)
            return gettext("The complaint is on its way to us.")

        return self._post(request, object_id, call)

    def write_view(self, request: HttpRequest) -> HttpResponse:
        """Write to us as anybody would: a customer, or a stranger."""

        def call() -> str:
            names = ("channel", "sender", "subject", "text")
            wanted = {name: request.POST.get(name, "").strip() for name in names}
            if wanted["channel"] not in Channel.values or not (wanted["sender"] and wanted["text"]):
                raise ValidationError(gettext("Say who writes, and what."))
            outbox.write_as(**wanted)
            return gettext("The message is on its way to us; look at the inbox.")

        return self._post(request, None, call)

    def _post(
        self, request: HttpRequest, object_id: int | None, call: Callable[[], str]
    ) -> HttpResponse:
        name = "change" if object_id else "changelist"
        back_to = reverse(
            f"admin:crm_caughtmessage_{name}", args=[object_id] if object_id else None
        )
        return post_once(request, permission="crm.use_inbox", back_to=back_to, call=call)

    def _caught(self, request: HttpRequest, object_id: str | int) -> CaughtMessage:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(CaughtMessage, pk=object_id)

    @display(description=_("to"), ordering="recipient")
    def recipient_shown(self, caught: CaughtMessage) -> str:
        return with_channel(caught.channel, caught.recipient)

    @display(description=_("subject"))
    def subject_shown(self, caught: CaughtMessage) -> str:
        if caught.channel != Channel.SMS:
            return caught.subject or "–"
        if veil.is_drawn():
            return masking.DOTS
        return Truncator(outbox.said(raw=bytes(caught.said))).chars(80)  # type: ignore[attr-defined]

    @display(description=_("caught at"), ordering="caught_at")
    def caught(self, caught: CaughtMessage) -> str:
        return moment(caught.caught_at)


def _carrier(channel: Channel) -> dict[str, Any]:
    """Who carries a channel here, without the secrets that its address may hold."""
    url = urlsplit(settings.EMAIL_URL if channel == Channel.EMAIL else settings.SMS_URL)
    return {
        "channel": channel,
        "host": url.hostname or url.scheme,
        "stays": url.hostname in ("127.0.0.1", "localhost", "::1"),
        "setting": "EMAIL_URL" if channel == Channel.EMAIL else "SMS_URL",
    }
