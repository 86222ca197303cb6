"""Through whom messages leave: accounts with providers, how they stand, and sending domains."""

import json
from collections.abc import Mapping

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from simple_history.models import HistoricalRecords

from crm import masking
from crm.choices import BreakerReason, BreakerState, Channel, Health, Lane, TrialState

from .encrypted import EncryptedTextField
from .veil import Veiled


class ProviderAccount(models.Model):
    """One account with one provider; of those that carry a channel the first that is well goes.

    Its name is in the rows of its messages and in the address of its callbacks: it never changes.
    """

    name = models.SlugField(
        _("name"),
        max_length=50,
        unique=True,
        help_text=_("Kept with every message, and part of the address that callbacks come to."),
    )
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    provider = models.CharField(_("provider"), max_length=50)
    url = models.CharField(_("address"), max_length=500, blank=True)
    sender = models.CharField(
        _("sender"), max_length=320, blank=True, help_text=_("Empty: as the settings say.")
    )
    options = models.JSONField(_("options"), default=dict, blank=True)
    # A JSON object; written by forms and never shown again.
    secrets = EncryptedTextField(_("secrets"), blank=True, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    priority = models.PositiveSmallIntegerField(
        pgettext_lazy("of several", "order"),
        default=10,
        help_text=_("The smallest goes first; the next one stands in."),
    )
    lane = models.CharField(_("carries"), max_length=10, choices=Lane, default=Lane.ALL)
    per_second = models.FloatField(
        _("messages a second"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.001)],
        help_text=_("What the provider takes. Empty: no limit."),
    )
    burst = models.PositiveIntegerField(
        _("at once"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("How many may go at once after a rest. Empty: what goes in a quarter second."),
    )
    created_at = models.DateTimeField(_("created at"))

    history = HistoricalRecords(excluded_fields=["secrets"])

    class Meta:
        verbose_name = _("provider account")
        verbose_name_plural = _("provider accounts")
        ordering = ["channel", "priority", "name"]
        permissions = [
            ("check_provideraccount", _("Can ask providers whether accounts work, and send tests"))
        ]

    def __str__(self) -> str:
        return self.name

    def kept_secrets(self) -> dict[str, str]:
        """The secrets by the names of their fields."""
        found: dict[str, str] = json.loads(self.secrets) if self.secrets else {}
        return found

    def keep_secrets(self, secrets: Mapping[str, str]) -> None:
        """Take these secrets in place of all there were."""
        self.secrets = json.dumps(dict(secrets)) if secrets else ""


class AccountStanding(models.Model):
    """How an account fares, whether it is a row or stands in the settings."""

    name = models.CharField(_("account"), max_length=50, unique=True)
    health = models.CharField(_("health"), max_length=10, choices=Health, default=Health.UNKNOWN)
    health_detail = models.CharField(_("what the provider said"), max_length=500, blank=True)
    checked_at = models.DateTimeField(_("asked at"), null=True)
    # Set by “check now”, until the provider has been asked.
    check_wanted_at = models.DateTimeField(_("to be asked since"), null=True)
    breaker = models.CharField(
        _("use"), max_length=10, choices=BreakerState, default=BreakerState.CLOSED
    )
    reason = models.CharField(_("why"), max_length=20, choices=BreakerReason, blank=True)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    opened_at = models.DateTimeField(_("left alone since"), null=True)
    opened_until_at = models.DateTimeField(_("next trial at"), null=True)
    # How often in a row a trial failed: the next one waits longer.
    trips = models.PositiveSmallIntegerField(_("failed trials"), default=0)
    # What the provider asked for by Retry-After.
    rests_until_at = models.DateTimeField(_("rests until"), null=True)

    class Meta:
        verbose_name = _("standing of an account")
        verbose_name_plural = _("standings of accounts")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(breaker=BreakerState.CLOSED) | ~models.Q(reason=""),
                name="an_account_left_alone_has_a_reason",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.breaker}"


class AccountTrial(Veiled):
    """A test message that staff sent through an account, and what became of it."""

    VEILED = {"address": masking.address, "detail": masking.text}

    account = models.ForeignKey(
        ProviderAccount, models.CASCADE, related_name="trials", verbose_name=_("account")
    )
    address = models.CharField(_("address"), max_length=320)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("by"),
    )
    state = models.CharField(
        _("state"), max_length=10, choices=TrialState, default=TrialState.QUEUED
    )
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("created at"))
    settled_at = models.DateTimeField(_("settled at"), null=True)

    class Meta:
        verbose_name = _("test of an account")
        verbose_name_plural = _("tests of accounts")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.account_id} #{self.pk}"


class SendingDomain(models.Model):
    """The domain mails come from: how much it may send, while it is new and to whom at all."""

    domain = models.CharField(_("domain"), max_length=253, unique=True)
    per_second = models.FloatField(
        _("messages a second"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.001)],
        help_text=_("By all accounts together. Empty: no limit."),
    )
    warm_up_from_date = models.DateField(
        _("warm-up since"), null=True, blank=True, help_text=_("Empty: no warm-up.")
    )
    # How many on the first day, the second …; after the last one there is no limit.
    warm_up_plan = ArrayField(models.PositiveIntegerField(), default=list, blank=True)
    # {recipient domain: messages a second}
    recipient_limits = models.JSONField(_("limits by recipient domain"), default=dict, blank=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("sending domain")
        verbose_name_plural = _("sending domains")
        ordering = ["domain"]

    def __str__(self) -> str:
        return self.domain


class Notice(models.Model):
    """Something that staff must know: shown on the dashboard, and mailed to whom it concerns."""

    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        related_name="+",
        verbose_name=_("for"),
    )
    title = models.CharField(_("what"), max_length=200)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    path = models.CharField(_("page"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"), db_index=True)
    # How mailing it stands; an attempt is counted before it is made.
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    due_at = models.DateTimeField(_("due at"), null=True)
    mailed_at = models.DateTimeField(_("mailed at"), null=True)
    error = models.CharField(_("error"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["due_at"], condition=models.Q(due_at__isnull=False), name="notice_due"
            )
        ]

    def __str__(self) -> str:
        return self.title
