"""The form of the condition about a campaign in the rule builder."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.conditions import ANY
from campaigns.models import Campaign
from marketing.admin.builder.parts import Part, choice, entry, number, span, times
from marketing.rules import naming

MOST_CAMPAIGNS = 300
FATES: dict[str, Any] = {
    "sent": gettext_lazy("was sent a message of"),
    "delivered": gettext_lazy("was delivered a message of"),
    "opened": gettext_lazy("opened a message of"),
    "clicked": gettext_lazy("clicked in a message of"),
    "replied": gettext_lazy("answered a message of"),
    "bounced": gettext_lazy("had a bounce of"),
    "complained": gettext_lazy("complained about a message of"),
    "failed": gettext_lazy("had a failed message of"),
}


def messages() -> list[Part]:
    """What came of the messages of any campaign, of one, or of a step of it."""
    # Whoever may not see campaigns is offered none by name.
    seen = Campaign.objects.none() if naming.is_hidden("campaign") else Campaign.objects.all()
    named = seen.order_by("-created_at").values_list("pk", "name")[:MOST_CAMPAIGNS]
    campaigns: list[list[Any]] = [[ANY, _("any campaign")], *(list(row) for row in named)]
    step = number("step", before=_("step"), is_optional=True)
    controls = [
        choice("fate", [[fate, words] for fate, words in FATES.items()]),
        choice("campaign", campaigns),
        step,
        *times(),
        span(),
    ]
    return [entry(_("Messages"), _("campaign …"), controls=controls)]
