"""A step's try to reach one customer: the plan and the verdict."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.choices import DeliveryState, Reason
from crm import masking
from crm.models import Customer, Message
from crm.models.veil import Veiled

from .campaign import Campaign, Step

UNSENT_STATES = (DeliveryState.SKIPPED, DeliveryState.FAILED, DeliveryState.CANCELLED)


class Delivery(Veiled):
    """planned → claimed(owner, lease, fence) → handed over, or skipped, failed, cancelled."""

    VEILED = {"detail": masking.text}

    campaign = models.ForeignKey(
        Campaign,
        models.PROTECT,
        related_name="deliveries",
        db_index=False,
        verbose_name=_("campaign"),
    )
    step = models.ForeignKey(
        Step, models.PROTECT, related_name="deliveries", db_index=False, verbose_name=_("step")
    )
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="deliveries", verbose_name=_("customer")
    )
    state = models.CharField(
        _("state"), max_length=20, choices=DeliveryState, default=DeliveryState.PLANNED
    )
    reason = models.CharField(_("reason"), max_length=30, choices=Reason, blank=True)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    # Only the transaction that writes both ever sets it: that PostgreSQL looked up every message
    # again, and locked it, took longer than to write the delivery.
    message = models.OneToOneField(
        Message,
        models.PROTECT,
        db_constraint=False,
        null=True,
        blank=True,
        related_name="delivery",
        verbose_name=_("message"),
    )
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    owner = models.CharField(_("owner"), max_length=100, blank=True)
    lease_until_at = models.DateTimeField(_("lease until"), null=True, blank=True)
    # Grows with every claim: a worker that lost its lease cannot write with the old one.
    fence = models.PositiveIntegerField(default=0)
    planned_at = models.DateTimeField(_("planned at"))
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("cancelled by"),
    )

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["step", "customer"], name="one_delivery_per_step"),
            models.CheckConstraint(
                condition=~models.Q(state__in=UNSENT_STATES) | ~models.Q(reason=""),
                name="an_unsent_delivery_has_a_reason",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=DeliveryState.HANDED_OVER)
                | models.Q(message__isnull=False),
                name="a_delivery_handed_over_has_a_message",
            ),
        ]
        indexes = [
            # What has been tried already waits behind the others, lest it take them along.
            models.Index(
                fields=["campaign", "attempts", "id"],
                condition=models.Q(state=DeliveryState.PLANNED),
                name="delivery_to_claim",
            ),
            models.Index(
                fields=["lease_until_at"],
                condition=models.Q(state=DeliveryState.CLAIMED),
                name="delivery_claimed",
            ),
            models.Index(fields=["campaign", "state", "reason"], name="delivery_balance"),
            models.Index(
                fields=["cancelled_by"],
                condition=models.Q(cancelled_by__isnull=False),
                name="delivery_by_canceller",
            ),
        ]
        permissions = [("cancel_delivery", _("Can cancel a planned delivery"))]

    def __str__(self) -> str:
        return f"{self.get_state_display()} #{self.pk}"
