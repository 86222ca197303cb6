"""What an event holds, in words: codes of our own by their names, amounts with their currency."""

from collections.abc import Mapping
from typing import Any

from django.utils import formats
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm.choices import Channel, DecisionSource, Purpose

LABELS: Mapping[str, Any] = {
    "number": _("order"),
    "total": _("total"),
    "channel": _("channel"),
    "purpose": _("purpose"),
    "source": _("source"),
    "reason": _("reason"),
    "category": _("category"),
    "items": _("items"),
    "amount": _("amount"),
    "is_partial": _("a part only"),
}
# Their numbers are money, in the currency that stands beside them.
AMOUNTS = frozenset({"total", "amount"})
CODES: Mapping[str, Mapping[str, Any]] = {
    "channel": dict(Channel.choices),
    "purpose": dict(Purpose.choices),
    "source": dict(DecisionSource.choices),
}


def told(properties: Mapping[str, Any], *, untold: set[str]) -> tuple[tuple[Any, Any], ...]:
    """Name and value of each plain property: no lists, nothing empty, nothing untold."""
    rest = {name: value for name, value in properties.items() if name not in untold and value != ""}
    currency = rest.pop("currency", "") if AMOUNTS & rest.keys() else ""
    return tuple(
        (LABELS.get(name, name), _value(name, value, currency))
        for name, value in rest.items()
        if isinstance(value, str | int | float)
    )


def _value(name: str, value: Any, currency: Any) -> Any:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if name in AMOUNTS and not isinstance(value, str):
        amount = formats.number_format(value, decimal_pos=2, force_grouping=True)
        return f"{amount} {currency}".strip()
    return CODES.get(name, {}).get(value, value)
