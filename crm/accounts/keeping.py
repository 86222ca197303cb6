"""Accounts as staff keep them: made, changed, put in order, stopped and started."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import unquote, urlsplit, urlunsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crm.accounts import book, places
from crm.channels import registry
from crm.channels.base import Field
from crm.channels.mime import parse_address
from crm.choices import BreakerState, Channel, Lane
from crm.models import AccountStanding, ProviderAccount

# The fake of tests and rehearsals: nobody is to choose it.
_FAKE = "memory"
# What an account of the fake has to tell.
_PLAIN = (Field("url", gettext_noop("Address")),)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What staff say about an account; `told` answers the fields of its adapter.

    A secret that is not told stays as it is.
    """

    name: str
    channel: str
    provider: str
    told: Mapping[str, str] = field(default_factory=dict, repr=False)
    sender: str = ""
    lane: str = Lane.ALL
    per_second: float | None = None
    burst: int | None = None
    priority: int | None = None


def fields_of(*, provider: str) -> tuple[Field, ...]:
    """What an account of this provider has to tell."""
    declared: tuple[Field, ...] = getattr(registry.adapter_class(provider), "fields", ())
    return declared or _PLAIN


def label_of(*, provider: str) -> str:
    """What staff call a provider."""
    if provider not in registry.PROVIDERS:
        return provider
    return str(getattr(registry.adapter_class(provider), "label", "") or provider)


def providers_for() -> list[tuple[str, str]]:
    """Every provider that sends, with its label, by the alphabet of the labels."""
    real = set(registry.PROVIDERS) - {_FAKE}
    found = [(name, label_of(provider=name)) for name in real]
    return sorted(found, key=lambda one: one[1].lower())


def channel_of(*, provider: str) -> str:
    """The channel that a provider carries; empty where it may carry any."""
    if provider == _FAKE or provider not in registry.PROVIDERS:
        return ""
    return str(registry.adapter_class(provider).channel)


def check(*, wanted: NewAccount, account_id: int | None) -> None:
    """Refuse what cannot be kept, as `keep` and `change` would; nothing is written."""
    _check_place(wanted)
    row = ProviderAccount(name=wanted.name, provider=wanted.provider)
    if account_id is not None:
        row = ProviderAccount.objects.get(pk=account_id)
    _fill(row, wanted)


def keep(*, new: NewAccount, now: datetime) -> ProviderAccount:
    """Make an account; it carries messages at once, after all others of its channel."""
    _check_place(new)
    with transaction.atomic():
        row = ProviderAccount(name=new.name, provider=new.provider, created_at=now)
        last = ProviderAccount.objects.filter(channel=new.channel).order_by("-priority").first()
        row.priority = last.priority + 10 if last else 10
        return _write(row, new)


def change(*, account_id: int, wanted: NewAccount) -> ProviderAccount:
    """Change what staff say about an account; its name and its provider stay. Locks the account."""
    _check_place(wanted)
    with transaction.atomic():
        row = ProviderAccount.objects.select_for_update().get(pk=account_id)
        return _write(row, wanted)


@transaction.atomic
def stop(*, account_id: int) -> ProviderAccount:
    """Let an account carry nothing more; callbacks about what it carried are still taken."""
    return _set_active(account_id, True, False)


@transaction.atomic
def start(*, account_id: int) -> ProviderAccount:
    """Let a stopped account carry messages again, whatever it was left alone for."""
    row = _set_active(account_id, False, True)
    AccountStanding.objects.filter(name=row.name).update(
        breaker=BreakerState.CLOSED,
        reason="",
        detail="",
        opened_until_at=None,
        rests_until_at=None,
        trips=0,
    )
    return row


@transaction.atomic
def move(*, account_id: int, places: int) -> None:
    """Let an account go so many places later (or, below nought, sooner) among its channel's."""
    row = ProviderAccount.objects.get(pk=account_id)
    others = ProviderAccount.objects.select_for_update().filter(channel=row.channel)
    rows = list(others.order_by("priority", "name"))
    at = rows.index(row)
    rows.insert(max(0, min(len(rows) - 1, at + places)), rows.pop(at))
    for place, one in enumerate(rows, start=1):
        if one.priority != place * 10:
            one.priority = place * 10
            one.save(update_fields=["priority"])
    _felt()


def _check_place(wanted: NewAccount) -> None:
    """Name servers may take their time: they are asked before anything is locked."""
    places.check_url(url=str(wanted.told.get("url", "")).strip())
    place_of = getattr(registry.adapter_class(wanted.provider), "place_of", None)
    if place_of is None:
        return
    try:
        host, port = place_of(wanted.told)
    except ValueError as error:
        raise ValidationError(str(error)) from error
    places.check_host(host=host, port=port)


def _write(row: ProviderAccount, wanted: NewAccount) -> ProviderAccount:
    _fill(row, wanted)
    row.save()
    _felt()
    return row


def _fill(row: ProviderAccount, wanted: NewAccount) -> None:
    if channel_of(provider=row.provider) not in {"", wanted.channel}:
        raise ValidationError(_("This provider carries another channel."))
    row.channel, row.sender, row.lane = wanted.channel, wanted.sender.strip(), wanted.lane
    row.per_second, row.burst = wanted.per_second, wanted.burst
    row.priority = row.priority if wanted.priority is None else wanted.priority
    _take_told(row, wanted.told)
    row.full_clean(exclude=["created_at"])
    try:
        if row.sender and row.channel == Channel.EMAIL:
            parse_address(row.sender)
        kept = book.kept_of(row=row).account
        registry.adapter_class(kept.provider)(kept).close()
    except ValueError as error:
        raise ValidationError(str(error)) from error


def _take_told(row: ProviderAccount, told: Mapping[str, str]) -> None:
    """Sort what was told into address, options and secrets; a secret not told anew stays."""
    fields = fields_of(provider=row.provider)
    before = row.kept_secrets()
    names = {one.name for one in fields if one.is_secret}
    secrets = {name: value for name, value in before.items() if name in names}
    row.options = {}
    for one in fields:
        value = str(told.get(one.name, "")).strip()
        if one.is_secret:
            secrets |= {one.name: value} if value else {}
        elif one.name == "url":
            row.url, password = _without_password(value)
            password = password or before.get(book.URL_PASSWORD, "")
            secrets |= {book.URL_PASSWORD: password} if password and "@" in row.url else {}
        elif value:
            row.options[one.name] = value
    missing = [
        _(one.label)
        for one in fields
        if one.is_needed and not (secrets.get(one.name) or _said(row, one.name) or one.default)
    ]
    if missing:
        raise ValidationError(_("Still needed: %(names)s") % {"names": ", ".join(missing)})
    row.keep_secrets(secrets)


def _said(row: ProviderAccount, name: str) -> str:
    return row.url if name == "url" else str(row.options.get(name, ""))


def _without_password(url: str) -> tuple[str, str]:
    """An address as it may be shown, and the password that was in it."""
    parts = urlsplit(url)
    if not parts.password:
        return url, ""
    user, _at, host = parts.netloc.rpartition("@")
    shown = urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{host}"))
    return shown, unquote(parts.password)


def _set_active(account_id: int, before: bool, after: bool) -> ProviderAccount:
    row = ProviderAccount.objects.select_for_update().get(pk=account_id)
    if row.is_active != before:
        raise ValidationError(_("This was done already."))
    row.is_active = after
    row.save(update_fields=["is_active"])
    _felt()
    return row


def _felt() -> None:
    book.forget()
    transaction.on_commit(book.forget)
