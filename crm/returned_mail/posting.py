"""Mails that are posted to us by HTTP: proven by a token of ours, then taken in like any other."""

from collections.abc import Collection
from datetime import datetime

from django.conf import settings

from crm.channels import posted, sns
from crm.channels.base import CallbackRequest, HeldMail, HoldsMail
from crm.channels.callbacks import read_json
from crm.channels.mailing import prove_password
from crm.returned_mail.taking import Origin, take_or_put_aside

# Whoever posts whole letters to us posts those of people too, who may be strangers.
_ORIGIN = Origin(is_inbox=True)
# What a mail says of itself stands in its beginning; attachments are not kept anyhow.
_READ_BYTES = 1_000_000
_TOPIC_ASKS = "SubscriptionConfirmation"


def take_posted(*, request: CallbackRequest, now: datetime) -> int:
    """Take in the mails of a request; gives how many there were.

    CallbackRefused where the token is missing, wrong, or not set up, or where there is no mail.
    """
    prove_password(request, settings.POSTED_MAIL_TOKEN)
    if _TOPIC_ASKS.encode() in request.body and read_json(request).get("Type") == _TOPIC_ASKS:
        sns.confirm(request, trusted="")
        return 0
    mails = posted.mails_in(request)
    for mail in mails:
        take_letter(raw=mail.raw, recipient=mail.recipient, now=now)
    return len(mails)


def take_held(*, adapter: object, held: Collection[HeldMail], now: datetime) -> None:
    """Fetch mails that a provider keeps for us, and take them in; a second time does no more."""
    if not isinstance(adapter, HoldsMail):
        return
    for one in held:
        take_letter(raw=adapter.fetch_mail(one), recipient=one.recipient, now=now)


def take_letter(*, raw: bytes, recipient: str, now: datetime) -> None:
    """Take in one mail as a provider has it for us: a bounce, an answer, or a stranger's letter."""
    take_or_put_aside(raw=raw[:_READ_BYTES], recipient=recipient, now=now, origin=_ORIGIN)
