"""Sending domains: their warm-up plan and their limits by recipient domain."""

import re
from contextlib import suppress
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from crm import pacing, reach
from crm.admin.domain_page import DomainPage
from crm.models import SendingDomain

_DOMAIN = re.compile(r"(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")


class SendingDomainForm(forms.ModelForm):
    """Numbers with commas between, and one recipient domain a line."""

    warm_up_plan = forms.CharField(
        label=capfirst(_("allowed per day")),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("How many on the first day, the second …: 50, 100, 500. Afterwards no limit."),
    )
    recipient_limits = forms.CharField(
        label=capfirst(_("limits by recipient domain")),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=_("A domain and messages a second on each line: gmail.com 20"),
    )

    class Meta:
        model = SendingDomain
        fields = (
            "domain",
            "per_second",
            "warm_up_from_date",
            "warm_up_plan",
            "recipient_limits",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["warm_up_plan"] = ", ".join(map(str, self.instance.warm_up_plan))
            limits = self.instance.recipient_limits.items()
            self.initial["recipient_limits"] = "\n".join(f"{k} {v:g}" for k, v in limits)

    def clean_domain(self) -> str:
        """The domain in small letters, as it stands in DNS."""
        domain = str(self.cleaned_data["domain"]).strip().lower()
        with suppress(UnicodeError):
            domain = reach.in_ascii(domain)
        if not _DOMAIN.fullmatch(domain):
            raise ValidationError(gettext("This is no domain."))
        return domain

    def clean_warm_up_plan(self) -> list[int]:
        """The numbers, one by one."""
        parts = re.split(r"[\s,;，、]+", self.cleaned_data["warm_up_plan"].strip())
        numbers = [part for part in parts if part]
        if not all(part.isdecimal() and len(part) < 10 for part in numbers):
            raise ValidationError(gettext("Write whole numbers with commas between."))
        return [int(part) for part in numbers]

    def clean_recipient_limits(self) -> dict[str, float]:
        """What each domain takes a second."""
        found = {}
        for line in self.cleaned_data["recipient_limits"].lower().splitlines():
            words = line.replace(",", " ").split()
            if not words:
                continue
            try:
                domain, rate = reach.in_ascii(words[0]), float(words[1])
            except (IndexError, ValueError):
                domain, rate = "", 0.0
            if not (_DOMAIN.fullmatch(domain) and 0 < rate < 1e6):
                text = gettext("“%(line)s” is no domain with a number behind it.")
                raise ValidationError(text % {"line": line.strip()})
            found[domain] = rate
        return found


@admin.register(SendingDomain)
class SendingDomainAdmin(DomainPage, ModelAdmin):
    """The domains our mails come from."""

    form = SendingDomainForm
    list_display = ("domain", "light", "warming", "today", "limit")
    search_fields = ("domain",)
    fields = (
        "domain",
        "per_second",
        ("warm_up_from_date", "warm_up_plan"),
        "recipient_limits",
    )

    @display(description=_("warm-up"))
    def warming(self, row: SendingDomain) -> str:
        day = pacing.today(row=row, now=timezone.now())
        if day is None:
            return gettext("none")
        text = gettext("day %(number)d of %(all)d")
        return text % {"number": day.number, "all": len(row.warm_up_plan)}

    @display(description=_("sent today"))
    def today(self, row: SendingDomain) -> str:
        day = pacing.today(row=row, now=timezone.now())
        return f"{pacing.sent_on(day=day)} / {day.allowed}" if day else "–"

    @display(description=_("limit"), ordering="per_second")
    def limit(self, row: SendingDomain) -> str:
        if row.per_second is None:
            return gettext("none")
        return gettext("%(count)g a second") % {"count": row.per_second}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("domain",) if obj else ()
