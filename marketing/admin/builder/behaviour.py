"""Forms of conditions about what customers did."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from marketing.rules.conditions.patterns import FIGURES

from .parts import Part, entry, number, span, times

EVENTS = {"of": "events"}
FIGURE_NAMES: dict[str, Any] = {
    "sum": gettext_lazy("sum of a property"),
    "average": gettext_lazy("average of a property"),
    "least": gettext_lazy("least value of a property"),
    "most": gettext_lazy("greatest value of a property"),
    "first": gettext_lazy("first value of a property"),
    "last": gettext_lazy("last value of a property"),
}


def did() -> list[Part]:
    """Events counted, in a window, by property; at most 0 times is “never did”."""
    group = _("Behaviour")
    subject = {"key": "event", "hint": _("event"), "source": EVENTS}
    counted = [*times(), span()]
    did_it = entry(group, _("did …"), subject=subject, controls=counted, filters="where")
    never = entry(
        group,
        _("never did …"),
        fixed={"at_most": 0},
        subject=subject,
        controls=[span()],
        filters="where",
    )
    return [did_it, never]


def figures() -> list[Part]:
    """A figure over one property of the events of a name."""
    subject = {"key": "of", "hint": _("event"), "source": EVENTS}
    source = {"of": "properties", "event": "$of"}
    return [
        entry(
            _("Behaviour"),
            FIGURE_NAMES.get(figure, figure),
            fixed={"event_figure": figure},
            subject=subject,
            details=[{"key": "property", "hint": _("property"), "source": source}],
            family="number",
            controls=[span()],
            filters="where",
        )
        for figure in FIGURES
    ]


def sequence() -> list[Part]:
    """One thing after another, within so many days."""
    pair = {
        "key": "sequence",
        "type": "pair",
        "source": EVENTS,
        "hint": _("event"),
        "between": pgettext("between two events", "and then"),
    }
    days = number(
        "days",
        before=pgettext("before a number of days", "within"),
        after=pgettext("after within", "days"),
        start=7,
    )
    return [entry(_("Behaviour"), _("did … and then …"), controls=[pair, days, span()])]
