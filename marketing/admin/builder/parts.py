"""The parts that forms of conditions are put together from; the builder's script draws them."""

from typing import Any

from django.utils.translation import gettext as _

Part = dict[str, Any]
# Where values come from while one types: what `values` is asked for.
Source = dict[str, str]


def entry(group: str, label: Any, **more: Any) -> Part:
    """One choice of the builder's first list.

    `fixed` keys are written as they are; `subject` is typed; `family` asks an operator and a value;
    `details` are typed too; `controls` ask for more; `filters` names the key of property filters.
    """
    return {"group": group, "label": str(label), **{k: v for k, v in more.items() if v}}


def choice(key: str, options: list[list[Any]]) -> Part:
    """One of a few words."""
    return {"key": key, "type": "choice", "options": [[v, str(label)] for v, label in options]}


def many(key: str, source: Source) -> Part:
    """Several values, completed while one types."""
    return {"key": key, "type": "many", "source": source}


def one(key: str, source: Source, hint: Any) -> Part:
    """One of very many that bear numbers, found by name while one types."""
    return {"key": key, "type": "one", "source": source, "hint": str(hint)}


def number(key: str, **more: Any) -> Part:
    """A number with words before and after it."""
    return {"key": key, "type": "number", **more}


def times() -> list[Part]:
    """How often: at least, at most."""
    return [
        number("at_least", before=_("at least"), after=_("times"), is_optional=True),
        number("at_most", before=_("at most"), after=_("times"), is_optional=True),
    ]


def span() -> Part:
    """Any time, the last so many days, or from one day until before another."""
    return {"key": "within_days", "type": "span", "is_optional": True}
