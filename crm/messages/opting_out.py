"""Texts of marketing say how to end them, as the account that carries them has words for it."""

from crm.channels import sms_text
from crm.channels.base import Account
from crm.choices import Channel, Purpose


def text_as_sent(*, text: str, channel: str, purpose: str, number: str, account: Account) -> str:
    """The text of a message as it is handed over."""
    if channel != Channel.SMS or not Purpose(purpose).needs_consent:
        return text
    return sms_text.with_opt_out(text, number, account)
