"""Trials of templates: what a preview shows, sent to staff, untracked and said to no customer."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm import accounts, audit, masking, normalise
from crm.channels import base
from crm.choices import AccessKind, Channel, Purpose
from crm.rendering import Rendered

# Nobody's mailbox is filled by it, and no strangers are reached.
AT_MOST, WITHIN = 5, timedelta(minutes=1)
_WHERE = "template/test"


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be tried: as a preview drew it for a customer, and where it is to go."""

    channel: Channel
    shown: Rendered
    customer_id: int
    address: str


def send(*, trial: Trial, by: AbstractBaseUser, now: datetime) -> base.Outcome:
    """Send it once, by the account that carries the channel; the outcome says how that went.

    No message arises: it is not said to the customer. What was sent to whom is put on record
    before it leaves.
    """
    address = _checked(trial)
    carrier = _carrier(trial.channel, now)
    number = _noted(trial, address, by, now)
    shown = trial.shown
    is_mail = trial.channel == Channel.EMAIL
    outgoing = base.Outgoing(
        message_id=number,
        key=f"template-test-{number}",
        sender=carrier.sender,
        recipient=address,
        subject=_("[Test] %(subject)s") % {"subject": shown.subject} if is_mail else "",
        html=shown.html if is_mail else "",
        text=shown.text,
    )
    return accounts.hand_over(outgoing=outgoing, by=carrier)


def _checked(trial: Trial) -> str:
    """The address in its one form; mails go to staff only, other channels than SMS to nobody."""
    if trial.channel not in {Channel.EMAIL, Channel.SMS}:
        raise ValidationError(_("Tests of templates go by e-mail and SMS only."))
    address = accounts.readable(channel=trial.channel, address=trial.address)
    if trial.channel == Channel.EMAIL and address not in _staff_addresses():
        raise ValidationError(_("Tests go to addresses of staff only."))
    return address


def _staff_addresses() -> set[str]:
    staff = get_user_model().objects.filter(is_active=True, is_staff=True)
    return {normalise.email(address) for address in staff.values_list("email", flat=True)}


def _carrier(channel: str, now: datetime) -> accounts.Kept:
    for purpose in (Purpose.MARKETING, ""):
        kept = accounts.usable(channel=channel, purpose=purpose, now=now)
        if kept:
            return kept
    raise ValidationError(_("No account carries this channel now."))


@transaction.atomic
def _noted(trial: Trial, address: str, by: AbstractBaseUser, now: datetime) -> int:
    """Put the trial on record unless there were too many; locks the row of who sends it."""
    get_user_model().objects.select_for_update().get(pk=by.pk)
    if audit.count_since(by=by, where=_WHERE, since=now - WITHIN) >= AT_MOST:
        raise ValidationError(_("Those were many tests within a minute: wait a moment."))
    # The number may be anybody's: it must not outlive them here.
    told = address if trial.channel == Channel.EMAIL else masking.phone(address)
    access = audit.Access(AccessKind.EXPORTED, _WHERE, by=by, detail=told)
    return audit.note_again(access=access, customer_id=trial.customer_id, now=now)
