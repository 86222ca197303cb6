"""The copy: everything that is kept about a person, from every table of every app."""

import json
from datetime import datetime
from typing import Any

from django.db import connection

from crm import messages
from crm.customers.tables import all_tables
from crm.models import Customer, Message, Order
from crm.models.encrypted import decrypt
from crm.rendering import RenderError

# How we do our work says nothing about the person.
_OURS = frozenset(
    {"owner", "lease_until_at", "fence", "lease_until", "body_hash", "search_text", "bucket"}
)
_TOLD_APART = frozenset({"crm_order", "crm_message"})


def export_subject(*, customer_id: int, now: datetime) -> dict[str, Any]:
    """Everything about a customer as plain data: the record, then a list for every table.

    Messages say what was said, orders have their lines.
    """
    customer = Customer.objects.get(pk=customer_id)
    copy: dict[str, Any] = {
        "made_at": now.isoformat(),
        "customer": _rows("crm_customer", "id", customer_id)[0],
        "orders": [_order(order) for order in _orders(customer)],
        "messages": [_message(message) for message in _messages(customer)],
    }
    for table in all_tables():
        if table.name not in _TOLD_APART and (
            rows := _rows(table.name, table.customer, customer_id)
        ):
            copy[table.name.partition("_")[2]] = rows
    return copy


def _rows(table: str, column: str, customer_id: int) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT to_jsonb(kept)::text FROM {table} AS kept WHERE {column} = %s ",  # noqa: S608
            [customer_id],
        )
        return [_plain(json.loads(row)) for (row,) in cursor.fetchall()]


def _plain(row: Any) -> dict[str, Any]:
    return {name: _opened(value) for name, value in row.items() if name not in _OURS}


def _opened(value: Any) -> Any:
    is_secret = isinstance(value, str) and value.startswith("enc:")
    return decrypt(value) if is_secret else value


def _orders(customer: Customer) -> Any:
    return customer.orders.prefetch_related("lines__product").order_by("placed_at")


def _order(order: Order) -> dict[str, Any]:
    return {
        "number": order.number,
        "state": order.state,
        "placed_at": order.placed_at.isoformat(),
        "total": str(order.total),
        "currency": order.currency,
        "lines": [
            {
                "sku": line.product.sku,
                "product": line.product.name,
                "quantity": line.quantity,
                "unit_price": str(line.unit_price),
            }
            for line in order.lines.all()
        ],
    }


def _messages(customer: Customer) -> Any:
    found = customer.messages.select_related("template_version__template", "kept")
    return found.order_by("created_at", "pk").iterator(chunk_size=500)


def _message(message: Message) -> dict[str, Any]:
    try:
        shown = messages.show(message=message)
        subject, text = shown.subject, shown.text
    except (RenderError, LookupError):
        # Its words were deleted by a retention rule.
        subject, text = message.subject, message.text
    moments = ("created_at", "sent_at", "delivered_at", "opened_at", "clicked_at")
    return {
        "direction": message.direction,
        "channel": message.channel,
        "purpose": message.purpose,
        "state": message.state,
        "address": message.address,
        "subject": subject,
        "text": text,
        **{name: at.isoformat() for name in moments if (at := getattr(message, name))},
    }
