"""The builder's words: operators as one reads them, buttons and hints."""

from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

Operator = dict[str, str]


def operators() -> dict[str, list[Operator]]:
    """By family: each operator's code, its words, and what sort of value it takes."""
    text = [
        _op("is", _("is"), "one"),
        _op("is_not", _("is not"), "one"),
        _op("in", _("is one of"), "many"),
        _op("not_in", _("is none of"), "many"),
        _op("contains", _("contains"), "text"),
        _op("starts_with", _("starts with"), "text"),
        _op("matches", _("matches the pattern"), "text"),
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
        _op("in_next_days", _("is within the next … days"), "days"),
        _op("anniversary", _("has its anniversary within … days"), "days"),
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


def interface() -> dict[str, str]:
    """What the builder says of itself."""
    return {
        "language": get_language() or "en",
        **_of_groups(),
        **_of_rows(),
        **_of_tools(),
    }


def _of_groups() -> dict[str, str]:
    return {
        "all": _("All of these hold"),
        "any": _("Any of these holds"),
        "not": _("None of these holds"),
        "all_joins": pgettext("between conditions", "and"),
        "any_joins": pgettext("between conditions", "or"),
        "not_joins": pgettext("between conditions", "nor"),
        "group": _("Group of conditions"),
        "add_condition": _("Add a condition"),
        "add_group": _("Add a group"),
        "everybody": _("No condition yet: these are all customers."),
        "empty_group": _("An empty group: add a condition, or remove it."),
    }


def _of_rows() -> dict[str, str]:
    return {
        "condition": _("Condition"),
        "kind": _("What it is about"),
        "operator": _("Comparison"),
        "value": pgettext("of a condition", "Value"),
        "remove": _("Remove"),
        "duplicate": _("Duplicate"),
        "wrap": _("Put into a group of its own"),
        "unwrap": _("Dissolve the group"),
        "days": _("days"),
        "when": _("When"),
        "ever": _("any time"),
        "last": _("in the last"),
        "dates": _("from … until before"),
        "last_days": pgettext("after in the last", "days"),
        "since": _("from"),
        "until": _("until before"),
        "advanced": _("as JSON"),
        "where": _("where"),
        "add_filter": _("Add a property"),
        "property": _("property"),
        "type_more": _("type and press Enter"),
        "choose": _("choose …"),
    }


def _of_tools() -> dict[str, str]:
    return {
        "undo": _("Undo"),
        "redo": _("Redo"),
        "copy": _("Copy as JSON"),
        "copied": _("Copied."),
        "paste": _("Paste JSON"),
        "not_rules": _("These are no rules: a JSON object is expected, as “Copy as JSON” makes."),
        "start": _("Start from …"),
        "not_json": _("This is not JSON yet: look for a missing comma or bracket."),
        "failed": _("Counting did not work; it is tried again with the next change."),
    }


def _op(code: str, words: str, value: str) -> Operator:
    return {"code": code, "words": words, "value": value}
