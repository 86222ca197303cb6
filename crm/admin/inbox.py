"""The inbox: conversations in three panes that keep themselves fresh."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from crm import audit, extensions
from crm.admin import inbox_list, inbox_posts, inbox_thread, pages, reach, veiling
from crm.admin.customer_page import initials, pause_of
from crm.admin.parts import staff_of
from crm.choices import AccessKind
from crm.models import Conversation

LAST_ORDERS = 3


def page(request: HttpRequest, conversation_id: int | None = None) -> HttpResponse:
    """The whole inbox, with one conversation opened."""
    check(request)
    context = {
        **admin.site.each_context(request),
        "title": gettext("Inbox"),
        **inbox_list.read(request, current=conversation_id),
    }
    if conversation_id is None and context["rows"] and request.GET.get("open") != "none":
        return redirect(_address(context["rows"][0].pk, request))
    if conversation_id is not None:
        conversation = inbox_thread.conversation(conversation_id)
        context |= thread_context(request, conversation)
        context["beside"] = _beside(request, conversation)
        access = audit.Access(AccessKind.VIEWED, "inbox", by=staff_of(request))
        audit.note(access=access, customer_ids=[conversation.customer_id], now=timezone.now())
        context["shortcuts"] = _shortcuts(conversation)
    return render(request, "admin/crm/inbox/page.html", context)


def list_part(request: HttpRequest) -> HttpResponse:
    """The list of conversations, when something in it has changed."""
    check(request)
    current = request.GET.get("current", "")
    context = inbox_list.read(request, current=int(current) if current.isdigit() else None)
    if request.GET.get("mark") == context["list_mark"]:
        return HttpResponse(status=204)
    return render(request, "admin/crm/inbox/list.html", context)


def thread_part(request: HttpRequest, conversation_id: int) -> HttpResponse:
    """The thread, when something in it has changed; what is being typed is not touched."""
    check(request)
    conversation = inbox_thread.conversation(conversation_id)
    context = thread_context(request, conversation)
    if request.GET.get("mark") == context["mark"]:
        return HttpResponse(status=204)
    return render(request, "admin/crm/inbox/thread_part.html", context)


def act(request: HttpRequest, conversation_id: int, verb: str) -> HttpResponse:
    """Do one thing to a conversation and answer with the thread as it is then."""
    check(request)
    conversation = get_object_or_404(Conversation, pk=conversation_id)
    done = inbox_posts.do(request, conversation, verb)
    with veiling.reading(request):
        context = thread_context(request, inbox_thread.conversation(conversation_id))
        context |= {"problem": done.problem, "done": done.words, "is_answer": True}
        response = render(request, "admin/crm/inbox/thread_part.html", context)
    if not done.problem and verb in inbox_posts.WRITTEN:
        response["HX-Trigger"] = "rp-written"
    return response


def thread_context(request: HttpRequest, conversation: Conversation) -> dict[str, Any]:
    """What the middle pane shows."""
    entries = inbox_thread.read(conversation=conversation)
    return {
        "conversation": conversation,
        "entries": entries,
        "mark": inbox_thread.mark(conversation=conversation, entries=entries),
        "initials": initials(conversation.customer),
        "is_mine": conversation.assigned_to_id == request.user.pk,
    }


def check(request: HttpRequest) -> None:
    """Only staff who may use the inbox."""
    if not request.user.has_perm("crm.use_inbox"):
        raise PermissionDenied


def _beside(request: HttpRequest, conversation: Conversation) -> dict[str, Any]:
    now = timezone.now()
    customer = conversation.customer
    panels = [panel(conversation, now) for panel in extensions.inbox_panels.all()]
    return {
        "statistics": getattr(customer, "order_statistics", None),
        "currency": settings.SHOP_CURRENCY,
        "reach": reach.of_customers(customer_ids=[customer.pk], now=now)[customer.pk],
        "pause": pause_of(customer, now),
        "orders": customer.orders.all()[:LAST_ORDERS],
        "panels": [
            (panel.title, render_to_string(panel.template, dict(panel.context), request=request))
            for panel in panels
        ],
    }


def _shortcuts(conversation: Conversation) -> list[dict[str, str]]:
    found = [pair for read in extensions.reply_shortcuts.all() for pair in read(conversation)]
    return [{"shortcut": shortcut, "text": text} for shortcut, text in found]


def _address(conversation_id: int, request: HttpRequest) -> str:
    query = request.GET.urlencode()
    address = reverse("admin:crm_inbox_conversation", args=[conversation_id])
    return f"{address}?{query}" if query else address


pages.add("crm/inbox/", page, name="crm_inbox")
pages.add("crm/inbox/list/", list_part, name="crm_inbox_list")
pages.add("crm/inbox/<int:conversation_id>/", page, name="crm_inbox_conversation")
pages.add("crm/inbox/<int:conversation_id>/thread/", thread_part, name="crm_inbox_thread")
pages.add("crm/inbox/<int:conversation_id>/<slug:verb>/", act, name="crm_inbox_act")
