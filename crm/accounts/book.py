"""The book of accounts: which carries a channel now, as this process has read it lately."""

import time
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote, urlsplit, urlunsplit

from django.conf import settings

from crm.channels import mime
from crm.channels.base import Account
from crm.choices import BreakerState, Channel, Lane
from crm.models import AccountStanding, ProviderAccount

# Which adapter speaks what an address of a provider begins with.
_BY_SCHEME = {
    "smtp": "email",
    "smtps": "email",
    "smtp+tls": "email",
    "http": "sms_http",
    "https": "sms_http",
    "memory": "memory",
}
_SETTING: dict[str, str] = {Channel.EMAIL: "EMAIL_URL", Channel.SMS: "SMS_URL"}
# A change is felt by every process within this time.
READ_EVERY = 1.0
URL_PASSWORD = "url_password"  # noqa: S105 - the name of a secret


class UnknownAddress(ValueError):  # noqa: N818 - it names the mistake
    """No adapter speaks what a provider's address begins with."""


class NoAccount(LookupError):  # noqa: N818 - it names what is missing
    """No account carries this channel."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An account with what only we know of it: its sender, its lane, its limits, how it stands."""

    account: Account
    channel: str
    sender: str
    is_active: bool = True
    lane: str = Lane.ALL
    per_second: float | None = None
    burst: int | None = None
    breaker: str = BreakerState.CLOSED
    opened_at: datetime | None = None
    opened_until_at: datetime | None = None
    rests_until_at: datetime | None = None

    @property
    def name(self) -> str:
        """What its messages and callbacks are known by."""
        return self.account.name

    def carries(self, *, channel: str, purpose: str) -> bool:
        """Whether messages of a purpose go by it at all; no purpose asks for the channel alone."""
        if self.channel != channel or not self.is_active:
            return False
        return not purpose or self.lane in {Lane.ALL, Lane.of(purpose)}

    def is_usable(self, *, now: datetime) -> bool:
        """Whether it may be used: not left alone, and not resting as its provider asked."""
        if self.breaker == BreakerState.OPEN or not self.is_active:
            return False
        return self.rests_until_at is None or self.rests_until_at <= now


@dataclass(slots=True)
class _Book:
    """What was read, and when."""

    kept: tuple[Kept, ...] = ()
    standings: dict[str, AccountStanding] | None = None
    read_at: float = float("-inf")


_book = _Book()


def forget() -> None:
    """Read the rows anew when next asked, in this process."""
    _book.read_at = float("-inf")


def in_order(*, channel: str, purpose: str = "") -> list[Kept]:
    """The active accounts that carry a channel, the first choice first.

    The settings stand in only where no row was ever made for the channel: whoever stops the last
    account wants nothing to leave.
    """
    _read()
    mine = [kept for kept in _book.kept if kept.channel == channel]
    if mine:
        return [kept for kept in mine if kept.carries(channel=channel, purpose=purpose)]
    described = from_settings(channel=channel)
    return [_standing_of(described)] if described else []


def usable(*, channel: str, purpose: str, now: datetime) -> Kept | None:
    """The first account that may be used now; none while all are stopped, left alone or rest."""
    order = in_order(channel=channel, purpose=purpose)
    return next((kept for kept in order if kept.is_usable(now=now)), None)


def for_channel(*, channel: str, purpose: str = "") -> Account:
    """The account that carries a channel now; if all are left alone, the first in order.

    `usable` knows more: it also heeds what rests.
    """
    order = in_order(channel=channel, purpose=purpose) or in_order(channel=channel)
    if not order:
        raise NoAccount(f"No active account carries {channel}.")
    in_use = (kept for kept in order if kept.breaker != BreakerState.OPEN)
    return next(in_use, order[0]).account


def named(*, name: str) -> Kept | None:
    """The account of this name, if it is one of ours."""
    _read()
    for kept in _book.kept:
        if kept.name == name:
            return kept
    for channel in Channel:
        described = from_settings(channel=channel)
        if described and described.name == name:
            return _standing_of(described)
    return None


def names_of(*, domain: str) -> list[str]:
    """The accounts, stopped ones too, whose mails come from a domain."""
    _read()
    described = from_settings(channel=Channel.EMAIL)
    every = [*_book.kept, *([described] if described else [])]
    return [one.name for one in every if mime.domain_of(one.sender) == domain]


