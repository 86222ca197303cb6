"""The left pane of the inbox: which conversations, how many of each kind, what was said last."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from crm import masking, search
from crm.choices import ConversationState, Handler
from crm.models import Conversation, Message, veil

SHOWN = 60
_OPEN = Q(state=ConversationState.OPEN)
_WAITING = _OPEN & Q(handler=Handler.STAFF, waiting_since_at__isnull=False)

# What each filter shows; the person at the screen is asked for where it matters.
FILTERS: Mapping[str, tuple[Any, Callable[[Any], Q]]] = {
    "waiting": (_("Waiting"), lambda user: _WAITING),
    "mine": (_("Mine"), lambda user: _OPEN & Q(assigned_to=user)),
    "bot": (_("Bot"), lambda user: _OPEN & Q(handler=Handler.BOT)),
    "open": (_("All open"), lambda user: _OPEN),
    "closed": (_("Closed"), lambda user: Q(state=ConversationState.CLOSED)),
}
DEFAULT = "open"
_COUNTED = ("waiting", "mine", "bot", "open")


def read(request: HttpRequest, *, current: int | None) -> dict[str, Any]:
    """The list under the chosen filter, in three statements whatever its length."""
    chosen = request.GET.get("filter", DEFAULT)
    chosen = chosen if chosen in FILTERS else DEFAULT
    text = request.GET.get("q", "").strip()
    rows = list(_conversations(request, chosen, text))
    if veil.is_drawn():
        for row in rows:
            row.last_text = masking.hidden(row.last_text or "")  # type: ignore[attr-defined]
    counts = _counts(request)
    filters = [(key, label, counts.get(key)) for key, (label, _where) in FILTERS.items()]
    return {
        "rows": rows,
        "filters": filters,
        "filter": chosen,
        "q": text,
        "current": current,
        "list_mark": _mark(rows, counts),
    }


def waiting_badge(request: HttpRequest) -> str:
    """How many wait for staff, beside “Inbox” in the sidebar; nothing where nobody does."""
    if not request.user.has_perm("crm.use_inbox"):
        return ""
    return str(Conversation.objects.filter(_WAITING).count() or "")


def _conversations(request: HttpRequest, chosen: str, text: str) -> QuerySet[Conversation]:
    last = Message.objects.filter(conversation=OuterRef("pk")).order_by("-created_at", "-id")
    found = (
        Conversation.objects.filter(FILTERS[chosen][1](request.user))
        .select_related("customer", "assigned_to")
        .annotate(
            last_text=Subquery(last.values("text")[:1]),
            last_direction=Subquery(last.values("direction")[:1]),
        )
    )
    if text:
        found = found.filter(customer__in=search.customer_ids(text=text))
    if chosen == "waiting":
        # Who waits longest comes first.
        return found.order_by("waiting_since_at")[:SHOWN]
    return found.order_by("-last_message_at")[:SHOWN]


def _counts(request: HttpRequest) -> dict[str, int]:
    counted = {key: Count("pk", filter=FILTERS[key][1](request.user)) for key in _COUNTED}
    return Conversation.objects.filter(_OPEN).aggregate(**counted)


def _mark(rows: list[Conversation], counts: dict[str, int]) -> str:
    told = [
        (
            row.pk,
            row.state,
            row.handler,
            row.assigned_to_id,
            row.waiting_since_at,
            row.last_message_at,
        )
        for row in rows
    ]
    return hashlib.sha256(repr((told, counts)).encode()).hexdigest()[:16]
