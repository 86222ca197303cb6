"""What they allow: a ledger of decisions, where it stands now, suppressions and pauses."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm import masking
from crm.choices import Channel, ConsentState, DecisionSource, Purpose, SuppressionReason

from .customer import Customer
from .override import Override
from .veil import Veiled


class ConsentDecision(Veiled):
    """One decision in the ledger; rows are only ever added."""

    VEILED = {"ip_address": lambda address: None, "proof": masking.facts}

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="consent_decisions", verbose_name=_("customer")
    )
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose)
    state = models.CharField(_("decision"), max_length=20, choices=ConsentState)
    source = models.CharField(_("source"), max_length=20, choices=DecisionSource)
    proof = models.JSONField(_("proof"), default=dict, blank=True)
    text_shown = models.TextField(_("text shown"), blank=True)
    # Kept only where CONSENT_KEEP_IP allows it.
    ip_address = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    decided_at = models.DateTimeField(_("decided at"))
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("recorded by"),
    )

    class Meta:
        verbose_name = _("consent decision")
        verbose_name_plural = _("consent decisions")
        ordering = ["-decided_at", "-id"]

    def __str__(self) -> str:
        return f"{self.channel}/{self.purpose}: {self.state}"


class Consent(models.Model):
    """Where a customer's consent stands now, per channel and purpose."""

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="consents", verbose_name=_("customer")
    )
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose)
    state = models.CharField(_("state"), max_length=20, choices=ConsentState)
    decided_at = models.DateTimeField(_("decided at"))

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "channel", "purpose"], name="one_consent_per_purpose"
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel}/{self.purpose}: {self.state}"


class Suppression(Veiled):
    """An address not to be written to, kept as a hash so that it survives erasure."""

    VEILED = {"detail": masking.hidden}

    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    address_hash = models.CharField(_("address hash"), max_length=64)
    reason = models.CharField(_("reason"), max_length=20, choices=SuppressionReason)
    source = models.CharField(
        _("source"), max_length=20, choices=DecisionSource, default=DecisionSource.STAFF
    )
    detail = models.CharField(_("detail"), max_length=255, blank=True)
    created_at = models.DateTimeField(_("since"))
    expires_at = models.DateTimeField(_("until"), null=True, blank=True)

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "address_hash"], name="one_suppression_per_address"
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.address_hash[:12]}"


class MarketingPause(Override):
    """Staff keep all marketing from a person until a date."""

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="pauses", verbose_name=_("customer")
    )

    class Meta(Override.Meta):
        verbose_name = _("marketing pause")
        verbose_name_plural = _("marketing pauses")
        constraints = [
            models.UniqueConstraint(
                fields=["customer"],
                condition=models.Q(lifted_at__isnull=True),
                name="one_pause_in_force",
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__isnull=False), name="a_pause_has_an_end"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.expires_at:%Y-%m-%d}"


class ContactPreference(models.Model):
    """How often a customer wants to hear from us at most."""

    customer = models.OneToOneField(
        Customer,
        models.CASCADE,
        primary_key=True,
        related_name="contact_preference",
        verbose_name=_("customer"),
    )
    messages = models.PositiveSmallIntegerField(_("messages at most"))
    days = models.PositiveSmallIntegerField(_("in so many days"))
    chosen_at = models.DateTimeField(_("chosen at"))

    class Meta:
        verbose_name = _("frequency choice")
        verbose_name_plural = _("frequency choices")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(messages__gt=0, days__gt=0), name="a_frequency_is_positive"
            )
        ]

    def __str__(self) -> str:
        return f"{self.messages} / {self.days}"
