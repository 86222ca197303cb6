"""Forms of conditions about what customers allow."""

from typing import Any

from django.utils.translation import gettext as _

from crm.choices import Channel, ConsentState, SuppressionReason

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


def suppressed() -> list[Part]:
    """Whose address is not to be written to, and why."""
    reasons: list[list[Any]] = [
        [None, _("any reason")],
        *([one.value, one.label] for one in SuppressionReason),
    ]
    asked = [choice("suppressed", _channels()), {**choice("reason", reasons), "is_optional": True}]
    return [entry(_("Consent"), _("address is suppressed"), controls=asked)]


def _channels() -> list[list[str]]:
    return [[channel.value, str(channel.label)] for channel in Channel]
