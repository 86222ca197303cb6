"""Forms of conditions about what was said."""

from typing import Any

from django.utils.translation import gettext as _

from crm.choices import Channel
from marketing.models import Intent
from marketing.rules.conditions.correspondence import FATES

from .parts import Part, choice, entry, span, times


def messages() -> list[Part]:
    """Messages by what became of them; at most 0 times is “never”."""
    fates = [[fate, words] for fate, (_asked, words) in FATES.items()]
    channels: list[list[Any]] = [
        [None, _("any channel")],
        *([one.value, one.label] for one in Channel),
    ]
    by = {**choice("channel", [[None, _("any channel")], *channels]), "is_optional": True}
    controls = [choice("message", fates), by, *times(), span()]
    return [entry(_("Messages"), _("message …"), controls=controls)]


def insights() -> list[Part]:
    """What messages were read as."""
    intents = [list(row) for row in Intent.objects.order_by("name").values_list("code", "name")]
    controls = [choice("insight", intents), *times(), span()]
    return [entry(_("Messages"), _("wrote about"), controls=controls)]
