"""Texts of marketing say how to end them, in their own words or in those of their account."""

from collections.abc import Mapping
from typing import Any

from crm.channels import sms_text
from crm.channels.base import Account
from crm.choices import Channel, Purpose
from crm.messages.keeping import Kept

# Among what a message keeps, beside what its template has read.
_KEPT = "opt_out_text"


def text_as_sent(
    *, text: str, channel: str, purpose: str, number: str, account: Account, own: str = ""
) -> str:
    """The text of a message as it is handed over; words of its own go before its account's."""
    if channel != Channel.SMS or not Purpose(purpose).needs_consent:
        return text
    return sms_text.with_opt_out(text, number, account, own)


def keep_way_out(*, variables: Kept, words: str) -> Kept:
    """What a message keeps, with the words of its own that end it."""
    return Kept({**variables, _KEPT: words}) if words else variables


def own_way_out(*, variables: Mapping[str, Any] | None) -> str:
    """The words of its own that a message keeps; empty: its account has them."""
    return str((variables or {}).get(_KEPT, ""))
