"""The form of a provider account: its own columns, and what its adapter asks for."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from crm import accounts
from crm.channels.base import Field
from crm.choices import Channel
from crm.mail_choices import MailSecurity
from crm.models import ProviderAccount

_TOLD = "told_"
# Choices that are words of ours; whatever else there is to choose is a name and shown as it is.
_SAID = {
    "yes": gettext_lazy("yes"),
    "no": gettext_lazy("no"),
    **dict(MailSecurity.choices),
    "auto": gettext_lazy("By itself"),
    "plain": "PLAIN",
    "login": "LOGIN",
    "cram-md5": "CRAM-MD5",
    "xoauth2": "XOAUTH2",
    "oauthbearer": "OAUTHBEARER",
    "failures": gettext_lazy("Bounces"),
    "delays": gettext_lazy("Bounces and delays"),
    "everything": gettext_lazy("Bounces, delays and arrivals"),
    "unasked": gettext_lazy("Whatever it reports unasked"),
}
OWN = ("name", "channel", "sender", "lane", "per_second", "burst")


class AccountForm(forms.ModelForm):
    """What every account has; `form_for` adds what one provider asks for."""

    provider = ""
    asked: tuple[Field, ...] = ()

    class Meta:
        model = ProviderAccount
        fields = OWN

    def clean(self) -> dict[str, Any]:
        """What the operation would refuse is refused here, where it can still be mended."""
        data = super().clean() or {}
        if self.errors:
            return data
        try:
            accounts.check(wanted=self.wanted(), account_id=self.instance.pk)
        except ValidationError as error:
            raise ValidationError(error.messages) from error
        return data

    def wanted(self) -> accounts.NewAccount:
        """What was typed, as the operation takes it."""
        facts = self.cleaned_data
        return accounts.NewAccount(
            name=facts.get("name") or self.instance.name,
            channel=facts.get("channel") or accounts.channel_of(provider=self.provider),
            provider=self.provider,
            told={one.name: facts.get(_TOLD + one.name) or "" for one in self.asked},
            sender=facts["sender"],
            lane=facts["lane"],
            per_second=facts["per_second"],
            burst=facts["burst"],
        )


def form_for(*, provider: str, row: ProviderAccount | None) -> type[AccountForm]:
    """The form for an account of this provider, new or as it is kept."""
    asked = accounts.fields_of(provider=provider)
    made = {_TOLD + one.name: _field(one, row) for one in asked}
    names = own_names(provider, row)
    meta = type("Meta", (AccountForm.Meta,), {"fields": names})
    facts = {**made, "provider": provider, "asked": asked, "Meta": meta}
    return type("ProviderForm", (AccountForm,), facts)


def own_names(provider: str, row: ProviderAccount | None) -> tuple[str, ...]:
    """The columns that are asked for: a name once, a channel where the provider leaves it open."""
    left_out = {"name"} if row else set()
    left_out |= {"channel"} if accounts.channel_of(provider=provider) else set()
    return tuple(name for name in OWN if name not in left_out)


def told_names(provider: str, *, is_rare: bool) -> tuple[str, ...]:
    """The names of the fields that a provider adds: what every account tells, or what few do."""
    fields = accounts.fields_of(provider=provider)
    return tuple(_TOLD + one.name for one in fields if one.is_rare == is_rare)


def _field(asked: Field, row: ProviderAccount | None) -> forms.Field:
    label = _(asked.label) if asked.label else asked.name
    help_text = _(asked.help) if asked.help else ""
    if asked.is_secret:
        hidden = {"autocomplete": "new-password"}
        is_kept = row is not None and asked.name in row.kept_secrets()
        return forms.CharField(
            label=label,
            required=False,
            strip=True,
            widget=_lines(hidden) if asked.is_long else UnfoldAdminPasswordWidget(attrs=hidden),
            help_text=" ".join(filter(None, (help_text, _kept_hint(is_kept)))),
        )
    before = _said(asked, row)
    if asked.choices:
        return forms.ChoiceField(
            label=label,
            required=False,
            initial=before,
            choices=[(one, _SAID.get(one, one)) for one in asked.choices],
            widget=UnfoldAdminSelectWidget,
            help_text=help_text,
        )
    return forms.CharField(
        label=label,
        required=asked.is_needed and not asked.default,
        initial=before,
        widget=_lines({}) if asked.is_long else UnfoldAdminTextInputWidget,
        help_text=help_text,
    )


def _lines(attrs: dict[str, str]) -> forms.Widget:
    return UnfoldAdminTextareaWidget(attrs={**attrs, "rows": 4})


def _said(asked: Field, row: ProviderAccount | None) -> str:
    if row is None:
        return asked.default
    return row.url if asked.name == "url" else str(row.options.get(asked.name, asked.default))


def _kept_hint(is_kept: bool) -> str:
    if is_kept:
        return _("One is kept, and never shown again. Leave this empty to keep it.")
    return _("It is encrypted, and never shown again.")


def channels() -> Iterator[dict[str, Any]]:
    """What there is to choose from before a form can be shown, by what it carries."""
    names = [*((one.value, one.label) for one in Channel), ("", _("Any channel"))]
    for channel, label in names:
        mine = [
            {"name": name, "label": shown}
            for name, shown in accounts.providers_for()
            if accounts.channel_of(provider=name) == channel
        ]
        if mine:
            yield {"channel": channel, "label": label, "providers": mine}


TITLES = {
    "access": gettext_lazy("Access"),
    "rare": gettext_lazy("What few accounts need"),
    "limits": gettext_lazy("Limits"),
}
