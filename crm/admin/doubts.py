"""The page of messages in doubt: why, since when, what will be done, and staff's word."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm import doubts, tasks
from crm.admin import pages
from crm.admin.parts import post_once, staff_of
from crm.choices import Purpose

PAGE = 50
_SEE, _SETTLE = "crm.view_message", "crm.settle_message"
_VERBS = {
    "sent": doubts.say_sent,
    "failed": doubts.say_failed,
    "again": doubts.send_again,
}


def page(request: HttpRequest) -> HttpResponse:
    """Every message in doubt, the oldest first."""
    if not request.user.has_perm(_SEE):
        raise PermissionDenied
    found = doubts.doubtful().select_related("customer").defer("text")
    listed = Paginator(found, PAGE).get_page(request.GET.get("page"))
    now = timezone.now()
    context = {
        **admin.site.each_context(request),
        "title": _("In doubt"),
        "page": listed,
        "rows": [(message, doubts.fate(message=message, now=now)) for message in listed],
        "may_settle": request.user.has_perm(_SETTLE),
        "may_any_go_again": any(not Purpose(one.purpose).needs_consent for one in listed),
    }
    return render(request, "admin/crm/doubts/page.html", context)


def settle(request: HttpRequest) -> HttpResponse:
    """Say of the chosen messages that they arrived or did not, or send them again."""

    def call() -> str:
        verb = _VERBS.get(request.POST.get("verb", ""))
        chosen = [int(pk) for pk in request.POST.getlist("message") if pk.isdigit()]
        if verb is None or not chosen:
            raise ValidationError(_("Choose messages and say what is known of them."))
        for message_id in chosen:
            _say(verb, message_id, request)
        if verb is doubts.send_again:
            tasks.ring(tasks.send_queued_messages)
        return ngettext(
            "%(count)s message is settled.", "%(count)s messages are settled.", len(chosen)
        ) % {"count": len(chosen)}

    back = reverse("admin:crm_doubts")
    return post_once(request, permission=_SETTLE, back_to=back, call=call)


def _say(verb: Any, message_id: int, request: HttpRequest) -> None:
    reason = request.POST.get("reason", "").strip()[:200]
    try:
        verb(message_id=message_id, by=staff_of(request), reason=reason, now=timezone.now())
    except doubts.NotInDoubt as error:
        words = f"#{message_id}: {error}"
        raise ValidationError(words) from error


pages.add("crm/doubts/", page, name="crm_doubts")
pages.add("crm/doubts/settle/", settle, name="crm_doubts_settle")
