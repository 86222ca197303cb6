"""How the list of customers is narrowed: country, language, reach and pauses."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from crm import consent
from crm.admin.tags import language
from crm.choices import Channel, ConsentState, Purpose
from crm.models import Customer

Choices = Iterable[tuple[Any, Any]]


def _values_of(field: str) -> list[str]:
    found = Customer.objects.exclude(**{field: ""}).order_by(field)
    return list(found.values_list(field, flat=True).distinct())


class CountryFilter(DropdownFilter):
    """Customers of one country."""

    title = _("country")
    parameter_name = "country"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(value, value) for value in _values_of("country")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        return queryset.filter(country=self.value()) if self.value() else queryset


class LanguageFilter(DropdownFilter):
    """Customers who are written to in one language."""

    title = _("language")
    parameter_name = "language"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(value, language(value)) for value in _values_of("language")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        return queryset.filter(language=self.value()) if self.value() else queryset


class ConsentFilter(DropdownFilter):
    """Customers who allow marketing on a channel, or who withdrew that."""

    title = _("marketing consent")
    parameter_name = "consent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [
            (f"{channel}:{state}", f"{channel.label}: {state.label}")
            for channel in Channel
            for state in ConsentState
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        channel, _colon, state = (self.value() or "").partition(":")
        if not state:
            return queryset
        return queryset.filter(
            consents__channel=channel, consents__purpose=Purpose.MARKETING, consents__state=state
        )


class ReachableFilter(DropdownFilter):
    """Customers whom marketing reaches on a channel today, or does not."""

    title = _("reach")
    parameter_name = "reach"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        for channel in Channel:
            names = {"channel": channel.label}
            yield f"{channel}:yes", gettext("%(channel)s: reachable") % names
            yield f"{channel}:no", gettext("%(channel)s: not reachable") % names

    def queryset(self, request: HttpRequest, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        channel, _colon, answer = (self.value() or "").partition(":")
        if channel not in Channel.values:
            return queryset
        open_to_us = consent.reachable(
            customers=Customer.objects.order_by(),
            channel=channel,
            purpose=Purpose.MARKETING,
            now=timezone.now(),
        )
        ids = open_to_us.values("pk")
        return queryset.filter(pk__in=ids) if answer == "yes" else queryset.exclude(pk__in=ids)


class PausedFilter(DropdownFilter):
    """Customers to whom staff paused marketing, or did not."""

    title = _("marketing pause")
    parameter_name = "paused"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("yes", _("Paused")), ("no", _("Not paused"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        if self.value() == "yes":
            return queryset.filter(pk__in=Customer.objects.paused(now=now).values("pk"))
        if self.value() == "no":
            return queryset.exclude(pk__in=Customer.objects.paused(now=now).values("pk"))
        return queryset