def for_provider(*, provider: str) -> Account | None:
    """The account that a callback names, also one that carries nothing any more."""
    kept = named(name=provider)
    return kept.account if kept else None


def limits(*, name: str) -> tuple[float | None, int | None]:
    """What an account takes: messages a second, and how many at once."""
    kept = named(name=name)
    return (kept.per_second, kept.burst) if kept else (None, None)


def sender(*, channel: str) -> str:
    """Whom messages of a channel come from."""
    order = in_order(channel=channel)
    return order[0].sender if order else _default_sender(channel)


def sender_of(*, name: str, channel: str) -> str:
    """Whom messages that go by this account come from."""
    kept = named(name=name)
    return kept.sender if kept else sender(channel=channel)


def callback_url(*, name: str) -> str:
    """Where the provider of this account is to call us."""
    return f"{settings.PUBLIC_URL}/callbacks/{name}/"


def link_keys() -> list[bytes]:
    """The keys that our links are signed with, the newest first."""
    return [key.encode() for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def from_settings(*, channel: str) -> Kept | None:
    """The account that the settings describe for a channel, where they describe one."""
    url = _SETTING.get(channel) and getattr(settings, _SETTING[channel])
    if not url:
        return None
    provider = _provider(url)
    account = Account(
        provider=provider,
        url=url,
        api_key="" if channel == Channel.EMAIL else settings.SMS_API_KEY,
        callback_secret=settings.SMS_CALLBACK_SECRET,
        callback_url=callback_url(name=provider),
        name=provider,
        guarded_but=None,
    )
    return Kept(account, channel, _default_sender(channel))


def kept_of(*, row: ProviderAccount) -> Kept:
    """A row as adapters take it."""
    secrets = row.kept_secrets()
    account = Account(
        provider=row.provider,
        url=_with_password(row.url, secrets.pop(URL_PASSWORD, "")),
        api_key=secrets.get("api_key", ""),
        callback_secret=secrets.get("callback_secret") or settings.SMS_CALLBACK_SECRET,
        callback_url=callback_url(name=row.name),
        name=row.name,
        options=tuple(sorted(_options(row).items())),
        secrets=tuple(sorted(secrets.items())),
        guarded_but=tuple(settings.PROVIDER_ALLOWED_HOSTS),
    )
    return Kept(
        account=account,
        channel=row.channel,
        sender=row.sender or _default_sender(row.channel),
        is_active=row.is_active,
        lane=row.lane,
        per_second=row.per_second,
        burst=row.burst,
    )


def _options(row: ProviderAccount) -> dict[str, str]:
    """What staff said, with the rate: an adapter spreads what a batch may send over its seconds."""
    said = {name: str(value) for name, value in row.options.items()}
    return said | ({"per_second": f"{row.per_second:g}"} if row.per_second else {})


def _read() -> None:
    """Read the rows again if that was long ago."""
    if time.monotonic() - _book.read_at < READ_EVERY:
        return
    _book.standings = {one.name: one for one in AccountStanding.objects.all()}
    rows = ProviderAccount.objects.order_by("priority", "name")
    _book.kept = tuple(_standing_of(kept_of(row=row)) for row in rows)
    _book.read_at = time.monotonic()


def _standing_of(kept: Kept) -> Kept:
    standing = (_book.standings or {}).get(kept.name)
    if standing is None:
        return kept
    return replace(
        kept,
        breaker=standing.breaker,
        opened_at=standing.opened_at,
        opened_until_at=standing.opened_until_at,
        rests_until_at=standing.rests_until_at,
    )


def _default_sender(channel: str) -> str:
    return str(settings.SMS_FROM if channel == Channel.SMS else settings.EMAIL_FROM)


def _with_password(url: str, password: str) -> str:
    """An address with the password that is kept apart from it."""
    if not password:
        return url
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def _provider(url: str) -> str:
    scheme = urlsplit(url).scheme
    if scheme not in _BY_SCHEME:
        known = ", ".join(f"{name}://" for name in sorted(_BY_SCHEME))
        raise UnknownAddress(f"No provider is reached by {scheme}://; use one of {known}.")
    return _BY_SCHEME[scheme]
