"""What can be exported: the columns of each kind of row, and how each is masked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext_lazy as _

from crm import masking
from crm.choices import IdentityKind
from crm.models import (
    ConsentDecision,
    Customer,
    Event,
    Identity,
    Message,
    Order,
    Suppression,
)

Mask = Callable[[Any], Any]
ATTRIBUTE = "attributes."
_MOST_ATTRIBUTES = 200


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its name in the file, where it is read from, and what a mask leaves of it."""

    name: str
    path: str
    mask: Mask | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of row: its model, its columns, and how its rows name their customer."""

    label: Any
    model: type[Model]
    columns: tuple[Column, ...]
    customer: str = "customer"


def _plain(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, name) for name in names)


_WHO = Column("customer", "customer_id")
KINDS: Mapping[str, Kind] = {
    "customers": Kind(
        _("Customers"),
        Customer,
        (
            Column("customer_id", "number_of_shop", masking.hidden),
            Column("first_name", "first_name", masking.name),
            Column("last_name", "last_name", masking.name),
            Column("email", "email", masking.email),
            Column("phone", "phone", masking.phone),
            *_plain("country"),
            Column("city", "city", masking.hidden),
            Column("postcode", "postcode", masking.hidden),
            Column("street", "street", masking.hidden),
            *_plain("language", "time_zone", "created_at"),
        ),
        customer="pk",
    ),
    "events": Kind(
        _("Events"),
        Event,
        (
            *_plain("id"),
            _WHO,
            *_plain("name", "occurred_at", "received_at"),
            Column("properties", "properties", masking.facts),
        ),
    ),
    "orders": Kind(
        _("Orders"),
        Order,
        (*_plain("number"), _WHO, *_plain("state", "placed_at", "currency", "total")),
    ),
    "messages": Kind(
        _("Messages"),
        Message,
        (
            *_plain("id"),
            _WHO,
            *_plain("direction", "channel", "purpose", "author", "state", "reason"),
            Column("address", "address", masking.address),
            Column("subject", "subject", masking.facts),
            Column("text", "text", masking.hidden),
            *_plain("created_at", "sent_at", "delivered_at", "opened_at", "clicked_at"),
        ),
    ),
    "consents": Kind(
        _("Consent decisions"),
        ConsentDecision,
        (
            *_plain("id"),
            _WHO,
            *_plain("channel", "purpose", "state", "source", "decided_at"),
            Column("proof", "proof", masking.facts),
            Column("text_shown", "text_shown", masking.facts),
        ),
    ),
    # Hashes only: an address that must not be written to is nowhere to be read.
    "suppressions": Kind(
        _("Suppressions"),
        Suppression,
        _plain("channel", "address_hash", "reason", "source", "created_at", "expires_at"),
        customer="",
    ),
}


def names(*, kind: str) -> list[str]:
    """The columns of a kind; of customers also an attribute each."""
    found = [column.name for column in KINDS[kind].columns]
    return (
        found + [f"{ATTRIBUTE}{name}" for name in _attributes()] if kind == "customers" else found
    )


def columns(*, kind: str, wanted: Iterable[str]) -> list[Column]:
    """The chosen columns in their order; nothing chosen is all of them."""
    known = {column.name: column for column in KINDS[kind].columns}
    chosen = list(wanted) or names(kind=kind)
    return [
        known.get(name) or Column(name, "attributes", masking.hidden)
        for name in chosen
        if name in known or (kind == "customers" and name.startswith(ATTRIBUTE))
    ]


def rows(*, kind: str, customers: QuerySet[Customer] | None) -> QuerySet[Any]:
    """The rows of a kind, of these customers or of all, oldest first."""
    found: QuerySet[Any] = KINDS[kind].model._default_manager.order_by("pk")
    if kind == "customers":
        shop = Identity.objects.filter(customer=OuterRef("pk"), kind=IdentityKind.EXTERNAL)
        found = found.annotate(number_of_shop=Subquery(shop.order_by("id").values("value")[:1]))
    if customers is None:
        return found
    key = KINDS[kind].customer
    if not key:
        return found.none()
    return found.filter(**{f"{key}__in": customers.order_by().values("pk")})


def _attributes() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT jsonb_object_keys(attributes) AS name FROM crm_customer"
            " ORDER BY name LIMIT %s",
            [_MOST_ATTRIBUTES],
        )
        return [name for (name,) in cursor.fetchall()]
