"""The operators and subjects of the rule builder in words; the rules themselves know the codes."""

from typing import Any

from django.utils.translation import gettext as _

from marketing.rules.conditions.commerce import FIGURES, Bought
from marketing.rules.conditions.person import MOMENT_FIELDS, TEXT_FIELDS

Choice = tuple[str, Any]


def operators() -> dict[str, list[dict[str, str]]]:
    """By family: each operator's code, its words, and what sort of value it takes."""
    text = [
        _op("is", _("is"), "one"),
        _op("is_not", _("is not"), "one"),
        _op("in", _("is one of"), "many"),
        _op("not_in", _("is none of"), "many"),
        _op("contains", _("contains"), "text"),
        _op("starts_with", _("starts with"), "text"),
    ]
    number = [
        _op("at_least", _("is at least"), "number"),
        _op("at_most", _("is at most"), "number"),
        _op("more_than", _("is more than"), "number"),
        _op("less_than", _("is less than"), "number"),
    ]
    moment = [
        _op("within_days", _("is within the last … days"), "days"),
        _op("not_within_days", _("is not within the last … days"), "days"),
        _op("before", _("is before"), "date"),
        _op("after", _("is on or after"), "date"),
    ]
    presence = [_op("known", _("is known"), "none"), _op("unknown", _("is unknown"), "none")]
    return {
        "text": [*text, *presence],
        "number": [*number, _op("is", _("is exactly"), "number")],
        "moment": [*moment, *presence],
        "presence": presence,
        "json": [*text, *number, *moment, *presence],
    }


def text_fields() -> list[Choice]:
    """The customer's text columns."""
    return list(TEXT_FIELDS.items())


def moment_fields() -> list[Choice]:
    """The customer's moments."""
    return list(MOMENT_FIELDS.items())


def order_figures() -> list[tuple[str, Any, bool]]:
    """The figures over orders, and whether each can look at a window of days only."""
    return [(name, label, bool(windowed)) for name, (_all, windowed, label) in FIGURES.items()]


def bought_by() -> list[Choice]:
    """What products can be chosen by."""
    return [(name, label) for name, (_column, label) in Bought.BY.items()]


def _op(code: str, words: str, value: str) -> dict[str, str]:
    return {"code": code, "words": words, "value": value}
