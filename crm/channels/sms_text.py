"""How a text becomes the SMS that is paid for: cheaper letters, and the sender for its country."""

from django.utils.translation import gettext_noop as _
from msgspec import structs

from crm.channels.base import Account, Field, Outgoing
from crm.channels.segments import smart

TEXT_FIELDS = (
    Field(
        "smart_characters",
        _("Replace typographic characters"),
        help=_(
            "Curly quotes, dashes and special spaces become plain ones, so that a text of "
            "Western letters stays in the cheaper encoding."
        ),
        default="no",
        is_needed=False,
        choices=("no", "yes"),
    ),
    Field(
        "senders",
        _("Senders by country"),
        help=_("One a line: the beginning of the number and the sender, such as “+49 SHOP”."),
        is_needed=False,
    ),
)


def prepared(message: Outgoing, account: Account) -> Outgoing:
    """The message with the letters and the sender that its account asks for."""
    text, sender = message.text, sender_for(message.recipient, account) or message.sender
    if account.option("smart_characters") == "yes":
        text = smart(text)
    if text == message.text and sender == message.sender:
        return message
    return structs.replace(message, text=text, sender=sender)


def sender_for(recipient: str, account: Account) -> str:
    """The sender named for the longest beginning of a number; nothing where none is named."""
    found, length = "", 0
    for line in account.option("senders").splitlines():
        prefix, _, sender = line.strip().partition(" ")
        if len(prefix) > length and recipient.startswith(prefix) and sender.strip():
            found, length = sender.strip(), len(prefix)
    return found


def with_plus(number: str) -> str:
    """A number as we write it, from providers that leave the plus out; short codes stay."""
    return f"+{number}" if number.isdecimal() and len(number) > 6 else number
