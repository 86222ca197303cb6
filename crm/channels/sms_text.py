"""How a text becomes the SMS that is paid for: cheaper letters, sender, way out and price."""

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext
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
        is_long=True,
    ),
    Field(
        "opt_out_text",
        _("Opt-out text"),
        help=_(
            "Ends marketing texts that do not say it already. One a line: the beginning of the "
            "number and the text, such as “+1 Reply STOP to end”; without a number: for all others."
        ),
        is_needed=False,
        is_long=True,
    ),
    Field(
        "prices",
        _("Price of one SMS"),
        help=_(
            "One a line: the beginning of the number and the price, such as “+49 0.075”; without "
            "a number: for all others."
        ),
        is_needed=False,
        is_long=True,
    ),
    Field(
        "currency",
        _("Currency of the prices"),
        help=_("Three letters, such as EUR."),
        default="USD",
        is_needed=False,
    ),
)
# What a text says that tells how to end it: nothing is added to that.
_SAYS_HOW = re.compile(r"\bSTOPP?\b|退订|退訂|拒收|(?i:\b(?:reply|text|send)\W{1,3}stop\b)")
_MOST = Decimal(1000)
_NUMBER = re.compile(r"\+\d{1,15}")


def prepared(message: Outgoing, account: Account) -> Outgoing:
    """The message with the letters and the sender that its account asks for."""
    text, sender = message.text, sender_for(message.recipient, account) or message.sender
    if account.option("smart_characters") == "yes":
        text = smart(text)
    if text == message.text and sender == message.sender:
        return message
    return structs.replace(message, text=text, sender=sender)


def with_opt_out(text: str, number: str, account: Account, own: str = "") -> str:
    """A marketing text that says how to end it: in words of its own, or in those of the account."""
    told = own or told_for(number, account.option("opt_out_text"))
    if not told or says_how(text) or told.casefold() in text.casefold():
        return text
    return f"{text.rstrip()} {told}"


def says_how(text: str) -> bool:
    """Whether a text tells how to end such texts."""
    return bool(_SAYS_HOW.search(text))


def prices(account: Account) -> dict[str, Decimal]:
    """What one SMS costs by the beginning of the number; ValueError where a line is none."""
    found = {}
    for number, said in by_number(account.option("prices")).items():
        try:
            price = Decimal(said)
        except InvalidOperation:
            price = Decimal("NaN")
        if not (price.is_finite() and 0 <= price < _MOST):
            raise ValueError(gettext("“%(price)s” is no price.") % {"price": said})
        found[number] = price
    return found


def by_number(told: str) -> dict[str, str]:
    """What staff say by the beginning of a number, one a line; others stand under no number."""
    found = {}
    for line in told.splitlines():
        first, _gap, rest = line.strip().partition(" ")
        if _NUMBER.fullmatch(first) and rest.strip():
            found[first] = rest.strip()
        elif line.strip():
            found[""] = line.strip()
    return found


def told_for(number: str, told: str) -> str:
    """What of it stands for a number; nothing where no line fits."""
    words = by_number(told)
    return words.get(beginning(number, words) or "", "")


def beginning(number: str, known: Iterable[str]) -> str | None:
    """The longest of the beginnings that a number has; nothing where it has none of them."""
    fitting = [one for one in known if number.startswith(one)]
    return max(fitting, key=len) if fitting else None


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
