"""Whom we tell what happens: subscribers by HTTP, and every try to reach them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from crm import masking
from crm.choices import WebhookState

from .encrypted import EncryptedTextField
from .veil import Veiled


class Webhook(models.Model):
    """A subscriber's address, what it wants to hear, and the secrets that sign it."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    url = models.URLField(_("address"), max_length=500)
    events = ArrayField(
        models.CharField(max_length=200),
        verbose_name=_("events"),
        help_text=_("Names or beginnings: order.placed, message.*, *"),
    )
    tells_handles = models.BooleanField(
        _("tell handles"),
        default=False,
        help_text=_("E-mail address, phone number and other handles, not only customer numbers"),
    )
    # The newest first, one a line; two while a secret is being replaced.
    secrets = EncryptedTextField(_("secrets"), editable=False)
    rotated_at = models.DateTimeField(_("secret replaced at"), null=True, editable=False)
    failing_since_at = models.DateTimeField(_("failing since"), null=True, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    stopped_because = models.CharField(_("stopped because"), max_length=255, blank=True)
    created_at = models.DateTimeField(_("since"))

    history = HistoricalRecords(excluded_fields=["secrets"])

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class WebhookDelivery(Veiled):
    """One thing told to one subscriber, until it was heard or given up."""

    VEILED = {"payload": masking.facts, "log": masking.facts}

    webhook = models.ForeignKey(
        Webhook, models.CASCADE, related_name="deliveries", verbose_name=_("webhook")
    )
    # The id that the subscriber sees; the same for every try and replay.
    key = models.CharField(_("key"), max_length=100)
    event_name = models.CharField(_("event"), max_length=200)
    customer_id = models.BigIntegerField(_("customer"), null=True, db_index=True)
    payload = models.JSONField(_("payload"))
    state = models.CharField(
        _("state"), max_length=20, choices=WebhookState, default=WebhookState.DUE
    )
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    # What came of each try: when, status, milliseconds, error.
    log = models.JSONField(_("tries so far"), default=list)
    owner = models.CharField(_("owner"), max_length=100, blank=True)
    created_at = models.DateTimeField(_("created at"))
    due_at = models.DateTimeField(_("due at"), null=True)
    lease_until_at = models.DateTimeField(_("lease until"), null=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["webhook", "key"], name="one_delivery_a_key")
        ]
        indexes = [
            models.Index(
                fields=["webhook", "due_at"],
                condition=models.Q(state="due"),
                name="webhook_delivery_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.event_name} #{self.pk}"
