"""Mails that came back to us: kept raw once, read, and followed by what they ask for.

A hard bounce and a complaint close the address at once; soft bounces and full mailboxes when
several come in a row within some days; a block does not, as it is about us, unless a filter of
theirs made it. An answer to a mail of ours goes into the conversation, an automatic one nowhere.
"""

from crm.returned_mail.posting import take_held, take_posted
from crm.returned_mail.repeated import CLOSED_FOR, close_repeated
from crm.returned_mail.taking import (
    PROVIDER,
    Origin,
    Taken,
    put_aside,
    retry,
    take,
    take_or_put_aside,
)

__all__ = [
    "CLOSED_FOR",
    "PROVIDER",
    "Origin",
    "Taken",
    "close_repeated",
    "put_aside",
    "retry",
    "take",
    "take_held",
    "take_or_put_aside",
    "take_posted",
]
