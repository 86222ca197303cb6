"""Where an account or a mailbox may be: looked at when it is kept, and again when called."""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from crm import reach

# Where each kind of address leads if it names no port.
_PORTS = {
    "http": 80,
    "https": 443,
    "smtp": 25,
    "smtp+tls": 587,
    "smtps": 465,
    "smpp": 2775,
    "smpps": 3550,
}


def check_url(*, url: str) -> None:
    """Refuse the address of a provider that leads into a private network.

    A name that nobody knows now passes, and one with placeholders: the call looks again.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError as error:
        raise ValidationError(_("This is no web address.")) from error
    if host and port and "{" not in host:
        check_host(host=host, port=port)


def check_host(*, host: str, port: int) -> None:
    """Refuse a host in a private network that the operator has not named."""
    try:
        reach.addresses(host, port, but=settings.PROVIDER_ALLOWED_HOSTS)
    except reach.AddressRefused as error:
        if error.__cause__ is not None:
            return
        told = _(
            "%(host)s is in a private network. Whoever runs Rapport may allow it by the setting"
            " PROVIDER_ALLOWED_HOSTS."
        )
        raise ValidationError(told % {"host": host}) from error
