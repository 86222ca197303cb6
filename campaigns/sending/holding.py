"""What must wait although it may go: for an account, and for the limits of recipient domains."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from campaigns.models import Step
from crm import accounts, pacing
from crm.choices import Lane


def account(*, step: Step, now: datetime) -> accounts.Kept | None:
    """The account a batch goes by, all of it; none while none may be used."""
    return accounts.usable(channel=step.channel, purpose=step.campaign.purpose, now=now)


def until(
    *, step: Step, kept: accounts.Kept, wanted: Mapping[int, str], now: datetime
) -> dict[int, datetime]:
    """Until when each delivery waits whose recipient's domain takes no more now."""
    lane = Lane.of(step.campaign.purpose)
    waits = pacing.admit(kept=kept, recipients=list(wanted.values()), lane=lane)
    found = zip(wanted, waits, strict=True)
    return {pk: now + timedelta(seconds=wait) for pk, wait in found if wait}
