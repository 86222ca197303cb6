"""Forms of conditions about what customers allow."""

from django.utils.translation import gettext as _

from crm.choices import Channel, ConsentState

from .parts import Part, choice, entry


def consent() -> list[Part]:
    """Where the consent to marketing stands."""
    states = [[state.value, state.label] for state in ConsentState]
    decided = [
        choice("consent", [*states, ["never", _("never decided")]]),
        choice("channel", _channels()),
    ]
    return [entry(_("Consent"), _("consent to marketing"), controls=decided)]


def reach() -> list[Part]:
    """Who may get marketing right now."""
    return [entry(_("Consent"), _("can be reached by"), controls=[choice("reach", _channels())])]


def _channels() -> list[list[str]]:
    return [[channel.value, str(channel.label)] for channel in Channel]
