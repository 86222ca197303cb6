"""The keys by which shops and other programs call the API."""

import hashlib
import secrets
from datetime import datetime
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from crm.choices import ApiScope

PREFIX = "rk_"


def draw_secret() -> str:
    """Draw a new key, to be shown once."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """Hash a key as it is kept; it is random and long, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Keys that open the API, and those that do not any more."""

    def valid(self, *, now: datetime) -> Self:
        """Neither revoked nor expired."""
        return self.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now), revoked_at=None)

    def not_valid(self, *, now: datetime) -> Self:
        """Revoked or expired."""
        return self.filter(Q(revoked_at__isnull=False) | Q(expires_at__lte=now))


class ApiKey(models.Model):
    """A key with scopes; only its hash is kept."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    key_hash = models.CharField(_("key hash"), max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=20, choices=ApiScope), verbose_name=_("scopes"))
    rate = models.PositiveIntegerField(
        _("calls a minute"), null=True, blank=True, help_text=_("Empty: as the settings say")
    )
    created_at = models.DateTimeField(_("created at"))
    expires_at = models.DateTimeField(_("until"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class IdempotentCall(models.Model):
    """A call that carried an Idempotency-Key, and the answer it got, to be given again."""

    caller = models.CharField(_("caller"), max_length=50)
    key = models.CharField(_("key"), max_length=255)
    request_hash = models.CharField(_("request hash"), max_length=64)
    # Empty while the first call is still at work.
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    answer = models.JSONField(_("answer"), null=True)
    created_at = models.DateTimeField(_("created at"), db_index=True)

    class Meta:
        verbose_name = _("idempotent call")
        verbose_name_plural = _("idempotent calls")
        constraints = [
            models.UniqueConstraint(fields=["caller", "key"], name="one_idempotent_call")
        ]

    def __str__(self) -> str:
        return self.key
