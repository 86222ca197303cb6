"""The timeline of a customer: all they did, what was said and decided, newest first, by pages."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import CharField, F, Q, QuerySet, Value
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from crm.admin import event_facts, timeline_rows
from crm.admin.timeline_rows import Entry
from crm.admin.timeline_words import BROWSING, NAMES, NOISE, NOT_VISITS, TOLD_BY_MESSAGES
from crm.models import Event, Message, Product

__all__ = ["FILTERS", "NAMES", "TOLD_BY_MESSAGES", "Cursor", "Entry", "Page", "read"]

PAGE = 25
# Fewer looks around than these are told one by one; more are folded.
FOLDED_FROM = 4

FILTERS: Mapping[str, Any] = {
    "": _("Everything"),
    "orders": _("Orders"),
    "messages": _("Messages"),
    "visits": _("Visits"),
    "consent": _("Consent and privacy"),
    "staff": _("Staff"),
}
_PREFIXES = {"orders": "order.", "messages": "message.", "consent": "consent."}
Key = tuple[datetime, str, int]


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
class Page:
    """Some entries and where the next ones begin, empty at the end."""

    entries: list[Entry]
    after: str


def read(*, customer_id: int, request: HttpRequest, show: str = "", after: str = "") -> Page:
    """One page of a customer's timeline, in a few statements whatever its length.

    What the reader may not look at elsewhere is not told here either.
    """
    cursor = Cursor.read(after)
    sides = [_side(rows, kind, at, cursor) for kind, at, rows in _sides(customer_id, request, show)]
    keys = _newest(sides)
    shown = keys[:PAGE]
    more = str(Cursor(*shown[-1])) if len(keys) > PAGE else ""
    entries = _load(shown)
    return Page(entries if show else list(_folded(entries)), more)


def _sides(
    customer_id: int, request: HttpRequest, show: str
) -> Iterator[tuple[str, str, QuerySet[Any]]]:
    if show != "staff":
        events = Event.objects.filter(customer_id=customer_id)
        yield "event", "occurred_at", _narrow_events(events, show)
    if show in {"", "messages"}:
        yield "message", "created_at", Message.objects.filter(customer_id=customer_id)
    for kind, source in timeline_rows.SOURCES.items():
        if show in {"", source.filter} and request.user.has_perm(source.permission):
            yield kind, source.moment, source.rows(customer_id)


def _newest(sides: list[QuerySet[Any]]) -> list[Key]:
    if len(sides) < 2:
        return [key for side in sides for key in side]
    # Each side is cut before they are joined, so that all are read from their index.
    joined = sides[0].union(*sides[1:], all=True)
    return list(joined.order_by("-at", "-entry_kind", "-id")[: PAGE + 1])


def _side(rows: QuerySet[Any], kind: str, moment: str, cursor: Cursor | None) -> QuerySet[Any]:
    if cursor is not None:
        earlier = Q(**{f"{moment}__lt": cursor.at})
        if kind == cursor.kind:
            earlier |= Q(**{moment: cursor.at, "id__lt": cursor.pk})
        elif kind < cursor.kind:
            earlier |= Q(**{moment: cursor.at})
        rows = rows.filter(earlier)
    told = rows.annotate(at=F(moment), entry_kind=Value(kind, output_field=CharField()))
    return told.order_by(f"-{moment}", "-id").values_list("at", "entry_kind", "id")[: PAGE + 1]


def _narrow_events(events: QuerySet[Event], show: str) -> QuerySet[Event]:
    events = events.exclude(name__in=TOLD_BY_MESSAGES if show == "messages" else NOISE)
    if show == "visits":
        for prefix in NOT_VISITS:
            events = events.exclude(name__startswith=prefix)
        return events
    prefix = _PREFIXES.get(show, "")
    return events.filter(name__startswith=prefix) if prefix else events


def _load(keys: list[Key]) -> list[Entry]:
    wanted: dict[str, list[int]] = {}
    for _at, kind, pk in keys:
        wanted.setdefault(kind, []).append(pk)
    tellers: dict[str, Callable[[int], Entry]] = {
        kind: timeline_rows.teller(kind=kind, pks=pks)
        for kind, pks in wanted.items()
        if kind in timeline_rows.SOURCES
    }
    tellers["event"] = _events(wanted.get("event", []))
    tellers["message"] = _messages(wanted.get("message", []))
    return [tellers[kind](pk) for _at, kind, pk in keys]


def _folded(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Many looks around with nothing between become one entry that opens."""
    for is_browsing, group in groupby(entries, key=_is_browsing):
        steps = list(group)
        if not is_browsing or len(steps) < FOLDED_FROM:
            yield from steps
        else:
            yield Entry(at=steps[0].at, icon="travel_explore", folded=tuple(steps))


def _is_browsing(entry: Entry) -> bool:
    return entry.event is not None and entry.event.name in BROWSING


def _messages(pks: list[int]) -> Callable[[int], Entry]:
    rows = Message.objects.select_related("template_version__template", "staff")
    found = rows.in_bulk(pks) if pks else {}
    return lambda pk: Entry(at=found[pk].created_at, message=found[pk])


def _events(pks: list[int]) -> Callable[[int], Entry]:
    found = Event.objects.in_bulk(pks) if pks else {}
    products = _product_names(found.values())
    return lambda pk: _tell(found[pk], products)


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
