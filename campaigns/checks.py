"""What is wrong with the settings of campaigns, said at start and not at the first launch."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, register

_LEAST = {
    "CAMPAIGN_SENDERS": 1,
    "CAMPAIGN_FREQUENCY_CAP": 0,
    "CAMPAIGN_FREQUENCY_CAP_DAYS": 1,
    "LAUNCH_UNDO_SECONDS": 0,
}


@register()
def check_numbers(**_: Any) -> list[Error]:
    """Every number of campaigns is one that makes sense."""
    return [
        Error(
            f"{name} is {getattr(settings, name)}; it must be at least {least}.",
            hint=f"Set {name} in the environment or in .env.",
            id="campaigns.E001",
        )
        for name, least in _LEAST.items()
        if getattr(settings, name) < least
    ]
