"""What every manual override records: who, when, why, and when it was lifted."""

from datetime import datetime
from typing import Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from crm import masking

from .veil import Veiled

_Row_co = TypeVar("_Row_co", bound=models.Model, covariant=True)


class OverrideQuerySet(models.QuerySet[_Row_co]):
    """Overrides in force, and those that are not any more."""

    def in_force(self, *, now: datetime) -> Self:
        """Neither lifted nor past their time."""
        return self.filter(self._holds(now))

    def not_in_force(self, *, now: datetime) -> Self:
        """Lifted or past their time."""
        return self.exclude(self._holds(now))

    @staticmethod
    def _holds(now: datetime) -> Q:
        return Q(lifted_at__isnull=True) & (Q(expires_at__isnull=True) | Q(expires_at__gt=now))


OverrideManager = models.Manager.from_queryset(OverrideQuerySet)


class Override(Veiled):
    """A decision of staff that stands beside what the machine computes."""

    VEILED = {"reason": masking.hidden}

    reason = models.CharField(_("reason"), max_length=255)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("set by"),
    )
    created_at = models.DateTimeField(_("set at"))
    expires_at = models.DateTimeField(_("until"), null=True, blank=True)
    lifted_at = models.DateTimeField(_("lifted at"), null=True, blank=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("lifted by"),
    )

    objects = OverrideManager()

    class Meta:
        abstract = True
        ordering = ["-created_at"]
