"""Returned mail: every mail that came to us, what it says, and what was done for it."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from crm import returned_mail, tasks
from crm.admin import frame
from crm.admin.parts import LedgerAdmin, post_once
from crm.admin.tags import badge, moment
from crm.mail_choices import ReturnedDeed, ReturnedKind, ReturnedState
from crm.models import ReturnedMail

RAW = "crm.view_raw_returnedmail"
RETRY = "crm.retry_returnedmail"
_TONES = {
    ReturnedKind.HARD: "bad",
    ReturnedKind.COMPLAINT: "bad",
    ReturnedKind.BLOCK: "warn",
    ReturnedKind.FULL: "warn",
    ReturnedKind.SOFT: "warn",
    ReturnedKind.DELIVERED: "good",
}
REASONS = {
    "user_unknown": _("no such mailbox"),
    "host_unknown": _("no such host"),
    "moved": _("has moved"),
    "no_mail_host": _("the host takes no mail"),
    "mailbox_full": _("the mailbox is full"),
    "suspended": _("the mailbox is closed"),
    "filtered": _("a filter of the recipient's"),
    "rejected": _("the sender is not wanted"),
    "blocked": _("our address is blocked"),
    "reputation": _("our reputation"),
    "no_reverse_dns": _("our host has no reverse name"),
    "authentication": _("SPF, DKIM or DMARC"),
    "spam": _("taken for spam"),
    "virus": _("taken for a virus"),
    "policy": _("a policy of theirs"),
    "relaying": _("they do not relay"),
    "not_compliant": _("the mail breaks a standard"),
    "security": _("signing in or encryption"),
    "rate_limited": _("too much at once"),
    "too_many_connections": _("too many connections"),
    "too_large": _("the mail is too large"),
    "expired": _("given up after many tries"),
    "network": _("the way there"),
    "not_accepting": _("the host takes no mail now"),
    "system_full": _("their disk is full"),
    "system": _("their system"),
    "mailer": _("their delivery program"),
    "syntax": _("their server did not understand"),
    "on_hold": _("not now"),
    "undefined": _("not told"),
    "delivered": _("arrived"),
    "feedback": _("called spam"),
    "vacation": _("away"),
    "displayed": _("displayed"),
}


@admin.register(ReturnedMail)
class ReturnedMailAdmin(LedgerAdmin):
    """Each mail once; what was put aside says why and can be tried again."""

    list_display = ("said", "address", "about", "came_of_it", "taken")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("state", ChoicesDropdownFilter),
        ("deed", ChoicesDropdownFilter),
        "mailbox",
        ("taken_at", RangeDateTimeFilter),
    )
    list_filter_submit = True
    list_select_related = ("mailbox", "message")
    search_fields = ("=address",)
    search_help_text = _("Address")
    show_full_result_count = False
    fields = (
        ("said", "why"),
        ("address", "recipient"),
        "detail",
        ("about", "done"),
        ("standing", "attempts"),
        "error",
        ("mailbox", "uid", "taken"),
    )

    def get_urls(self) -> list[URLPattern]:
        views = {"raw": self.raw_view, "retry": self.retry_view}
        own = [
            path(
                f"<int:object_id>/{verb}/",
                self.admin_site.admin_view(view),
                name=f"crm_returnedmail_{verb}",
            )
            for verb, view in views.items()
        ]
        return [*own, *super().get_urls()]

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return self.list_display + _verbs_for(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields + _verbs_for(request)

    def raw_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The mail as it came, as sealed plain text."""
        if not request.user.has_perm(RAW):
            raise PermissionDenied
        mail = get_object_or_404(ReturnedMail.objects.select_related("callback"), pk=object_id)
        body = bytes(mail.callback.body) if mail.callback else b""
        text = body.decode("utf-8", errors="replace")
        return frame.document(
            format_html("<!doctype html><title>{}</title><pre>{}</pre>", str(mail), text)
        )

    def retry_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Read a mail again that was put aside."""

        def call() -> str:
            taken = returned_mail.retry(returned_mail_id=object_id, now=timezone.now())
            if taken is not None:
                return gettext("The mail is taken in.")
            tasks.ring(tasks.read_mailboxes)
            return gettext("The mailbox is asked for it again.")

        back_to = reverse("admin:crm_returnedmail_changelist")
        return post_once(request, permission=RETRY, back_to=back_to, call=call)

    @display(description=_("kind"), ordering="kind")
    def said(self, mail: ReturnedMail) -> str:
        return badge(mail.get_kind_display(), _TONES.get(ReturnedKind(mail.kind), ""))

    @display(description=_("reason"))
    def why(self, mail: ReturnedMail) -> str:
        return str(REASONS.get(mail.reason, "–"))

    @display(description=_("message"))
    def about(self, mail: ReturnedMail) -> str:
        if mail.message_id is None:
            return "–"
        return format_html(
            '<a href="{}">#{}</a>',
            reverse("admin:crm_message_change", args=[mail.message_id]),
            mail.message_id,
        )

    @display(description=_("what was done"), ordering="deed")
    def done(self, mail: ReturnedMail) -> str:
        return "–" if mail.deed == ReturnedDeed.NONE else mail.get_deed_display()

    @display(description=_("what was done"), ordering="deed")
    def came_of_it(self, mail: ReturnedMail) -> str:
        """What was done, or why nothing was."""
        is_aside = mail.state == ReturnedState.PUT_ASIDE
        return self.standing(mail) if is_aside else self.done(mail)

    @display(description=_("state"), ordering="state")
    def standing(self, mail: ReturnedMail) -> str:
        is_aside = mail.state == ReturnedState.PUT_ASIDE
        mark = badge(mail.get_state_display(), "bad" if is_aside else "good")
        return format_html("{} {}", mark, mail.error) if is_aside else mark

    @display(description=_("taken at"), ordering="taken_at")
    def taken(self, mail: ReturnedMail) -> str:
        return moment(mail.taken_at)

    @display(description=_("as it came"))
    def raw(self, mail: ReturnedMail) -> str:
        if not mail.callback_id:
            return "–"
        return _link("admin:crm_returnedmail_raw", mail, gettext("Show"))

    @display(description=_("again"))
    def again(self, mail: ReturnedMail) -> str:
        if mail.state != ReturnedState.PUT_ASIDE:
            return "–"
        return _button("admin:crm_returnedmail_retry", mail, gettext("Try again"))


def _verbs_for(request: HttpRequest) -> tuple[str, ...]:
    """The buttons that whoever looks may press."""
    rights = {"raw": RAW, "again": RETRY}
    return tuple(name for name, right in rights.items() if request.user.has_perm(right))


def _link(name: str, mail: ReturnedMail, told: str) -> str:
    return format_html(
        '<a class="rp-button rp-button--small" href="{}" target="_blank" rel="noopener">{}</a>',
        reverse(name, args=[mail.pk]),
        told,
    )


def _button(name: str, mail: ReturnedMail, told: str) -> str:
    return format_html(
        '<button type="submit" class="rp-button rp-button--small" formaction="{}">{}</button>',
        reverse(name, args=[mail.pk]),
        told,
    )
