"""The timeline of a customer: what they did and what was said, newest first, page by page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, F, Q, QuerySet, Value
from django.utils.translation import gettext_lazy as _

from crm.admin import event_facts
from crm.models import Event, Message, Product

PAGE = 25
# These say what the message beside them says already.
TOLD_BY_MESSAGES = ("message.sent", "message.received")

FILTERS: Mapping[str, Any] = {
    "": _("Everything"),
    "orders": _("Orders"),
    "messages": _("Messages"),
    "visits": _("Visits"),
    "consent": _("Consent"),
}
_NOT_VISITS = ("order.", "message.", "consent.")

NAMES: Mapping[str, tuple[Any, str]] = {
    "order.placed": (_("Placed an order"), "shopping_cart"),
    "order.cancelled": (_("Order cancelled"), "remove_shopping_cart"),
    "order.refunded": (_("Order refunded"), "currency_exchange"),
    "message.received": (_("Message received"), "mail"),
    "message.sent": (_("Message sent"), "send"),
    "message.delivered": (_("Message delivered"), "mark_email_read"),
    "message.opened": (_("Opened a message"), "drafts"),
    "message.clicked": (_("Clicked a link"), "ads_click"),
    "message.bounced": (_("Message bounced"), "unsubscribe"),
    "message.complained": (_("Complained about a message"), "report"),
    "message.failed": (_("Message failed"), "error"),
    "consent.granted": (_("Gave consent"), "verified_user"),
    "consent.withdrawn": (_("Withdrew consent"), "gpp_bad"),
    "product.viewed": (_("Looked at a product"), "visibility"),
    "page.viewed": (_("Looked at a page"), "web"),
    "cart.left": (_("Left a cart behind"), "remove_shopping_cart"),
    "cart.updated": (_("Changed the cart"), "add_shopping_cart"),
    "product.added": (_("Put a product in the cart"), "add_shopping_cart"),
    "search.performed": (_("Searched the shop"), "search"),
    "customer.signed_up": (_("Signed up"), "person_add"),
}


@dataclass(frozen=True)
class Cursor:
    """The last entry shown; the next page holds what comes after it."""

    at: datetime
    kind: str
    pk: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}_{self.kind}_{self.pk}"

    @classmethod
    def read(cls, text: str) -> "Cursor | None":
        """Read a cursor from an address, or none where there is none."""
        try:
            at, kind, pk = text.rsplit("_", 2)
            return cls(datetime.fromisoformat(at), kind, int(pk))
        except ValueError:
            return None


@dataclass(frozen=True)
class Entry:
    """One line of the timeline: an event or a message."""

    at: datetime
    event: Event | None = None
    message: Message | None = None
    title: Any = ""
    icon: str = "bolt"
    # What it is about: the product, where the event names one.
    about: str = ""
    facts: tuple[tuple[Any, Any], ...] = ()
    message_id: int | None = None


@dataclass(frozen=True)
class Page:
    """Some entries and where the next ones begin, empty at the end."""

    entries: list[Entry]
    after: str


def read(*, customer_id: int, show: str = "", after: str = "") -> Page:
    """One page of a customer's timeline, in three statements whatever its length."""
    cursor = Cursor.read(after)
    events = _narrow_events(Event.objects.filter(customer_id=customer_id), show)
    messages = _narrow_messages(Message.objects.filter(customer_id=customer_id), show)
    keys = _keys(events, messages, cursor)
    rows = keys[:PAGE]
    more = str(Cursor(*rows[-1])) if len(keys) > PAGE else ""
    return Page(_load(rows), more)


def _keys(
    events: QuerySet[Event], messages: QuerySet[Message], cursor: Cursor | None
) -> list[tuple[datetime, str, int]]:
    sides = [
        _side(events, "event", "occurred_at", cursor),
        _side(messages, "message", "created_at", cursor),
    ]
    # Each side is cut before they are joined, so that both are read from their index.
    joined = sides[0].union(sides[1], all=True).order_by("-at", "-kind", "-id")
    return list(joined[: PAGE + 1])


def _side(rows: QuerySet[Any], kind: str, moment: str, cursor: Cursor | None) -> QuerySet[Any]:
    if cursor is not None:
        earlier = Q(**{f"{moment}__lt": cursor.at})
        if kind == cursor.kind:
            earlier |= Q(**{moment: cursor.at, "id__lt": cursor.pk})
        elif kind < cursor.kind:
            earlier |= Q(**{moment: cursor.at})
        rows = rows.filter(earlier)
    return (
        rows.order_by(f"-{moment}", "-id")
        .annotate(at=F(moment), kind=Value(kind, output_field=CharField()))
        .values_list("at", "kind", "id")[: PAGE + 1]
    )


def _narrow_events(events: QuerySet[Event], show: str) -> QuerySet[Event]:
    events = events.exclude(name__in=TOLD_BY_MESSAGES)
    if show == "visits":
        for prefix in _NOT_VISITS:
            events = events.exclude(name__startswith=prefix)
        return events
    prefix = {"orders": "order.", "messages": "message.", "consent": "consent."}.get(show, "")
    return events.filter(name__startswith=prefix) if prefix else events


def _narrow_messages(messages: QuerySet[Message], show: str) -> QuerySet[Message]:
    return messages if show in ("", "messages") else messages.none()


def _load(rows: list[tuple[datetime, str, int]]) -> list[Entry]:
    events = Event.objects.in_bulk([pk for _at, kind, pk in rows if kind == "event"])
    messages = (
        Message.objects.select_related("template_version__template", "staff")
        .defer("variables")
        .in_bulk([pk for _at, kind, pk in rows if kind == "message"])
    )
    products = _product_names(events.values())
    return [
        _tell(events[pk], products) if kind == "event" else Entry(at=at, message=messages[pk])
        for at, kind, pk in rows
    ]


def _product_names(events: Iterable[Event]) -> dict[str, str]:
    skus = {sku for event in events if (sku := _word(event, "sku"))}
    if not skus:
        return {}
    return dict(Product.objects.filter(sku__in=skus).values_list("sku", "name"))


def _tell(event: Event, products: Mapping[str, str]) -> Entry:
    title, icon = NAMES.get(event.name, (event.name, "bolt"))
    about = products.get(_word(event, "sku"), "")
    untold = {"message_id", "conversation_id", *(["sku"] if about else [])}
    facts = event_facts.told(_properties(event), untold=untold)
    message_id = _properties(event).get("message_id")
    return Entry(
        at=event.occurred_at,
        event=event,
        title=title,
        icon=icon,
        about=about,
        facts=facts[:4],
        message_id=message_id if isinstance(message_id, int) else None,
    )


def _properties(event: Event) -> dict[str, Any]:
    # Whoever reports an event decides what is in it.
    return event.properties if isinstance(event.properties, dict) else {}


def _word(event: Event, name: str) -> str:
    value = _properties(event).get(name)
    return value if isinstance(value, str) else ""
