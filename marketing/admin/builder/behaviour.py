"""Forms of conditions about what customers did."""

from django.utils.translation import gettext as _

from .parts import Part, entry, number, window


def did() -> list[Part]:
    """Events counted, in a window, by property; at most 0 times is “never did”."""
    group = _("Behaviour")
    subject = {"key": "event", "hint": _("event"), "source": {"of": "events"}}
    bounds = [
        number("at_least", before=_("at least"), after=_("times"), is_optional=True),
        number("at_most", before=_("at most"), after=_("times"), is_optional=True),
    ]
    did_it = entry(
        group, _("did …"), subject=subject, controls=[*bounds, window()], filters="where"
    )
    never = entry(
        group,
        _("never did …"),
        fixed={"at_most": 0},
        subject=subject,
        controls=[window()],
        filters="where",
    )
    return [did_it, never]
