"""Accounts: which provider carries each channel here, and the keys that our links are signed by."""

from urllib.parse import urlsplit

from django.conf import settings

from crm.channels.base import Account
from crm.choices import Channel

# Which adapter speaks what an address of a provider begins with.
_BY_SCHEME = {
    "smtp": "email",
    "smtps": "email",
    "smtp+tls": "email",
    "http": "sms_http",
    "https": "sms_http",
    "memory": "memory",
}


class UnknownAddress(ValueError):  # noqa: N818 - it names the mistake
    """No adapter speaks what a provider's address begins with."""


def for_channel(*, channel: str) -> Account:
    """The account that carries a channel."""
    url = settings.EMAIL_URL if channel == Channel.EMAIL else settings.SMS_URL
    provider = _provider(url)
    return Account(
        provider=provider,
        url=url,
        api_key="" if channel == Channel.EMAIL else settings.SMS_API_KEY,
        callback_secret=settings.SMS_CALLBACK_SECRET,
        callback_url=f"{settings.PUBLIC_URL}/callbacks/{provider}/",
    )


def for_provider(*, provider: str) -> Account | None:
    """The account of a provider that calls us back, if it is one of ours."""
    for channel in Channel:
        account = for_channel(channel=channel)
        if account.provider == provider:
            return account
    return None


def sender(*, channel: str) -> str:
    """Whom messages of a channel come from."""
    return str(settings.EMAIL_FROM if channel == Channel.EMAIL else settings.SMS_FROM)


def link_keys() -> list[bytes]:
    """The keys that our links are signed with, the newest first."""
    return [key.encode() for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def _provider(url: str) -> str:
    scheme = urlsplit(url).scheme
    if scheme not in _BY_SCHEME:
        known = ", ".join(f"{name}://" for name in sorted(_BY_SCHEME))
        raise UnknownAddress(f"No provider is reached by {scheme}://; use one of {known}.")
    return _BY_SCHEME[scheme]
