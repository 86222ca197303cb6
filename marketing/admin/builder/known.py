"""Values from real data, the most frequent first, kept for some minutes."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.models import Case, When

from crm.choices import AttributeType
from crm.models import AttributeDefinition, Event, Product
from marketing.models import Segment
from marketing.rules.conditions.understanding import MAX_ID

# The customer's columns that hold few different values and tell nobody apart.
COLUMNS = ("country", "language", "city", "time_zone")
PRODUCT_COLUMNS = ("category", "brand")
COMPANY_COLUMNS = ("industry", "country")

KEPT_SECONDS = 300
MOST_KEPT = 500
# What is looked at to see what is usual.
NEWEST_CUSTOMERS = 20_000
NEWEST_EVENTS = 2_000


@dataclass(frozen=True, slots=True)
class Value:
    """One value: as the rules write it, as people read it, and its share in percent."""

    value: str
    label: str
    share: int | None = None


def columns(*, name: str) -> list[Value]:
    """What a column of the customer holds."""
    if name not in COLUMNS:
        return []
    quoted = connection.ops.quote_name(name)
    return _kept(
        f"column:{name}",
        lambda: _counted(
            f"SELECT {quoted} FROM crm_customer ORDER BY id DESC LIMIT {NEWEST_CUSTOMERS}"  # noqa: S608
        ),
    )


def attributes() -> list[Value]:
    """The names of free facts."""
    found = AttributeDefinition.objects.order_by("name")[:MOST_KEPT]
    return [Value(row.name, str(row)) for row in found]


def attribute(*, name: str) -> list[Value]:
    """What an attribute holds: its choices where staff named them."""
    defined = AttributeDefinition.objects.filter(name=name).first()
    if defined and defined.choices:
        return [Value(option, option) for option in defined.choices]
    if defined and defined.type == AttributeType.BOOLEAN:
        return [Value(option, option) for option in ("true", "false")]
    return _kept(
        f"attribute:{name}",
        lambda: _counted(
            "SELECT attributes ->> %s FROM (SELECT attributes FROM crm_customer"  # noqa: S608
            f" ORDER BY id DESC LIMIT {NEWEST_CUSTOMERS}) AS newest",
            name,
        ),
    )


def events() -> list[Value]:
    """The names of everything that customers did."""
    return _kept("events", lambda: _told(_skip_scan(Event, "name")))


def properties(*, event: str) -> list[Value]:
    """The names of the properties that an event of late had."""
    newest = _newest_events("properties")
    return _kept(
        f"properties:{event}",
        lambda: _counted(f"SELECT jsonb_object_keys(properties) FROM ({newest}) AS newest", event),  # noqa: S608
    )


def property_values(*, event: str, name: str) -> list[Value]:
    """What a property of an event of late was."""
    newest = _newest_events("properties")
    return _kept(
        f"property:{event}:{name}",
        lambda: _counted(
            f"SELECT properties ->> %s FROM ({newest}) AS newest",  # noqa: S608
            name,
            event,
        ),
    )


def products(*, by: str) -> list[Value]:
    """Categories or brands of the catalogue."""
    if by not in PRODUCT_COLUMNS:
        return []
    return _kept(f"products:{by}", lambda: _told(_skip_scan(Product, by)))


def companies(*, name: str) -> list[Value]:
    """What companies are like."""
    if name not in COMPANY_COLUMNS:
        return []
    quoted = connection.ops.quote_name(name)
    return _kept(
        f"company:{name}",
        lambda: _counted(
            f"SELECT {quoted} FROM crm_company ORDER BY id DESC LIMIT {NEWEST_CUSTOMERS}"  # noqa: S608
        ),
    )


def find_products(*, text: str, most: int) -> list[Value]:
    """Products by name or number; there may be too many to keep."""
    found = Product.objects.filter(name__icontains=text) | Product.objects.filter(
        sku__istartswith=text
    )
    return _named(found.order_by("name")[:most])


def name_products(*, skus: list[str]) -> list[Value]:
    """The names of products whose numbers are known."""
    return _named(Product.objects.filter(sku__in=skus))


def find_segments(*, text: str, most: int) -> list[Value]:
    """Segments by name, those first that begin with the text."""
    found = Segment.objects.filter(name__icontains=text)
    starts = Case(When(name__istartswith=text, then=0), default=1)
    return _numbered(found.order_by(starts, "name")[:most])


def name_segments(*, numbers: list[int]) -> list[Value]:
    """The names of segments whose numbers are known."""
    return _numbered(Segment.objects.filter(pk__in=[pk for pk in numbers if pk <= MAX_ID]))


def _numbered(segments: Any) -> list[Value]:
    return [Value(str(pk), name) for pk, name in segments.values_list("pk", "name")]


def _named(products: Any) -> list[Value]:
    return [Value(sku, f"{name} · {sku}") for sku, name in products.values_list("sku", "name")]


def _newest_events(column: str) -> str:
    return (
        f"SELECT {column} FROM crm_event WHERE name = %s"  # noqa: S608
        f" ORDER BY occurred_at DESC LIMIT {NEWEST_EVENTS}"
    )


def _counted(select: str, *params: str) -> list[Value]:
    """The values that a select of one column of texts gives, and how usual each is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT value, round(100 * count(*) / sum(count(*)) OVER ())::int FROM"  # noqa: S608
            f" ({select}) AS found(value) WHERE value <> ''"
            f" GROUP BY value ORDER BY count(*) DESC, value LIMIT {MOST_KEPT}",
            params,
        )
        return [Value(value, value, share) for value, share in cursor.fetchall()]


def _told(values: list[str]) -> list[Value]:
    return [Value(value, value) for value in values]


def _skip_scan(model: Any, column: str) -> list[str]:
    """Jump from each value to the next along the index, so that the table's size hardly matters."""
    table = connection.ops.quote_name(model._meta.db_table)
    name = connection.ops.quote_name(column)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE found(value) AS ("  # noqa: S608 (names of our own models)
            f"(SELECT {name} FROM {table} ORDER BY {name} LIMIT 1) UNION ALL "
            f"SELECT (SELECT {name} FROM {table} WHERE {name} > value ORDER BY {name} LIMIT 1) "
            f"FROM found WHERE value IS NOT NULL) "
            f"SELECT value FROM found WHERE value <> '' LIMIT {MOST_KEPT}"
        )
        return [row[0] for row in cursor.fetchall()]


def _kept(key: str, look: Callable[[], list[Value]]) -> list[Value]:
    """Plain values are kept, so that a newer release reads what an older one wrote."""
    rows = cache.get_or_set(
        f"builder:{_short(key)}", lambda: [asdict(value) for value in look()], KEPT_SECONDS
    )
    return [Value(**row) for row in rows or []]


def _short(key: str) -> str:
    """A key that any cache takes, whatever people named their events."""
    return sha256(key.encode()).hexdigest()
