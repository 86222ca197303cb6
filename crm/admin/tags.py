"""The small marks every screen is written with: moments, badges, icons, amounts."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.db.models import Model
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language_info, gettext

from crm.admin.spans import distance
from crm.choices import Channel, ConsentState, ConversationState, Handler, MessageState, OrderState

register = template.Library()

# How good or bad news a state is; what is not named here is plain.
TONES: dict[str, str] = {
    MessageState.DELIVERED: "good",
    MessageState.SENT: "good",
    MessageState.RECEIVED: "accent",
    MessageState.SENDING: "accent",
    MessageState.BOUNCED: "bad",
    MessageState.COMPLAINED: "bad",
    MessageState.FAILED: "bad",
    MessageState.IN_DOUBT: "warn",
    ConsentState.GRANTED: "good",
    ConsentState.WITHDRAWN: "bad",
    ConversationState.OPEN: "accent",
    Handler.BOT: "accent",
    OrderState.PLACED: "good",
    OrderState.CANCELLED: "bad",
    OrderState.REFUNDED: "warn",
    "finished": "good",
    "processed": "good",
    "running": "accent",
}
CHANNEL_ICONS = {
    Channel.EMAIL: "mail",
    Channel.SMS: "sms",
    Channel.PUSH: "notifications",
    Channel.WEBHOOK: "webhook",
}


@register.simple_tag
def moment(at: datetime | None, empty: str = "–") -> str:
    """A moment in the reader's own form; the script of the admin turns it to their clock."""
    if not at:
        return empty
    text = formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")
    return format_html(
        '<time class="rp-moment" datetime="{}" data-moment>{}</time>', at.isoformat(), text
    )


@register.simple_tag
def ago(at: datetime | None, empty: str = "–") -> str:
    """How long ago a moment is (or how far ahead), with the moment itself on hover."""
    if not at:
        return empty
    full = formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")
    return format_html(
        '<time class="rp-moment" datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        full,
        distance(at=at, now=timezone.now()),
    )


@register.simple_tag
def day(value: date | datetime | None, empty: str = "–") -> str:
    """A day, without the hour."""
    if not value:
        return empty
    return format_html(
        '<time class="rp-moment" datetime="{}">{}</time>',
        value.isoformat(),
        formats.date_format(value, "DATE_FORMAT"),
    )


@register.simple_tag
def badge(text: Any, tone: str = "", icon_name: str = "") -> SafeString:
    """A short word in a rounded frame; the tone is good, warn, bad, accent or nothing."""
    css = f"rp-badge rp-badge--{tone}" if tone else "rp-badge"
    mark = icon(icon_name) if icon_name else ""
    return format_html('<span class="{}">{}{}</span>', css, mark, text)


@register.simple_tag
def state(row: Model, field: str = "state") -> SafeString:
    """The badge of a row's state, in the tone that the state has."""
    value = getattr(row, field)
    return badge(getattr(row, f"get_{field}_display")(), TONES.get(value, ""))


@register.simple_tag
def icon(name: str) -> SafeString:
    """A symbol that says nothing to a screen reader."""
    return format_html('<span class="material-symbols-outlined" aria-hidden="true">{}</span>', name)


@register.simple_tag
def channel_icon(channel: str) -> SafeString:
    """The symbol of a channel."""
    return icon(CHANNEL_ICONS.get(Channel(channel), "chat"))


def with_channel(channel: str, text: str) -> SafeString:
    """A text behind the symbol of its channel, for a column of a list."""
    return format_html('<span class="rp-inline">{}{}</span>', channel_icon(channel), text)


@register.simple_tag
def money(amount: Decimal | float | None, currency: str = "") -> str:
    """An amount with its currency, in the reader's form of numbers."""
    if amount is None or amount == "":
        return "–"
    number = formats.number_format(amount, decimal_pos=2, force_grouping=True)
    return format_html('<span class="rp-number">{}</span>', f"{number} {currency}".strip())


@register.filter
def language(code: str) -> str:
    """The name of a language in the reader's own; a code that nobody knows stays as it is."""
    try:
        told: dict[str, Any] = get_language_info(code)
    except KeyError:
        return code
    return str(told["name_translated"])


@register.filter
def translated(text: str) -> str:
    """A sentence that is kept with a row, in the reader's language where it is one of ours."""
    return gettext(text) if text else ""


@register.filter
def as_json(value: Any) -> str:
    """A value as readable JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def json_block(value: Any) -> SafeString:
    """A value as a readable block, for a form's read-only field."""
    return format_html('<pre class="rp-pre">{}</pre>', as_json(value))
